"""Every element of every message about records, authorisations and accounts: missing, doubled, empty, oversized, wrong.

What must come back is in bad_messages.tsv: AA, DMPOk, a code, or `fault` when no transaction can be told; `-` when the
mutation has no meaning there. Whatever is sent, the answer is valid. An element that holds others, and says nothing by
itself, is wrong when it holds one more that the contract does not know.
"""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree
from world import NOW, World

from dmpws.domain.checks import Refused, Report
from dmpws.domain.internet_account import Channel, ChannelType, InternetAccount
from dmpws.soap.validation import Schemas
from dmpws.testing.examples import Example, examples, render, request_text, values_of
from dmpws.testing.stage import verdict
from dmpws.transactions import load
from dmpws.transactions.registry import operations, select, transactions
from dmpws.xml.parser import parse, reparse

load()
FRAMES = {
    e.id.partition("/")[0]: e
    for e in examples()
    if e.id
    in {
        *("TD0.2/valid", "TD1.1/create", "TD1.2/reactivate", "TD1.3a/read", "TD1.3b/change", "TD1.4/close"),
        *("TD0.0/refused-closed", "TD0.3/medecin-traitant", "TD0.4/owner-myself", "TD0.5/found"),
        *("TD1.5a/create", "TD1.5b/add", "TD1.5d/renew", "TD1.6/care-team"),
    }
}
OPERATIONS = {operation.body: operation for operation in operations()}
MUTATIONS = ("missing", "doubled", "empty", "oversized", "wrong")
LONG = 100_001
NAMED = ("extension", "value", "code", "root")
"""The attribute that says what an element is about, the first it has."""
TABLE = Path(__file__).with_name("bad_messages.tsv")


def message(example: Example) -> etree._Element:
    text = render(request_text(example), values_of(example, now=NOW, url="x", vihf="x"))
    body = parse(text.encode())[1][0]
    assert isinstance(body, etree._Element)
    return reparse(body)


def elements(root: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    """The root (`.`), every element below it, and its path; twins are numbered."""
    yield ".", root
    for element in root.iterdescendants(etree.Element):
        steps = []
        node = element
        while node is not root:
            parent = node.getparent()
            assert parent is not None
            twins = [child for child in parent if child.tag == node.tag]
            number = f"[{twins.index(node) + 1}]" if len(twins) > 1 else ""
            steps.append(etree.QName(node).localname + number)
            node = parent
        yield "/".join(reversed(steps)), element


def say(element: etree._Element, value: str) -> bool:
    """Make an element say something else; False when it says nothing by itself."""
    if element.text and element.text.strip():
        element.text = value
        return True
    name = next((name for name in NAMED if element.get(name)), None)
    if name is not None:
        element.set(name, value)
    return name is not None


def mutated(root: etree._Element, path: str, mutation: str) -> etree._Element | None:
    """The message with one element changed, None when the mutation has no meaning there."""
    changed = copy.deepcopy(root)
    element = dict(elements(changed))[path]
    parent = element.getparent()
    if mutation in ("missing", "doubled") and parent is None:  # an empty Body, or two children: no transaction's affair
        return None
    if mutation == "missing":
        parent.remove(element)
    elif mutation == "doubled":
        element.addnext(copy.deepcopy(element))
    elif mutation == "empty":
        kept = {name: value for name, value in element.attrib.items() if name.endswith("type")}
        element.clear()
        element.attrib.update(kept)
    elif not say(element, "9" * LONG if mutation == "oversized" else "☃\u202e"):
        if mutation == "oversized":
            return None
        etree.SubElement(element, etree.QName(root, "unheardOf"))
    return reparse(changed)


def sent(example: Example, body: etree._Element, schemas: Schemas) -> str:
    """What the server answers: AA, a code, or `fault`. The answer is valid."""
    world = World(patient=example.patient, purpose=example.purpose)
    world.given(**{"authorisation": "VALIDE", **example.given})
    if example.id.startswith(("TD1.5b", "TD1.5d")):
        world.store.internet_accounts.held[1] = InternetAccount("LOGIN", "", (Channel(ChannelType.SMS, "0612345678"),))
    operation = OPERATIONS[str(body.tag)]
    asked = select(operation, body, operation.service)
    if not asked:
        return "fault"
    [transaction] = asked
    report = Report()
    try:
        schemas.check(body, report)
        report.raise_failures()
        reply = transaction.handle(world.call(), body)
    except Refused as refused:
        reply = transaction.refuse(refused, body)
    assert isinstance(reply.body, etree._Element)
    answer = Report()
    schemas.check(reparse(reply.body), answer)
    assert [check.message for check in answer.failures] == []
    return verdict(reply.body)[1]


ROWS = {
    (code, path): dict(zip(MUTATIONS, outcomes, strict=True))
    for line in TABLE.read_text("utf-8").splitlines()
    if not line.startswith("#")
    for path, codes, *outcomes in [line.split("\t")]
    for code in codes.split()
}


def test_every_transaction_of_the_record_is_spoiled() -> None:
    """TD0.1 is the head of every message, and has none of its own (tests/vihf, tests/hostile)."""
    assert {t.code for t in transactions() if t.code < "TD2"} - {"TD0.1"} == {*FRAMES}


@pytest.mark.parametrize("code", sorted(FRAMES))
def test_the_table_has_every_element(code: str) -> None:
    paths = [path for path, _ in elements(message(FRAMES[code]))]
    assert [path for of, path in ROWS if of == code and path not in paths] == []
    assert [path for path in paths if (code, path) not in ROWS] == []


@pytest.mark.parametrize("code", sorted(FRAMES))
def test_every_mutation_gets_its_answer(code: str, schemas: Schemas) -> None:
    whole = message(FRAMES[code])
    assert sent(FRAMES[code], whole, schemas) == FRAMES[code].code
    found = {
        (path, mutation): "-"
        if (changed := mutated(whole, path, mutation)) is None
        else sent(FRAMES[code], changed, schemas)
        for path, _ in elements(whole)
        for mutation in MUTATIONS
    }
    expected = {(path, m): outcome for (of, path), row in ROWS.items() if of == code for m, outcome in row.items()}
    assert {key: value for key, value in found.items() if expected[key] != value} == {}
