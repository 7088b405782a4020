"""Messages of ITI-47, 62 and 86 with one thing missing, doubled or spoilt: the answer is one of the transaction."""

import copy
from collections.abc import Iterator

import pytest
from ihe_world import AUTHORITY, EXAMPLES, Lab, fill, new_patient, play
from lxml import etree

from dmpws.client.errors import ServerFault
from dmpws.domain import oids
from dmpws.xml.parser import parse

CODES = ["ITI-47", "ITI-62", "ITI-86"]
HOSTILE = ["", "'; DROP TABLE patient; --", "é" * 3000]


def spoilt(code: str) -> Iterator[tuple[str, str]]:
    """The example of a transaction, changed in one place."""
    root = parse((EXAMPLES / code / "request.xml").read_bytes())
    for number, element in enumerate(root.iter(etree.Element)):
        for what in changes_of(element):
            changed = copy.deepcopy(root)
            found = list(changed.iter(etree.Element))[number]
            apply(found, *what)
            yield f"{number} {what[0]} {what[1][:20]}", etree.tostring(changed, encoding="unicode")


def changes_of(element: etree._Element) -> Iterator[tuple[str, str]]:
    if element.getparent() is not None:
        yield from (("missing", ""), ("doubled", ""))
    yield from ((str(name), value) for name in element.attrib for value in HOSTILE)
    if (element.text or "").strip():
        yield from (("text", value) for value in HOSTILE)


def apply(element: etree._Element, what: str, value: str) -> None:
    parent = element.getparent()
    if what in element.attrib:
        element.set(what, value)
    elif what == "text":
        element.text = value
    elif parent is not None and what == "missing":
        parent.remove(element)
    elif parent is not None:
        parent.insert(parent.index(element), copy.deepcopy(element))


@pytest.mark.parametrize("code", CODES)
def test_the_answer_is_one_of_the_transaction(lab: Lab, code: str) -> None:
    """No failure of ours; a fault only for what is not the message at all; nothing is given back at length."""
    known = {"repository": oids.REPOSITORY, "authority": AUTHORITY, "family": "NESSI"}
    for name, text in spoilt(code):
        known["id"] = new_patient(lab).partition("^")[0]
        try:
            answer = play(lab, code, fill(text, known))
        except ServerFault as fault:
            assert fault.code == "Sender", (name, str(fault))
            continue
        assert answer.status in (200, 400), name
        repeated = list(answer.body.iter("{*}queryByParameter"))
        for element in repeated:
            element.getparent().remove(element)  # type: ignore[union-attr]
        assert len(etree.tostring(answer.body)) < 20_000, name
    assert play(lab, code, fill((EXAMPLES / code / "request.xml").read_text("utf-8"), known)).status == 200
