"""What the server says, message by message, against our schemas and the official ones: the main scenario, and
refusals of every transaction."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from dmpws import cast
from dmpws.client import Attachment, ClinicalDocument, Deposit, ServerFault
from dmpws.client.actor import Actor
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.client.scenario import HOSPITAL_DOCTOR, OTHER_DOCTOR, Scenario
from dmpws.domain.access import Purpose
from dmpws.domain.checks import Report
from dmpws.domain.patient_search import PatientCriteria
from dmpws.pki.demo import DemoPki
from dmpws.soap.second_opinion import SecondOpinion
from dmpws.soap.validation import BODIES, Schemas
from dmpws.store import open_store
from dmpws.testing.fixtures import NOW
from dmpws.testing.local import LocalApp, in_air
from dmpws.testing.official import official_schemas
from dmpws.vihf.issue import Lps
from dmpws.xml.names import GDP, HL7, SOAP, WSA
from dmpws.xml.parser import parse

S = f"{{{SOAP}}}"
CERTIFICATION = parse(
    b'<identityCertification xmlns="urn:si-dmp-patients"><rangNaissance>1</rangNaissance></identityCertification>'
)
TRAITS = cast.PATIENTS["cas12"].traits
INS = cast.allocate_ins(TRAITS, 7_501_002)
LDRM = Lps(cast.REGULATION_SOFTWARE.name, "1.0", cast.REGULATION_SOFTWARE.number, "1.2.250.1.999.1.1.7898")
SEARCHES = (PatientCriteria("NESSI", similar_name=True), PatientCriteria("NOBODY"), PatientCriteria(sex="F"))
NEW, KNOWN, NONE, NIA = (cast.PATIENTS[key] for key in ("pat-trois", "nessi", "conteste", "provisoire"))


@dataclass(frozen=True)
class Answer:
    """One answer as it left the server."""

    content_type: str
    envelope: etree._Element

    @property
    def body(self) -> etree._Element:
        [child] = self.envelope.find(f"{S}Body")  # type: ignore[misc]
        return child


class Recording(LocalApp):
    """A server that keeps what it answers."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        types: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            types.append(dict(headers)["Content-Type"])
            return start_response(status, headers, *exc_info)

        chunks = super().__call__(environ, start)
        octets = b"".join(chunks)
        chunks.close()  # type: ignore[attr-defined]
        root = octets.split(b"\r\n\r\n", 1)[1].split(b"\r\n--", 1)[0] if "multipart" in types[-1] else octets
        self.answers.append(Answer(types[-1], parse(root)))
        return [octets]

    answers: list[Answer]


def refusals(app: Recording) -> None:
    """Calls of every transaction, most of which cannot be done, in every carrier."""
    doctor, other = app.session("medecin-libre"), app.session("medecin-camparini", OTHER_DOCTOR)
    emergency = app.session("medecin-libre", purpose=Purpose.BRIS_DE_GLACE, reason="Urgence")
    regulation = app.session("medecin-libre", purpose=Purpose.CENTRE_15, lps=LDRM)
    document = _document(app, doctor.actor)
    bad = replace(document, unique_id="1.2.4", title="x" * 300)
    masked = {"$XDSDocumentEntryClassCode": ["not a list"]}
    calls: list[Callable[[], object]] = [
        lambda: doctor.create_record(KNOWN.ins, KNOWN.traits, consent=app.now),
        lambda: doctor.create_record(NONE.ins, NONE.traits, consent=None),
        lambda: doctor.read_administrative_data(KNOWN.ins),
        lambda: doctor.change_administrative_data(KNOWN.ins, replace(KNOWN.traits, sex="?")),
        lambda: doctor.change_administrative_data(KNOWN.ins, KNOWN.traits),
        lambda: doctor.reactivate_record(KNOWN.ins, KNOWN.traits.name, consent=app.now),
        lambda: doctor.close_record(KNOWN.ins, KNOWN.traits.name),
        lambda: doctor.test_existence(KNOWN.ins),
        lambda: doctor.read_administrative_data(KNOWN.ins),
        lambda: doctor.close_record(KNOWN.ins, KNOWN.traits.name),
        lambda: doctor.reactivate_record(KNOWN.ins, KNOWN.traits.name, consent=app.now),
        lambda: doctor._call("TD0.0", KNOWN.ins, CERTIFICATION),
        lambda: doctor.test_existence(NIA.ins),
        lambda: doctor.add_authorisation(NONE.ins),
        lambda: doctor.remove_authorisation(NEW.ins),
        lambda: doctor.find_documents(NONE.ins),
        lambda: doctor.find_documents(KNOWN.ins),
        lambda: doctor.add_authorisation(KNOWN.ins),
        lambda: doctor.add_authorisation(KNOWN.ins, treating_doctor=True),
        lambda: doctor.test_existence(KNOWN.ins),
        lambda: doctor.read_administrative_data(KNOWN.ins),
        lambda: doctor.find_documents(KNOWN.ins),
        lambda: doctor.find_documents(KNOWN.ins, parameters=masked),
        lambda: doctor.find_documents(KNOWN.ins, return_type="ObjectRef"),
        lambda: doctor.get_documents(KNOWN.ins, unique_ids=["1.2.3"]),
        lambda: doctor.retrieve(KNOWN.ins, ["1.2.3"]),
        lambda: doctor.submit(KNOWN.ins, [Deposit(document)]),
        lambda: doctor.submit(KNOWN.ins, [Deposit(document)]),
        lambda: doctor.retrieve(KNOWN.ins, [document.unique_id, "1.2.3"]),
        lambda: doctor.find_documents(KNOWN.ins, return_type="ObjectRef"),
        lambda: doctor.submit(KNOWN.ins, [Deposit(bad, replaces="urn:uuid:1")]),
        lambda: other.submit(KNOWN.ins, [Deposit(document)]),
        lambda: emergency.find_documents(KNOWN.ins),
        lambda: doctor.list_authorised(NONE.ins),
        *(partial(regulation.find_patients, NONE.ins, criteria) for criteria in SEARCHES),
        lambda: doctor.list_authorised(NONE.ins, owner="801234534765"),
        lambda: app.session("hopital", in_air(HOSPITAL_DOCTOR)).test_existence(KNOWN.ins),
        lambda: app.session("medecin-revoque").test_existence(KNOWN.ins),
        lambda: doctor.test_existence(KNOWN.ins, token=b"<x/>"),
        lambda: doctor.send_lot(KNOWN.ins, doctor.build_lot(KNOWN.ins, [Deposit(document)]), token=b"<x/>"),
        lambda: app.session("medecin-libre", purpose=Purpose.BRIS_DE_GLACE).retrieve(KNOWN.ins, ["1.2.3"]),
    ]
    for call in calls:
        with suppress(ServerFault):
            call()


def _document(app: Recording, author: Actor) -> ClinicalDocument:
    body = Attachment("text/plain", b"Toux.")
    return ClinicalDocument(
        KNOWN.ins, KNOWN.traits, author, CONSULTATION_REPORT, "Compte rendu", body, app.now, app.now, app.now
    )


@pytest.fixture(scope="module")
def answers(_migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, pki: DemoPki) -> Iterator[list[Answer]]:
    folder = tmp_path_factory.mktemp("emitted")
    shutil.copyfile(_migrated_sqlite, folder / "dmpws.sqlite")
    store = open_store(f"sqlite:///{folder / 'dmpws.sqlite'}", folder / "documents")
    Recording.answers = []
    app = Recording(store, pki, NOW)
    scenario = Scenario(app.session, INS, TRAITS, lambda step: None, app.clock)
    scenario.play()
    assert [step.why for step in scenario.steps if not step.ok] == []
    refusals(app)
    assert len(app.traces()) == len(app.answers)
    yield app.answers
    store.close()


def business(answers: list[Answer]) -> list[etree._Element]:
    return [answer.body for answer in answers if answer.body.tag != f"{S}Fault"]


def wrong(validator: Schemas | SecondOpinion, bodies: list[etree._Element]) -> list[str]:
    found = []
    for body in bodies:
        report = Report()
        validator.check(body, report)
        found += [f"{etree.QName(body).localname}: {check.message} {check.where}" for check in report.failures]
    return found


def test_every_body_follows_our_schemas(answers: list[Answer], schemas: Schemas) -> None:
    bodies = business(answers)
    assert len(bodies) > 30
    assert wrong(schemas, bodies) == []


def test_every_kind_of_body_follows_our_schemas_for_another_validator(
    answers: list[Answer], second: SecondOpinion
) -> None:
    different = {(body.tag, body.get("status"), len(list(body.iter()))): body for body in business(answers)}
    assert wrong(second, list(different.values())) == []


def test_every_body_follows_the_official_schemas(answers: list[Answer], reference: Path) -> None:
    bodies = business(answers)
    inner = [child for body in bodies if body.tag.startswith(f"{{{GDP}}}") for child in body]
    # The DMP sends no identifier in a 315, which its own schema does not allow (DMPWS D117).
    unofficial = [child for child in inner if child.tag == f"{{{HL7}}}PRPA_IN201315UV02"]
    assert len(wrong(official_schemas(reference), unofficial)) == len(unofficial) > 0
    inner = [child for child in inner if child not in unofficial]
    bodies = [body for body in bodies if not any(child in unofficial for child in body)]
    assert inner
    assert wrong(official_schemas(reference), bodies + inner) == []


def test_the_play_shows_every_answer_the_server_has(answers: list[Answer]) -> None:
    """A new message without an example here would not be validated."""
    shown = {body.tag for body in business(answers)}
    future = {"listAuthorization", "PatientAccess", "patientOTP"}
    expected = {
        tag
        for tag in BODIES
        if ("Response" in tag or any(f"201{n}UV" in tag for n in (306, 308, 312, 313, 315, 316)))
        and not any(word in tag for word in future)
    }
    inside = {child.tag for body in business(answers) for child in body if child.tag.startswith(f"{{{HL7}}}PRPA")}
    assert expected - shown - inside == set()


def test_every_header_follows_our_schema(answers: list[Answer], schemas: Schemas) -> None:
    for answer in answers:
        header = answer.envelope.find(f"{S}Header")
        assert header is not None
        report = Report()
        assert schemas.check_header(header, report), [check.message for check in report.failures]
        texts = {etree.QName(block).localname: block.text for block in header if block.tag.startswith(f"{{{WSA}}}")}
        assert texts.keys() == {"Action", "MessageID", "To", "RelatesTo"}
        assert texts["To"] == f"{WSA}/anonymous"


def test_every_fault_has_the_form_of_soap_1_2(answers: list[Answer]) -> None:
    """SOAP12 5.4: Code with subcodes that are qualified names in scope, Reason with a language, Detail."""
    faults = [answer for answer in answers if answer.body.tag == f"{S}Fault"]
    assert len(faults) > 4
    for answer in faults:
        code, reason, detail = answer.body
        assert [code.tag, reason.tag, detail.tag] == [f"{S}Code", f"{S}Reason", f"{S}Detail"]
        for value in code.iter(f"{S}Value"):
            prefix, _, local = (value.text or "").partition(":")
            assert value.nsmap[prefix]
            assert local
        assert code[0].text == "soap:Sender"
        [text] = reason
        assert text.get("{http://www.w3.org/XML/1998/namespace}lang") == "fr"
        assert text.text
        assert [check.get("rule") for check in detail]


def test_answers_of_the_repository_are_multipart(answers: list[Answer]) -> None:
    """ITI-41 and ITI-43, even without a part, even faults."""
    for answer in answers:
        action = answer.envelope.findtext(f"{S}Header/{{{WSA}}}Action") or ""
        repository = "ProvideAndRegister" in action or "RetrieveDocumentSet" in action
        if answer.body.tag != f"{S}Fault":
            assert answer.content_type.startswith("multipart/related") is repository, action
    assert any(a.content_type.startswith("multipart/related") and a.body.tag == f"{S}Fault" for a in answers)
