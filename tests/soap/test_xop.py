"""xop:Include, built and read."""

import pytest
from lxml import etree

from dmpws.xml.xop import INCLUDE, content_id_of, href_of, normal_content_id

ID = "uuid-1@urn:ihe:iti:xds-b:2007"


def test_an_include_is_written_like_the_official_frame_and_read_back() -> None:
    assert href_of(ID) == "cid:uuid-1@urn%3Aihe%3Aiti%3Axds-b%3A2007"
    assert content_id_of(etree.Element(INCLUDE, href=href_of(ID))) == ID


@pytest.mark.parametrize(
    ("href", "content_id"),
    [
        (f"cid:{ID}", ID),
        ("CID:a%20b", "a b"),
        (" cid:a ", "a"),
        ("cid:", ""),
        ("http://example.org/a", ""),
        ("", ""),
    ],
)
def test_what_an_include_names(href: str, content_id: str) -> None:
    assert content_id_of(etree.Element(INCLUDE, href=href)) == content_id


@pytest.mark.parametrize("text", ["<a@b>", " <a@b> ", "a@b", "a%40b", "<a%40b>"])
def test_content_ids_have_one_form(text: str) -> None:
    assert normal_content_id(text) == "a@b"
