"""What the server emits is valid against the official schemas, and so are the examples."""

from pathlib import Path

import pytest
from lxml import etree
from xds_world import FIND, World, cases, lot, parse, placeholders, query
from xds_world import schemas as our_schemas

from dmpws.codec.ebxml.answers import (
    RegistryError,
    RetrievedDocument,
    query_response,
    registry_response,
    retrieve_response,
)
from dmpws.domain.checks import Report
from dmpws.resources import folder
from dmpws.transactions import td2_1, td3_1, td3_2
from dmpws.transactions.registry import operations, transactions

ERRORS = [
    RegistryError("XDSRegistryMetadataError", 'a "b" <c>\n&', "urn:uuid:1"),
    RegistryError("XDSRegistryError", ""),
]
EXAMPLES = folder("transactions")


@pytest.fixture(scope="module")
def schemas(reference: Path) -> dict[str, etree.XMLSchema]:
    base = reference / "contracts" / "dmp" / "schema"
    files = {
        "repository": base / "IHE" / "XDS.b_DocumentRepository.xsd",
        "query": base / "ebRS" / "query.xsd",
        "rs": base / "ebRS" / "rs.xsd",
    }
    return {name: etree.XMLSchema(etree.parse(path)) for name, path in files.items()}


def test_answers_are_valid(schemas: dict[str, etree.XMLSchema]) -> None:
    document = RetrievedDocument("1.2", "1.2.3", "text/xml", "a@urn:b", "urn:oid:1.2")
    for body, name in (
        (registry_response(), "rs"),
        (registry_response(ERRORS), "rs"),
        (query_response(), "query"),
        (query_response(errors=ERRORS), "query"),
        (retrieve_response(errors=ERRORS), "repository"),
    ):
        schemas[name].assertValid(parse(body))
    partial = parse(retrieve_response([document], ERRORS))
    partial[1][-1].remove(partial[1][-1][0])
    partial[1][-1].text = "AAAA"
    schemas["repository"].assertValid(partial)


def test_a_search_answer_is_valid(world: World, schemas: dict[str, etree.XMLSchema]) -> None:
    world.deposit(lot())
    world.authorise("libre")
    schemas["query"].assertValid(
        world.search(query((EXAMPLES / "TD3.1/request.xml").read_text("utf-8"), placeholders()))
    )


def test_the_examples_are_valid(schemas: dict[str, etree.XMLSchema]) -> None:
    body = lot().body
    for document in body.findall("{*}Document"):
        document.remove(document[0])
        document.text = "AAAA"
    schemas["repository"].assertValid(body)
    values = placeholders(consultation="1.2.3", entry_uuid="urn:uuid:1")
    for path, name in (
        ("TD3.1/request.xml", "query"),
        ("TD3.1/reference.xml", "query"),
        ("TD3.1/response.xml", "query"),
        ("TD3.2/request.xml", "repository"),
        ("TD2.1/response.xml", "rs"),
        ("TD2.1/refused.xml", "rs"),
    ):
        schemas[name].assertValid(query((EXAMPLES / path).read_text("utf-8"), values))


def test_the_examples_and_the_answers_follow_our_schemas(world: World) -> None:
    values = placeholders(consultation="1.2.3", entry_uuid="urn:uuid:1", content_id="a@b")
    bodies = [lot().body, world.deposit(lot()), world.search(query(FIND))]
    for path in ("TD3.1/request.xml", "TD3.1/reference.xml", "TD3.1/response.xml", "TD3.2/request.xml"):
        bodies.append(query((EXAMPLES / path).read_text("utf-8"), values))
    for path in ("TD2.1/response.xml", "TD2.1/refused.xml", "TD3.2/response.xml"):
        bodies.append(query((EXAMPLES / path).read_text("utf-8"), values))
    for body in bodies:
        report = Report()
        assert our_schemas().check(body, report), report.failures


@pytest.mark.parametrize(
    ("errors", "documents", "status"),
    [(0, 0, "Success"), (0, 1, "Success"), (1, 1, "PartialSuccess"), (1, 0, "Failure")],
)
def test_retrieve_status(errors: int, documents: int, status: str) -> None:
    document = RetrievedDocument("1.2", "1.2.3", "text/xml", "a@b")
    body = parse(retrieve_response([document] * documents, ERRORS[:errors]))
    assert body[0].get("status", "").endswith(f":{status}")
    assert len(body) == 1 + documents


def test_errors_keep_their_text() -> None:
    (error, _) = parse(registry_response(ERRORS)).iter("{*}RegistryError")
    assert error.get("codeContext") == 'a "b" <c>\n&'
    assert list(error.attrib) == ["codeContext", "errorCode", "location", "severity"]


def test_the_examples_are_what_the_server_answers(world: World) -> None:
    """response.xml and refused.xml of TD2.1, response.xml of TD3.1 and TD3.2."""
    accepted = lot()
    assert same(world.deposit(accepted), "TD2.1/response.xml")
    case = next(c for c in cases("TD2.1") if c["id"] == "patient-type")
    assert same(world.deposit(lot(change=case["change"])), "TD2.1/refused.xml")
    world.authorise("libre")
    values = placeholders(consultation=accepted.values["document_unique_id"])
    with world.store.read() as work:
        values["entry_uuid"] = work.documents.by_unique_id([values["consultation"]])[0].entry_uuid
    body = world.search(query((EXAMPLES / "TD3.1/reference.xml").read_text("utf-8"), values))
    assert same(body, "TD3.1/response.xml", values)
    body, reply = world.retrieve(query((EXAMPLES / "TD3.2/request.xml").read_text("utf-8"), values))
    (values["content_id"],) = (cid.replace(":", "%3A") for cid in reply.attachments)
    assert same(body, "TD3.2/response.xml", values)


def same(body: etree._Element, example: str, values: dict[str, str] | None = None) -> bool:
    """Whether an answer is the example, white space between elements apart."""
    shown = query((EXAMPLES / example).read_text("utf-8"), values or {})
    for element in shown.iter():
        element.text = (element.text or "").strip() or None
        element.tail = None
    return etree.tostring(shown, method="c14n") == etree.tostring(body, method="c14n")


def test_the_registry_knows_the_transactions() -> None:
    entries = {t.code: t for t in transactions()}
    for code, module in (("TD2.1", td2_1), ("TD3.1", td3_1), ("TD3.2", td3_2)):
        assert entries[code].handle is module.handle
        assert entries[code].module == module.__name__
        assert entries[code].operation in operations()
    assert entries["TD2.1"].writes
    assert entries["TD2.1"].operation is not None
    assert entries["TD2.1"].operation.mtom_request
    assert not entries["TD3.1"].writes
