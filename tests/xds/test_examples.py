"""Every example of the XDS folders of transactions/ gets the answer it promises."""

import uuid
from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape

import pytest
from lxml import etree
from xds_world import (
    Frame,
    Record,
    World,
    cases,
    entries_of,
    errors_of,
    fill,
    fill_record,
    lot,
    placeholders,
    schemas,
    status_of,
    unique_id_of,
)

from dmpws.codec.ebxml.query_forms import FORMS
from dmpws.domain.access import Purpose
from dmpws.domain.checks import Report
from dmpws.domain.patient import DmpStatus
from dmpws.resources import folder
from dmpws.transactions import load
from dmpws.transactions.call import Settings
from dmpws.transactions.registry import transaction
from dmpws.xml.names import RIM, XDSB, XOP
from dmpws.xml.parser import XmlLimits, parse
from dmpws.xml.xop import content_id_of

load()
DEPOSITS = [case for code in ("TD2.1", "TD2.2") for case in cases(code)]
SEARCHES, READS = cases("TD3.1"), cases("TD3.2")
EXAMPLES = folder("transactions")
QUERIES = {form.name: uuid for uuid, form in FORMS.items()}


def ids(case: dict[str, Any]) -> str:
    return str(case["id"])


def token_of(case: dict[str, Any]) -> dict[str, Any]:
    token = dict(case.get("token", {}))
    if "purpose" in token:
        token["purpose"] = Purpose(token["purpose"])
    record = dict(case.get("record", {}))
    if "status" in record:
        record["status"] = DmpStatus(record["status"])
    return token | {"record": record}


@pytest.mark.parametrize("case", DEPOSITS, ids=ids)
def test_deposit(case: dict[str, Any], request: pytest.FixtureRequest) -> None:
    earlier: dict[str, str] = {}
    world: World = request.getfixturevalue("world" if "after" in case else "shared_world")
    for number, name in enumerate(case.get("after", [])):
        before = next(other for other in DEPOSITS if other["id"] == name)
        if before.get("patient"):
            world.open_dmp(before["patient"])
        frame, body, _ = deposit(before, world, earlier)
        assert errors_of(body) == []
        earlier |= names_of(("first", "second")[number], frame, world)
    if "after" in case and case.get("patient"):
        world.open_dmp(case["patient"])
    frame, body, played = deposit(case, world, earlier)
    check({**case, "context": fill(case.get("context", ""), frame.values)}, body)
    assert played.notes.transaction == case["transaction"]


def deposit(case: dict[str, Any], world: World, earlier: dict[str, str]) -> tuple[Frame, etree._Element, World]:
    """The lot of a case, the answer, and the world with the settings of the case."""
    world = replace(world, patient=case.get("patient", "pat-trois"), settings=settings_of(case))
    fresh = placeholders(world.patient, folder_unique_id=f"2.25.{uuid.uuid4().int}", note_uuid=str(uuid.uuid4()))
    document = case["document"].encode() if "document" in case else None
    if "document_of" in case:
        document = bytes.fromhex(earlier[f"{case['document_of']}_octets"])
    frame = lot(
        {**fresh, **{key: fill(value, earlier) for key, value in case.get("values", {}).items()}, **earlier},
        change=case.get("change"),
        change_document=case.get("change_document"),
        document=document,
        document_file=case.get("document_file", "document.xml"),
        objects_file=case.get("objects_file", ""),
        signature=case.get("signature", "<Signature/>").encode(),
        replace_all=case.get("replace_all", []),
        transaction=case["transaction"],
    )
    return frame, world.deposit(frame, case.get("caller", "libre"), **token_of(case)), world


def names_of(prefix: str, frame: Frame, world: World) -> dict[str, str]:
    """Placeholders for what an earlier case stored."""
    values = frame.values
    found = {key: values[f"{key}_unique_id"] for key in ("document", "lot", "signature", "folder")}
    found |= {"set_id": values["document_set_id"], "octets": frame.parts["document@example"].read().hex()}
    with world.store.read() as work:
        for key in ("document", "signature"):
            found[f"{key}_uuid"] = work.documents.by_unique_id([found[key]])[0].entry_uuid
        for stored in work.packages.folders(unique_ids=[found["folder"]]):
            found["folder_uuid"] = stored.uuid
    return {f"{prefix}_{key}": value for key, value in found.items()}


@pytest.fixture(scope="module")
def record(shared_record: World) -> Record:
    return fill_record(shared_record)


@pytest.mark.parametrize("case", SEARCHES, ids=ids)
def test_search(case: dict[str, Any], record: Record) -> None:
    frame = "query.xml" if "query" in case else case.get("frame", "request.xml")
    text = (EXAMPLES / "TD3.1" / frame).read_text("utf-8").replace("{{query}}", QUERIES.get(case.get("query"), ""))
    slots = "".join(slot(name, values) for name, values in case.get("parameters", {}).items())
    text = text.replace("</rim:AdhocQuery>", slots + "</rim:AdhocQuery>")
    world = replace(record.world, settings=settings_of(case))
    body = world.search(
        parse(fill(text, record.values, case.get("change")).encode()), case.get("caller", "libre"), **token_of(case)
    )
    check({**case, "context": fill(case.get("context", ""), record.values)}, body)
    found = [unique_id_of(entry) for entry in entries_of(body)]
    references = [ref.get("id", "") for ref in body.iter(f"{{{RIM}}}ObjectRef")]
    assert [record.name_of(unique_id) for unique_id in found] == case.get("found", [])
    assert [record.name_of(uuid) for uuid in references] == case.get("references", [])
    packages = [package.get("id", "") for package in body.iter(f"{{{RIM}}}RegistryPackage")]
    assert [record.name_of(uuid) for uuid in packages] == case.get("packages", [])
    associations = [shown(link, record) for link in body.iter(f"{{{RIM}}}Association")]
    assert associations == case.get("associations", [])
    number = len(found) + len(references) + len(packages) + len(associations)
    assert body.get("totalResultCount") == str(number)
    if number:
        report = Report()
        assert schemas().check(body, report), report.failures


def shown(link: etree._Element, record: Record) -> str:
    """An association as the cases write it: type, source, target."""
    kind = link.get("associationType", "").rpartition(":")[2]
    return f"{kind} {record.name_of(link.get('sourceObject', ''))} {record.name_of(link.get('targetObject', ''))}"


@pytest.mark.parametrize("case", READS, ids=ids)
def test_read(case: dict[str, Any], record: Record) -> None:
    text = fill((EXAMPLES / "TD3.2" / "request.xml").read_text("utf-8"), record.values, case.get("change"))
    world = replace(record.world, settings=settings_of(case))
    body, reply = world.retrieve(parse(text.encode()), case.get("caller", "libre"), **token_of(case))
    case = {**case, "context": fill(case.get("context", ""), record.values)}
    case.setdefault("status", "Failure" if "code" in case else "Success")
    if case["status"] == "Success":
        assert errors_of(body) == []
    else:
        check(case, body)
    assert status_of(body) == case["status"]
    got = [(e.findtext(f"{{{XDSB}}}DocumentUniqueId"), part_of(e)) for e in body.iter(f"{{{XDSB}}}DocumentResponse")]
    assert [record.name_of(unique_id or "") for unique_id, _ in got] == case.get("documents", [])
    for name, (_, part) in zip(case.get("documents", []), got, strict=True):
        assert reply.attachments[part].read() == record.octets[name]
    assert len(reply.attachments) == len(got)


def slot(name: str, values: list[Any]) -> str:
    """One Slot, or several when the values are lists."""
    if values and isinstance(values[0], list):
        return "".join(slot(name, group) for group in values)
    inside = "".join(f"<rim:Value>{escape(value)}</rim:Value>" for value in values)
    return f'<rim:Slot name="{name}"><rim:ValueList>{inside}</rim:ValueList></rim:Slot>'


def part_of(response: etree._Element) -> str:
    include = response.find(f"{{{XDSB}}}Document/{{{XOP}}}Include")
    assert include is not None
    return content_id_of(include)


def settings_of(case: dict[str, Any]) -> Settings:
    options = dict(case.get("settings", {}))
    if "cda_limits" in options:
        options["cda_limits"] = XmlLimits(**options["cda_limits"])
    return Settings(**options)


def check(case: dict[str, Any], body: Any) -> None:
    """Check the answer: the code, in its carrier, of the rule, with what was expected and what was found.

    A rule that is empty: the DMP prescribes the whole codeContext.
    """
    errors = errors_of(body)
    if "code" not in case:
        assert errors == []
        assert status_of(body) == case.get("status", "Success")
        return
    assert case["carrier"] == transaction(case["transaction"]).carrier
    assert status_of(body) == case.get("status", "Failure")
    said = [context for code, context in errors if code == case["code"]]
    if not case["rule"]:
        assert case["context"] in said, errors
        return
    named = [context for context in said if f" [{case['rule']}, " in context]
    assert any(case["context"] in context for context in named), errors
    assert all("attendu : " in context and "trouvé : " in context for context in named), errors


@pytest.mark.parametrize("examples", [DEPOSITS, SEARCHES, READS])
def test_examples_have_distinct_ids(examples: list[dict[str, Any]]) -> None:
    names = [case["id"] for case in examples]
    assert len(names) == len(set(names))
