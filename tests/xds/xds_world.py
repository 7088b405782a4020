"""The world in which the XDS examples and tests play: a real store on SQLite, callers of the public cast."""

import itertools
import re
import tomllib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from dmpws.cast import PATIENTS, STRUCTURES
from dmpws.codec.ebxml.attachments import InlineOctets
from dmpws.codec.ebxml.names import UNIQUE_ID
from dmpws.domain import oids
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.authorisation import By, Holder, HolderKind
from dmpws.domain.checks import Refused, Rule, refusal
from dmpws.domain.code import Code
from dmpws.domain.document import Author, SubmissionSet
from dmpws.domain.octets import Octets
from dmpws.domain.patient import PatientRecord
from dmpws.resources import folder
from dmpws.signature.model import SEAL as LOT_SEAL
from dmpws.signature.model import LotEvidence, ReceivedLot, VerifiedLot
from dmpws.soap.message import SoapReply
from dmpws.soap.validation import Schemas
from dmpws.store import Store
from dmpws.testing import deposits
from dmpws.transactions import td2_1, td3_1, td3_2, update
from dmpws.transactions.call import Call, Settings, TraceNotes
from dmpws.vihf.model import SEAL, VerifiedVihf
from dmpws.xml.names import RIM, RS
from dmpws.xml.parser import parse

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BAD_SIGNATURE = Rule("TEST-SIGNATURE", "La signature est bonne", "DMPWS TEST", "XDSRegistryMetadataError")

DOCTOR = (Code("10", oids.PROFESSIONS, "Médecin"), Code("SM26", oids.SKILLS, "Médecine générale"))
NURSE = (Code("60", oids.PROFESSIONS, "Infirmier"),)
SECRETARY = (Code("SECRETARIAT_MEDICAL", oids.NON_PROFESSIONALS, "Secrétariat médical"),)
_DIRECT: dict[str, Any] = {"mode": AuthMode.DIRECTE, "roles": DOCTOR, "certificate_kind": "CPS"}
_HOSPITAL: dict[str, Any] = {"mode": AuthMode.INDIRECTE, "roles": DOCTOR, "certificate_kind": "ORG_AUTH_CLI"}
CALLERS: dict[str, dict[str, Any]] = {
    "libre": {**_DIRECT, "name_id": "899900063480", "structure": "499900063480001"},
    "camparini": {**_DIRECT, "name_id": "801234534765", "structure": "10B0127189"},
    "doctorant": {**_DIRECT, "name_id": "801234567897", "structure": "10B0127189"},
    "virginie": {**_DIRECT, "name_id": "899700433156", "structure": "10B0127189", "roles": NURSE},
    "nobody": {**_DIRECT, "name_id": "899700433157", "structure": "10B0127189"},
    "cpe": {**_DIRECT, "name_id": "499900063480001/7", "structure": "499900063480001", "roles": SECRETARY,
            "certificate_kind": "CPE"},
    "ej": {**_HOSPITAL, "name_id": "801234567897", "structure": "11B0062640"},
    "eg": {**_HOSPITAL, "name_id": "801234567897", "structure": "10B0156832"},
    "vallees": {**_HOSPITAL, "name_id": "801234567897", "structure": "10B0127189"},
    "cabinet": {**_HOSPITAL, "name_id": "899900063480", "structure": "499900063480001"},
    "air": {**_HOSPITAL, "mode": AuthMode.INDIRECTE_RENFORCEE, "name_id": "899900063480",
            "structure": "499900063480001"},
}  # fmt: skip


def vihf(caller: str, patient: str, **changes: Any) -> VerifiedVihf:
    """A token whose checks have all passed."""
    fields: dict[str, Any] = {
        "id": "_1", "issued_at": NOW, "issuer": "CN=test", "version": "4.0", "sector": "SA07", "subject_id": "",
        "patient": PATIENTS[patient].ins, "purpose": Purpose.NORMAL, "secret_connection": False, "reason": "",
        "software_id": "", "software_name": "kit", "software_version": "1", "approval_number": "DMPWS-KIT-tmp1",
        "signed": True, "certificate_serial": "01", **CALLERS[caller], **changes,
    }  # fmt: skip
    return VerifiedVihf(**fields, seal=SEAL)


def good_signature(lot: ReceivedLot) -> VerifiedLot:
    """Stands for the verification of the lot signature, which has its own tests."""
    if lot.signature == b"bad":
        raise refusal(BAD_SIGNATURE, expected="la clé du certificat", found="une autre clé")
    evidence = LotEvidence(lot.signature, (b"leaf", b"anchor"), (("CN=AC", 1),), lot.received_at, "[]")
    ids = tuple(d.unique_id for d in lot.documents)
    return VerifiedLot("CN=test", lot.received_at, ids, evidence, seal=LOT_SEAL)


@cache
def schemas() -> Schemas:
    """The project's schemas, compiled once."""
    return Schemas.load()


@dataclass
class Frame:
    """A Body and its parts, and the values its placeholders took."""

    body: etree._Element
    parts: Mapping[str, Octets]
    values: Mapping[str, str]


def placeholders(patient: str = "pat-trois", **values: str) -> dict[str, str]:
    """A value for every placeholder of the examples; uniqueIds are fresh."""
    ins = PATIENTS[patient].ins
    oid = f"2.25.{uuid.uuid4().int}"
    return {
        "patient": f"{ins.value}^^^&amp;{ins.authority}&amp;ISO^NH",
        "patient_value": ins.value,
        "patient_authority": ins.authority,
        "lot_unique_id": f"{oid}.1",
        "document_unique_id": f"{oid}.2",
        "signature_unique_id": f"{oid}.3",
        "document_set_id": f"{oid}.4",
        "submission_time": "20261121115900",
        "creation_time": "20261120093000",
        "creation_time_local": "20261120103000+0100",
        "service_start": "20261120090000",
        "service_start_local": "202611201000+0100",
        "service_stop": "20261120091500",
        "service_stop_local": "202611201015+0100",
        "target": "urn:uuid:00000000-0000-4000-8000-000000000000",
        **values,
    }


def fill(text: str, values: Mapping[str, str], changes: list[list[str]] | None = None) -> str:
    """Apply changes (from, to, first occurrence) to a template, then give its placeholders their values."""
    for old, new in changes or []:
        assert old in text, f"nothing to change: {old!r}"
        text = text.replace(old, new, 1)
    for name, value in values.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    assert "{{" not in text, text[text.index("{{") :][:40]
    return text


def lot(
    values: Mapping[str, str] | None = None,
    *,
    change: list[list[str]] | None = None,
    change_document: list[list[str]] | None = None,
    document: bytes | None = None,
    document_file: str = "document.xml",
    objects_file: str = "",
    signature: bytes = b"<Signature/>",
    replace_all: Sequence[Sequence[str]] = (),
    transaction: str = "TD2.1",
) -> Frame:
    """The example lot of transactions/TD2.1 or TD2.2, changed."""
    values = values or placeholders()
    examples = folder("transactions") / transaction
    if document is None:
        document = fill(
            _swap((examples / document_file).read_text("utf-8"), replace_all), values, change_document
        ).encode()
    parts: dict[str, Octets] = {
        "document@example": InlineOctets(document),
        "signature@example": InlineOctets(signature),
    }
    values = {"hash": parts["document@example"].sha1, "size": str(len(document)), **values}
    text = (examples / "request.xml").read_text("utf-8")
    if objects_file:
        objects = (examples / objects_file).read_text("utf-8").split(">", 1)[1]
        text = text.replace("</rim:RegistryObjectList>", objects)
    text = fill(_swap(text, replace_all), values, change)
    return Frame(parse(text.encode()), parts, values)


def _swap(text: str, pairs: Sequence[Sequence[str]]) -> str:
    for old, new in pairs:
        text = text.replace(old, new)
    return text


def query(text: str, values: Mapping[str, str] | None = None) -> etree._Element:
    return parse(fill(text, values or {}).encode())


@dataclass
class World:
    """One store, one patient, and what happened in the last call."""

    store: Store
    patient: str = "pat-trois"
    settings: Settings = field(default_factory=Settings)
    now: datetime = NOW
    notes: TraceNotes = field(default_factory=TraceNotes)

    def __post_init__(self) -> None:
        self._minutes = itertools.count()
        for structure in STRUCTURES.values():
            self.store.directory.put_structure(structure)

    def open_dmp(self, patient: str = "pat-trois", **changes: Any) -> PatientRecord:
        person = PATIENTS[patient]
        oppositions = {"opposes_bris_de_glace": False, "opposes_centre_15": False, **changes}
        with self.store.write() as work:
            return work.patients.create([person.ins], person.traits, now=self.now, **oppositions)

    def authorise(self, caller: str, patient: str = "pat-trois", *, treating_doctor: bool = False) -> None:
        holder = Holder(HolderKind.PERSON, CALLERS[caller]["name_id"])
        end = self.now + timedelta(days=365)
        with self.store.write() as work:
            record = work.patients.find(PATIENTS[patient].ins)
            assert record is not None
            work.authorisations.grant(
                record.id,
                holder,
                by=By(holder.identifier),
                now=self.now,
                expires_at=end,
                treating_doctor=treating_doctor,
            )

    @contextmanager
    def call(self, caller: str, parts: Mapping[str, Octets], *, write: bool, **token: Any) -> Iterator[Call]:
        """A call of `caller`, one minute after the one before; record: fields of the DMP that differ."""
        record_changes = token.pop("record", {})
        self.notes = TraceNotes()
        now = self.now + timedelta(minutes=next(self._minutes))
        with self.store.write() if write else self.store.read() as work:
            record = work.patients.find(PATIENTS[self.patient].ins)
            if record is not None and record_changes:
                record = replace(record, **record_changes)
            yield Call(
                vihf(caller, self.patient, **token), now, lambda: str(uuid.uuid4()), work, self.settings,
                good_signature, parts, self.notes, record, schemas().check_cda_header,
            )  # fmt: skip

    def deposit(self, frame: Frame, caller: str = "libre", **token: Any) -> etree._Element:
        """TD2.1 as the pipeline runs it; returns the answer."""
        try:
            with self.call(caller, frame.parts, write=True, **token) as call:
                return answer(td2_1.handle(call, frame.body))
        except Refused as refused:
            return answer(td2_1.refuse(refused, frame.body))

    def search(self, body: etree._Element, caller: str = "libre", **token: Any) -> etree._Element:
        """TD3.1."""
        try:
            with self.call(caller, {}, write=False, **token) as call:
                return answer(td3_1.handle(call, body))
        except Refused as refused:
            return answer(td3_1.refuse(refused, body))

    def retrieve(self, body: etree._Element, caller: str = "libre", **token: Any) -> tuple[etree._Element, SoapReply]:
        """TD3.2: the answer, and the reply with its attachments."""
        try:
            with self.call(caller, {}, write=False, **token) as call:
                reply = td3_2.handle(call, body)
        except Refused as refused:
            reply = td3_2.refuse(refused, body)
        return answer(reply), reply

    def update(self, body: etree._Element, caller: str = "libre", **token: Any) -> etree._Element:
        """TD3.3."""
        try:
            with self.call(caller, {}, write=True, **token) as call:
                return answer(update.handle(call, body))
        except Refused as refused:
            return answer(update.refuse(refused, body))


def update_set(unique_id: str) -> SubmissionSet:
    """The set of an update by libre of PAT-TROIS's documents."""
    ins = PATIENTS["pat-trois"].ins
    return SubmissionSet(
        id="SubmissionSet01",
        unique_id=unique_id,
        source_id="1.2.250.1.999.1",
        patient_id=f"{ins.value}^^^&{ins.authority}&ISO^NH",
        submission_time="20261121115900",
        content_type=Code("04", "1.2.250.1.213.2.2", "Hospitalisation de jour"),
        authors=(Author(deposits.DOCTOR, (deposits.CABINET,)),),
    )


def answer(reply: SoapReply) -> etree._Element:
    return parse(reply.body) if isinstance(reply.body, bytes) else reply.body


def status_of(body: etree._Element) -> str:
    """Success, PartialSuccess or Failure."""
    element = body if body.get("status") else body.find(f"{{{RS}}}RegistryResponse")
    assert element is not None
    return element.get("status", "").rpartition(":")[2]


def errors_of(body: etree._Element) -> list[tuple[str, str]]:
    """(errorCode, codeContext) of each RegistryError."""
    return [(e.get("errorCode", ""), e.get("codeContext", "")) for e in body.iter(f"{{{RS}}}RegistryError")]


def rules_of(body: etree._Element) -> set[str]:
    """The ids of the broken rules an answer names."""
    return {context.rpartition("[")[2].partition(",")[0] for _, context in errors_of(body)}


def entries_of(body: etree._Element) -> list[etree._Element]:
    return list(body.iter(f"{{{RIM}}}ExtrinsicObject"))


def cases(transaction: str) -> list[dict[str, Any]]:
    """The cases of transactions/<transaction>/cases.toml, with what they take from another one or from the file."""
    path: Path = folder("transactions") / transaction / "cases.toml"
    content = tomllib.loads(path.read_text("utf-8"))
    found: dict[str, dict[str, Any]] = {}
    for case in content["case"]:
        base = found[case["like"]] if "like" in case else content["defaults"]
        changes = {key: [*base.get(key, []), *case.get(key, [])] for key in ("change", "change_document")}
        found[case["id"]] = {"transaction": transaction, **base, **case, **changes}
    return list(found.values())


def unique_id_of(entry: etree._Element) -> str:
    found = entry.find(f"{{{RIM}}}ExternalIdentifier[@identificationScheme='{UNIQUE_ID}']")
    assert found is not None
    return found.get("value", "")


FIND = (folder("transactions") / "TD3.1" / "request.xml").read_text("utf-8")
FIND = re.sub(r'<rim:Slot name="\$XDSDocumentEntryPatientId">.*?</rim:Slot>', "", FIND, flags=re.DOTALL)
"""FindDocuments of the VIHF's patient."""
MASK = """<rim:Classification id="m1" classificationScheme="urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"
    classifiedObject="document" nodeRepresentation="MASQUE_PS"><rim:Slot name="codingScheme"><rim:ValueList>
    <rim:Value>1.2.250.1.213.1.1.4.13</rim:Value></rim:ValueList></rim:Slot></rim:Classification>"""
EVENT = """<rim:Classification id="e1" classificationScheme="urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4"
    classifiedObject="document" nodeRepresentation="Z00"><rim:Slot name="codingScheme"><rim:ValueList>
    <rim:Value>2.16.840.1.113883.6.3</rim:Value></rim:ValueList></rim:Slot></rim:Classification>"""
REPLACE = """<rim:Association id="rplc" associationType="urn:ihe:iti:2007:AssociationType:RPLC"
    sourceObject="document" targetObject="{{target}}"/></rim:RegistryObjectList>"""
REFERENCE_IDS = """<rim:Slot name="urn:ihe:iti:xds:2013:referenceIdList"><rim:ValueList>
    <rim:Value>2026-0042^^^&amp;1.2.250.1.999.1.1.7898.3&amp;ISO^urn:ihe:iti:xds:2013:order</rim:Value>
    <rim:Value>1.2.840.113619.2.1^^^^urn:ihe:iti:xds:2016:studyInstanceUID</rim:Value></rim:ValueList></rim:Slot>"""
FOLDER = (folder("transactions") / "TD2.1" / "folder.xml").read_text("utf-8").split(">", 1)[1]
SHARED_FOLDER = FOLDER.replace(
    "</rim:RegistryObjectList>",
    """<rim:Association id="masked-in-folder" sourceObject="classeur" targetObject="{{masque_uuid}}"
    associationType="urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"/>
    <rim:Association id="has-masked-link" associationType="urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
    sourceObject="lot" targetObject="masked-in-folder"/>
    <rim:Association id="reference" associationType="urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
    sourceObject="lot" targetObject="{{lettre_uuid}}"><rim:Slot name="SubmissionSetStatus"><rim:ValueList>
    <rim:Value>Reference</rim:Value></rim:ValueList></rim:Slot></rim:Association></rim:RegistryObjectList>""",
)
"""Changes of the example lot: what stands before formatCode, and at the end of the list."""


def created(day: str) -> dict[str, str]:
    """Placeholders of a document created on a day (YYYYMMDD) at 08:00 UTC, as its act."""
    utc, local = f"{day}080000", f"{day}0800+0000"
    return {
        "creation_time": utc, "service_start": utc, "service_stop": utc,
        "creation_time_local": f"{day}080000+0000", "service_start_local": local, "service_stop_local": local,
    }  # fmt: skip


@dataclass
class Record:
    """The record of the TD3 examples; see transactions/TD3.1/cases.toml. values: placeholders, by document name."""

    world: World
    values: dict[str, str]
    octets: dict[str, bytes]

    def name_of(self, identifier: str) -> str:
        """Name of the document, lot or folder that has this uniqueId or UUID; an association has none."""
        names = (name for name, value in self.values.items() if value == identifier)
        return next(names, "association").removesuffix("_uuid")


def fill_record(world: World) -> Record:
    """Deposit the documents of the TD3 examples, all by libre, and authorise those who search."""
    record = Record(world, placeholders(), {})
    lots: dict[str, dict[str, Any]] = {
        "ancienne": {"values": created("20250115")},
        "nouvelle": {"values": created("20260115"), "change": [["</rim:RegistryObjectList>", REPLACE]]},
        "lettre": {
            "values": created("20260301"),
            "change": [
                ["<!-- formatCode -->", EVENT],
                ['<rim:Slot name="serviceStartTime">', REFERENCE_IDS + '<rim:Slot name="serviceStartTime">'],
                ['nodeRepresentation="11488-4"', 'nodeRepresentation="11490-0"'],
            ],
            "change_document": [['code="11488-4"', 'code="11490-0"']],
        },
        "masque": {
            "values": created("20261001"),
            "change": [["<!-- formatCode -->", MASK], ["</rim:RegistryObjectList>", FOLDER]],
        },
        "consultation": {"values": {}, "change": [["</rim:RegistryObjectList>", SHARED_FOLDER]]},
    }
    for name, how in lots.items():
        target = record.values.get("ancienne_uuid", "")
        folder_id = f"2.25.{uuid.uuid4().int}"
        stored = {key: value for key, value in record.values.items() if key.endswith("_uuid")}
        values = placeholders(**stored, **how["values"], target=target, folder_unique_id=folder_id)
        frame = lot(values, **{k: v for k, v in how.items() if k != "values"})
        body = world.deposit(frame)
        assert errors_of(body) == []
        record.values[name] = frame.values["document_unique_id"]
        record.octets[name] = frame.parts["document@example"].read()
        with world.store.read() as work:
            (entry,) = work.documents.by_unique_id([record.values[name]])
            record.values[f"{name}_uuid"] = entry.entry_uuid
            (package,) = work.packages.sets(unique_ids=[frame.values["lot_unique_id"]])
            record.values |= {f"lot_{name}": package.unique_id, f"lot_{name}_uuid": package.uuid}
            for found in work.packages.folders(unique_ids=[folder_id]):
                record.values |= {f"classeur_{name}": found.unique_id, f"classeur_{name}_uuid": found.uuid}
            (signature,) = work.documents.by_unique_id([frame.values["signature_unique_id"]])
            record.values |= {"signature": signature.unique_id, "signature_uuid": signature.entry_uuid}
    for caller in ("libre", "camparini", "virginie"):
        world.authorise(caller)
    world.authorise("doctorant", treating_doctor=True)
    return record
