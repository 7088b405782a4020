"""Every example of the XDS folders of transactions/ gets the answer it promises."""

from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape

import pytest
from lxml import etree
from xds_world import (
    Record,
    World,
    cases,
    entries_of,
    errors_of,
    fill,
    fill_record,
    lot,
    placeholders,
    rules_of,
    schemas,
    status_of,
    unique_id_of,
)

from dmpws.codec.ebxml.attachments import content_id
from dmpws.codec.ebxml.query_forms import FORMS
from dmpws.domain.access import Purpose
from dmpws.domain.checks import Report
from dmpws.domain.patient import DmpStatus
from dmpws.resources import folder
from dmpws.transactions.call import Settings
from dmpws.xml.names import RIM, XDSB, XOP
from dmpws.xml.parser import XmlLimits, parse

DEPOSITS = [{"transaction": code, **case} for code in ("TD2.1", "TD2.2") for case in cases(code)]
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
def test_deposit(case: dict[str, Any], shared_world: World) -> None:
    world = replace(shared_world, patient=case.get("patient", "pat-trois"), settings=settings_of(case))
    frame = lot(
        placeholders(world.patient),
        change=case.get("change"),
        change_document=case.get("change_document"),
        document=case["document"].encode() if "document" in case else None,
        signature=case.get("signature", "<Signature/>").encode(),
        replace_all=case.get("replace_all", []),
        transaction=case["transaction"],
    )
    body = world.deposit(frame, case.get("caller", "libre"), **token_of(case))
    check(case, body)
    assert world.notes.transaction == case["transaction"]


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
    check(case, body)
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
    return content_id(include.get("href", ""))


def settings_of(case: dict[str, Any]) -> Settings:
    options = dict(case.get("settings", {}))
    if "cda_limits" in options:
        options["cda_limits"] = XmlLimits(**options["cda_limits"])
    return Settings(**options)


def check(case: dict[str, Any], body: Any) -> None:
    errors = errors_of(body)
    if "code" not in case:
        assert errors == []
        assert status_of(body) == case.get("status", "Success")
        return
    assert status_of(body) == case.get("status", "Failure")
    assert case["code"] in {code for code, _ in errors}, errors
    if "rule" in case:
        assert case["rule"] in rules_of(body), errors
    assert any(case.get("context", "") in context for code, context in errors if code == case["code"]), errors


@pytest.mark.parametrize("examples", [DEPOSITS, SEARCHES, READS])
def test_examples_have_distinct_ids(examples: list[dict[str, Any]]) -> None:
    names = [case["id"] for case in examples]
    assert len(names) == len(set(names))
