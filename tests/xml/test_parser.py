"""The one parser: what it refuses, and why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from dmpws.domain.checks import Refused
from dmpws.xml.parser import XmlLimits, parse, reparse
from dmpws.xml.path import path_of

BOMB = (
    b'<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx">'
    + b"".join(b'<!ENTITY x%d "%s">' % (n, (b"&x%d;" % (n - 1) if n else b"&x;") * 10) for n in range(10))
    + b"]><a>&x9;</a>"
)


@pytest.mark.parametrize(
    ("octets", "rule"),
    [
        (b"", "XML-FORM"),
        (b"text", "XML-FORM"),
        (b"<a>", "XML-FORM"),
        (b"<a>\xe9</a>", "XML-FORM"),
        (b"<a/><b/>", "XML-FORM"),
        (b"<a>&undefined;</a>", "XML-FORM"),
        (b'<?xml version="1.0" encoding="UTF-8"?><a>\xff\xfe</a>', "XML-FORM"),
        (b"<!DOCTYPE a><a/>", "XML-DTD"),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd"><a/>', "XML-DTD"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "XML-DTD"),
        ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"), "XML-DTD"),
        (b'<?xml version="1.0" encoding="UTF-7"?>+ADw-a/+AD4-', "XML-ENCODING"),
        (b'<?xml version="1.0" encoding="IBM037"?><a/>', "XML-ENCODING"),
        ('<?xml version="1.0" encoding="IBM037"?><a/>'.encode("cp037"), "XML-FORM"),
        (b"<a>" * 101 + b"</a>" * 101, "XML-DEPTH"),
        (b"<a>" + b"<b/>" * 1_000_000 + b"</a>", "XML-TAGS"),
        (b"<a>" + b"<b c='' d=''/>" * 500_001 + b"</a>", "XML-ATTRIBUTES"),
        (b"<a>" + b" " * (10 * 1024 * 1024) + b"</a>", "XML-SIZE"),
    ],
)
def test_refused_by_name(octets: bytes, rule: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(octets)
    assert refused.value.checks[0].rule.id == rule


def test_an_entity_bomb_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        parse(BOMB)
    assert refused.value.checks[0].rule.id in ("XML-DTD", "XML-FORM")


def test_the_limits_are_the_last_accepted_values() -> None:
    limits = XmlLimits(octets=len(b"<a><b/></a>"), tags=3, depth=2)
    assert parse(b"<a><b/></a>", limits).tag == "a"


def test_comments_processing_instructions_and_cdata_are_kept() -> None:
    root = parse(b"<a><!--c--><?p q?><![CDATA[<]]></a>")
    assert etree.tostring(root) == b"<a><!--c--><?p q?><![CDATA[<]]></a>"


def test_a_long_text_node_is_accepted() -> None:
    octets = b"<a>" + b"x" * 12_000_000 + b"</a>"
    assert len(parse(octets, XmlLimits(octets=13_000_000)).text or "") == 12_000_000


def test_reparse_stands_alone_and_keeps_inherited_xml_attributes() -> None:
    root = parse(b'<a xmlns="urn:a" xml:lang="fr"><b><c/></b></a>')
    assert etree.tostring(reparse(root[0]), method="c14n") == b'<b xmlns="urn:a" xml:lang="fr"><c></c></b>'


def test_a_path_counts_twins_only() -> None:
    root = parse(b'<s:a xmlns:s="urn:s"><b/><c/><b><d/></b></s:a>')
    assert path_of(root[2][0]) == "/a/b[2]/d"


@given(st.binary(max_size=200))
def test_whatever_comes_there_is_a_tree_or_a_refusal(octets: bytes) -> None:
    try:
        root = parse(octets)
    except Refused as refused:
        assert refused.code == "DMPInvalidRequest"
    else:
        assert isinstance(root.tag, str)
