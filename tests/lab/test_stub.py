"""`serve --stub`: the frames of transactions/ as answers, chosen by patient."""

import os
import re
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from dmpws import cast
from dmpws.app import build_stub_app
from dmpws.cli import main
from dmpws.client import Attachment, ClinicalDocument, Deposit, LpsSession
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.client.pdf import one_page_pdf
from dmpws.client.registry import cx, query_request
from dmpws.client.transport import WsgiTransport
from dmpws.client.verdict import verdict
from dmpws.codec.ebxml.query_forms import FORMS
from dmpws.config import load
from dmpws.domain.checks import Report
from dmpws.domain.errors import CATALOGUE
from dmpws.domain.patient import Ins
from dmpws.http import SERVICES_PATH
from dmpws.lab.stub import Stub, read_table
from dmpws.pki.demo import DemoPki, create
from dmpws.soap.validation import Schemas
from dmpws.store import open_store
from dmpws.testing.examples import Example, examples
from dmpws.testing.server import free_port
from dmpws.testing.stage import Stage, body_child
from dmpws.xml.names import HL7, SOAP, WSA
from dmpws.xml.parser import parse

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TABLE = read_table()
FIRST: dict[str, Example] = {}
for _example in examples():
    if _example.id.startswith("TD"):
        FIRST.setdefault(_example.id.partition("/")[0], _example)
STATES = {
    "open": {"authorisation": "VALIDE"},
    "empty": {"authorisation": "VALIDE"},
    "unauthorised": {},
    "expired": {"authorisation": "EXPIRE"},
    "blocked": {"authorisation": "INTERDIT"},
    "closed": {"dmp": "closed"},
    "none": {"dmp": "none"},
}
ACTION = "urn:ihe:iti:2007:RegistryStoredQuery"
NEEDS_MORE = {"TD1.5b", "TD1.5d", "TD3.3a", "TD3.3b", "TD3.3c", "TD3.3d"}
"""Whose example is about an account or a document that the real server has not."""


@pytest.fixture(scope="module")
def stub() -> object:
    config = load({"profile": "local"}, environment={})
    return build_stub_app(config, Stub(TABLE, lambda: NOW))


@pytest.fixture
def lps(stub: object, pki: DemoPki) -> LpsSession:
    card = pki.card("medecin-libre")
    return LpsSession(card, transport=WsgiTransport(stub, card, SERVICES_PATH), clock=lambda: NOW)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def stage(pki: DemoPki, _migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    (folder / "dmpws.sqlite").write_bytes(_migrated_sqlite.read_bytes())
    with closing(open_store(f"sqlite:///{folder / 'dmpws.sqlite'}", folder / "documents")) as store:
        yield Stage(store, pki, NOW)


def send(app: object, pki: DemoPki, octets: bytes, service: str, action: str) -> etree._Element:
    content_type = f'application/soap+xml; charset=UTF-8; action="{action}"'
    transport = WsgiTransport(app, pki.card("medecin-libre"), SERVICES_PATH)  # type: ignore[arg-type]
    return parse(transport.post(service, content_type, [octets], len(octets)).stream.read())


def action_of(octets: bytes) -> str:
    return parse(octets).findtext(f".//{{{WSA}}}Action") or ""


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("code", [code for code in FIRST if code not in NEEDS_MORE])
def test_the_stub_says_what_the_server_says(code: str, state: str, stub: object, stage: Stage, pki: DemoPki) -> None:
    example = replace(FIRST[code], given=STATES[state])
    stage.clear()
    stage.given(example)
    expected = verdict(stage.answer(example))
    key = TABLE.situations[state].patients[0]
    model, patient = (cast.PATIENTS[k].ins.value.encode() for k in (example.patient, key))
    octets = stage.request(example).replace(model, patient)
    service = stage_service(code)
    assert verdict(body_child(etree.tostring(send(stub, pki, octets, service, action_of(octets))))) == expected


def stage_service(code: str) -> str:
    from dmpws.transactions.registry import operations

    body = parse(FIRST[code].folder.joinpath(FIRST[code].request).read_bytes()).find(f"{{{SOAP}}}Body")
    assert body is not None
    return next(o for o in operations() if o.body == body[0].tag).service


def test_everything_a_client_does_on_its_first_day(lps: LpsSession) -> None:
    patient = cast.PATIENTS["cas2"]
    existence = lps.test_existence(patient.ins)
    assert (existence.birth_name, existence.given, existence.treating_doctor) == ("BOUCHER", "FRANÇOIS", True)
    [found] = lps.find_documents(patient.ins).documents
    [document] = lps.retrieve(patient.ins, [found.unique_id]).documents
    assert (document.octets.sha1, document.octets.size) == (found.hash, found.size)
    assert b"BOUCHER" in document.octets.read()
    assert lps.find_documents(patient.ins, return_type="ObjectRef").references == (found.entry_uuid,)
    pdf = Attachment("application/pdf", one_page_pdf("Bonjour"))
    cda = ClinicalDocument(patient.ins, patient.traits, lps.actor, CONSULTATION_REPORT, "Titre", pdf, NOW, NOW)
    assert lps.submit(patient.ins, [Deposit(cda.to_xml())]).ok
    assert lps.add_authorisation(patient.ins).status == "DMPOk"
    assert lps.read_administrative_data(patient.ins).traits.sex == "M"
    assert lps.list_authorised(patient.ins).patients[0].birth_name == "PAT-TROIS"
    assert lps.mask(patient.ins, found.unique_id).ok


def test_a_patient_has_one_document_or_several_or_none(lps: LpsSession) -> None:
    ins = cast.PATIENTS["cas12"].ins
    found = lps.find_documents(ins).documents
    assert ["MASQUE_PS" in document.confidentiality for document in found] == [False, True, False]
    assert [d.creation_time[:8] for d in found] == sorted((d.creation_time[:8] for d in found), reverse=True)
    got = lps.retrieve(ins, [document.unique_id for document in found]).documents
    assert [(d.octets.sha1, d.octets.size) for d in got] == [(d.hash, d.size) for d in found]
    one = cast.PATIENTS["pat-trois"].ins
    assert not {d.entry_uuid for d in found} & {d.entry_uuid for d in lps.find_documents(one).documents}
    nobody = cast.PATIENTS["petra"].ins
    assert (lps.find_documents(nobody).ok, lps.find_documents(nobody).documents) == (True, ())
    assert lps.retrieve(nobody, ["1.2.3"]).problems[0].code == "XDSDocumentUniqueIdError"


def test_a_query_finds_what_it_is_about(lps: LpsSession) -> None:
    ins = cast.PATIENTS["cas12"].ins
    everything = lps.get_all(ins)
    [lot] = everything.sets
    documents = [document.entry_uuid for document in everything.documents]
    assert [(a.source, a.target) for a in everything.associations] == [(lot.entry_uuid, uuid) for uuid in documents]
    for answer, sets, links in (
        (lps.find_submission_sets(ins), 1, 0),
        (lps.get_submission_sets(ins, documents), 1, 3),
        (lps.get_associations(ins, documents), 0, 3),
        (lps.find_folders(ins), 0, 0),
        (lps.get_related_documents(ins, entry_uuid=documents[0]), 0, 0),
    ):
        assert answer.ok
        assert (len(answer.sets), len(answer.associations), answer.documents, answer.folders) == (sets, links, (), ())
    whole = lps.get_submission_set_and_contents(ins, entry_uuid=lot.entry_uuid)
    assert (len(whole.sets), len(whole.documents), len(whole.associations)) == (1, 3, 3)
    assert lps.find_documents(ins, return_type="ObjectRef").references == tuple(documents)


def test_what_is_found_is_valid(stub: object, pki: DemoPki) -> None:
    schemas, report, sizes = Schemas.load(), Report(), set()
    for name in ("pat-trois", "cas12", "petra"):
        for query in FORMS:
            asked = query_request(query, {"$XDSDocumentEntryPatientId": [f"'{cx(cast.PATIENTS[name].ins)}'"]})
            octets = b'<s:Envelope xmlns:s="%s"><s:Body>%s</s:Body></s:Envelope>' % (
                SOAP.encode(),
                etree.tostring(asked),
            )
            answer = body_child(etree.tostring(send(stub, pki, octets, "registry", ACTION)))
            sizes.add(int(answer.get("totalResultCount", "")))
            schemas.check(answer, report)
    assert report.failures == ()
    assert sizes == {0, 1, 2, 3, 4, 6, 7}


def test_who_is_not_in_the_table_has_no_dmp_and_may_get_one(lps: LpsSession) -> None:
    somebody = cast.PATIENTS["cas1"]
    assert not lps.test_existence(somebody.ins).exists
    assert not lps.test_existence(Ins("299019999999999", somebody.ins.authority)).exists
    assert lps.create_record(somebody.ins, somebody.traits, consent=NOW).acknowledgement == "AA"


def request(name: str, **changes: str) -> bytes:
    """The request of TD0.2, without VIHF."""
    text = (FIRST["TD0.2"].folder / "request.xml").read_text("utf-8")
    text = re.sub(r"<wsse:Security.*?</wsse:Security>", "", text, flags=re.DOTALL)
    ins = cast.PATIENTS[name].ins
    values = {"ins": ins.value, "ins_authority": ins.authority, "now": "20261121120000", "uuid": "e7a1", **changes}
    for key, value in {**values, "message_id": "0f1e2d3c-0000-4000-8000-000000000001"}.items():
        text = text.replace("{{" + key + "}}", value)
    return re.sub(r"\{\{\w+\}\}", "x", text).encode()


def test_identifiers_are_those_of_the_request(stub: object, pki: DemoPki) -> None:
    octets = request("pat-trois").replace(b"1.2.250.1.999.1.1.7898", b"1.2.250.1.999.42")
    asked = body_child(octets)
    answers = [send(stub, pki, octets, "patients", action_of(octets)) for _ in range(2)]
    for answer in answers:
        for there, here in (("//h:targetMessage/h:id", "h:id"), ("//h:queryAck/h:queryId", "//h:queryId")):
            said = [dict(e.attrib) for e in asked.xpath(here, namespaces={"h": HL7})]
            assert [dict(e.attrib) for e in answer.xpath(there, namespaces={"h": HL7})] == said
        assert answer.findtext(f".//{{{WSA}}}RelatesTo") == "urn:uuid:0f1e2d3c-0000-4000-8000-000000000001"
        assert b"{{" not in etree.tostring(answer)
    first, second = (etree.tostring(a.find(f".//{{{WSA}}}MessageID")) for a in answers)  # type: ignore[arg-type]
    assert first != second


def test_every_answer_of_the_table_is_complete() -> None:
    for situation in TABLE.situations.values():
        for code, answer in situation.answers.items():
            assert answer in CATALOGUE or (TABLE.folder / code / answer).is_file()
    assert {key for s in TABLE.situations.values() for key in s.patients} <= cast.PATIENTS.keys()


def test_a_table_with_an_unknown_query_is_refused(tmp_path: Path) -> None:
    text = (TABLE.folder / "stub.toml").read_text("utf-8")
    (tmp_path / "stub.toml").write_text(text.replace("FindFolders =", "FindFolder ="))
    with pytest.raises(ValueError, match="no stored query FindFolder"):
        read_table(tmp_path)


def test_a_table_with_a_hole_is_refused(tmp_path: Path) -> None:
    text = (TABLE.folder / "stub.toml").read_text("utf-8")
    (tmp_path / "stub.toml").write_text(text.replace('"TD0.2" = "response-closed.xml"', '"TD0.2" = "nothing.xml"'))
    for folder in TABLE.folder.iterdir():
        if folder.is_dir():
            (tmp_path / folder.name).symlink_to(folder)
    with pytest.raises(ValueError, match=r"TD0\.2 has the answer 'nothing\.xml'"):
        read_table(tmp_path)


@pytest.mark.parametrize("profile", ["production", "ihe"])
def test_no_other_profile_has_a_stub(profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--profile", profile, "--data", str(tmp_path / "data"), "serve", "--stub"]) == 2
    assert "local and test" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


@pytest.mark.live
def test_it_starts_without_database_and_certificate(tmp_path: Path) -> None:
    create(tmp_path / "pki", now=datetime.now(UTC), cards={})
    port = free_port()
    words = ["--data", str(tmp_path), "serve", "--stub", "--client-certificate", "optional", "--port", str(port)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DMPWS_")}
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "dmpws", *words], stdout=out, stderr=out, env=environment)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        octets = request("pat-trois")
        asked = urllib.request.Request(
            f"https://localhost:{port}{SERVICES_PATH}/patients",
            octets,
            {"Content-Type": f'application/soap+xml; action="{action_of(octets)}"'},
        )
        tls = ssl.create_default_context(cafile=str(tmp_path / "pki" / "ca.pem"))
        with urllib.request.urlopen(asked, context=tls, timeout=60) as answer:
            assert b'code="VALIDE"' in answer.read()
    finally:
        process.terminate()
        process.wait(120)
    printed = (tmp_path / "out").read_text("utf-8")
    assert re.search("PAT-TROIS DOMINIQUE +279035121518989 +DMP actif", printed)
    assert "TD0.2   279035121518989  response.xml" in printed
    assert not list(tmp_path.glob("*.sqlite"))
