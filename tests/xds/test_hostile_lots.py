"""A lot that says what it should not, in every value it has, and one of a thousand documents."""

from collections.abc import Iterator

import pytest
from lxml import etree
from xds_lots import Document, lot_of
from xds_world import Frame, World, errors_of, lot

from dmpws.domain.document import Status
from dmpws.domain.errors import CATALOGUE
from dmpws.domain.query import DocumentQuery
from dmpws.testing.deposits import new_oid
from dmpws.xml.names import RIM

HOSTILE = ["' OR ''='", '"; DROP TABLE document_entry; --', "\\%_$1 {0} %s :patient", "é" * 5000, ""]
ATTRIBUTES = (
    "value",
    "nodeRepresentation",
    "mimeType",
    "objectType",
    "associationType",
    "sourceObject",
    "targetObject",
)


def places(body: etree._Element) -> Iterator[tuple[etree._Element, str]]:
    """Every value of a lot that is free text or an identifier: an element, and its attribute or nothing."""
    for element in body.iter(f"{{{RIM}}}*"):
        if element.tag == f"{{{RIM}}}Value":
            yield element, ""
        yield from ((element, name) for name in ATTRIBUTES if element.get(name) is not None)


def spoilt(number: int, value: str) -> Frame:
    """The example with another value in one place."""
    frame = lot()
    element, attribute = list(places(frame.body))[number]
    if attribute:
        element.set(attribute, value)
    else:
        element.text = value
    return frame


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: value[:12])
def test_a_hostile_value_is_only_a_value(shared_world: World, value: str) -> None:
    """Refused by name, or kept to the letter."""
    kept = 0
    for number in range(len(list(places(lot().body)))):
        errors = errors_of(shared_world.deposit(spoilt(number, value)))
        assert {code for code, _ in errors} <= CATALOGUE.keys()
        assert all(len(context) < 1000 for _, context in errors)
        kept += not errors
    assert kept or not value.strip()
    assert errors_of(shared_world.deposit(lot())) == []


def test_a_hostile_title_comes_back(shared_world: World) -> None:
    told = "<title>Compte rendu de consultation</title>"
    frame = lot(change_document=[[told, f"<title>{HOSTILE[1]}</title>"]])
    [title] = frame.body.findall(f".//{{{RIM}}}ExtrinsicObject[@id='document']/{{{RIM}}}Name/*")
    title.set("value", HOSTILE[1])
    assert errors_of(shared_world.deposit(frame)) == []
    with shared_world.store.read() as work:
        [entry] = work.documents.by_unique_id([frame.values["document_unique_id"]])
    assert HOSTILE[1].replace('"', "&quot;") in entry.fragment.decode()


@pytest.mark.slow
def test_a_thousand_documents(world: World) -> None:
    """All of them are there, or none: one that is wrong refuses the lot."""
    documents = [Document(f"d{n}", new_oid()) for n in range(1000)]
    again = Document("again", documents[-1].unique_id)
    twice = {code for code, _ in errors_of(world.deposit(lot_of([*documents, again])))}
    assert twice == {"XDSRegistryDuplicateUniqueIdInMessage"}
    with world.store.read() as work:
        everything = DocumentQuery(1, tuple(Status))
        assert work.documents.find(everything, limit=2000) == []
    assert errors_of(world.deposit(lot_of(documents))) == []
    with world.store.read() as work:
        found = {entry.unique_id for entry in work.documents.find(everything, limit=2000)}
    assert found >= {document.unique_id for document in documents}
