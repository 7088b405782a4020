"""Canned answers for a client's very first day: no database, no signature, no VIHF needed (DMPWS D200).

The frames of `transactions/` are the answers; `transactions/stub.toml` says which patient gets which. What must be new
in each answer, or repeat what the request says, is.
"""

import itertools
import re
import tomllib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from xml.sax.saxutils import escape

from lxml import etree

from dmpws import cast
from dmpws.cast import CastPatient
from dmpws.codec.ebxml.answers import RetrievedDocument, retrieve_response
from dmpws.codec.ebxml.attachments import InlineOctets
from dmpws.codec.ebxml.names import UNIQUE_ID
from dmpws.codec.ebxml.query_forms import FORMS
from dmpws.codec.ebxml.retrieve import read_retrieve
from dmpws.domain import oids
from dmpws.domain.checks import Refused, Rule, refusal
from dmpws.domain.errors import CATALOGUE
from dmpws.domain.octets import Octets
from dmpws.domain.patient import Ins
from dmpws.frames.callers import ins_in, ins_of
from dmpws.resources import folder
from dmpws.soap.message import SoapReply, SoapRequest
from dmpws.testing.examples import ANY, former_identifier, render
from dmpws.transactions import load
from dmpws.transactions.registry import Transaction, select, transactions
from dmpws.vihf import token
from dmpws.xml.names import HL7, QUERY, RIM, SOAP
from dmpws.xml.parser import parse

CANNED = Rule("STUB-ANSWER", "Réponse toute faite du serveur d'essai", "DMPWS D200", "DMPInvalidRequest")
UNKNOWN = Rule("STUB-TRANSACTION", "Le message est celui d'une transaction du DMP", "DMPWS D200", "DMPInvalidRequest")
OPEN, NONE = "open", "none"
"""Situations of who names no patient, and of a patient whom the table does not name."""
_MODEL = cast.PATIENTS["pat-trois"]
"""The patient of the frames."""
_OWN = re.compile(r"\{\{((?:uuid|oid)_\w+)\}\}")
_LOCAL = "20261120103000+0100"


@dataclass(frozen=True, slots=True)
class Situation:
    """answers: file or code by transaction. others: code of the transactions that it does not name."""

    says: str
    answers: Mapping[str, str]
    others: str = ""
    change: Sequence[tuple[str, str]] = ()
    patients: tuple[str, ...] = ()

    def answer(self, code: str) -> str:
        return self.answers.get(code) or self.others


@dataclass(frozen=True, slots=True)
class Table:
    """The content of `transactions/stub.toml`. finds: names of the elements that a stored query gives."""

    folder: Path
    whoever: Mapping[str, str]
    finds: Mapping[str, Sequence[str]]
    situations: Mapping[str, Situation]

    def situation_of(self, ins: Ins | None) -> Situation:
        """What a patient is given; the authority of his INS does not count."""
        if ins is None:
            return self.situations[OPEN]
        for situation in self.situations.values():
            if any(cast.PATIENTS[key].ins.value == ins.value for key in situation.patients):
                return situation
        return self.situations[NONE]

    def lines(self) -> Iterator[str]:
        """The table that the server prints."""
        for situation in self.situations.values():
            for key in situation.patients:
                patient = cast.PATIENTS[key]
                yield f"{patient.label:<22} {patient.ins.value:<16} {situation.says}"
        yield f"{'tout autre patient':<22} {'':<16} {self.situations[NONE].says}"


def read_table(base: Path | None = None) -> Table:
    """Read the table. Raises ValueError naming what is wrong with it."""
    load()
    base = base or folder("transactions")
    content = tomllib.loads((base / "stub.toml").read_text("utf-8"))
    situations: dict[str, Situation] = {}
    for name, values in content["situation"].items():
        model = situations.get(values.get("as", ""))
        answers = {**(model.answers if model else {}), **values.get("answers", {})}
        change = [(old, new) for old, new in values.get("change", ())]
        others = values.get("others", "")
        situations[name] = Situation(values["says"], answers, others, change, tuple(values["patients"]))
    table = Table(base, content["whoever"], content["finds"], situations)
    if unknown := table.finds.keys() - {form.name for form in FORMS.values()}:
        raise ValueError(f"stub.toml: finds: no stored query {', '.join(sorted(unknown))}")
    for transaction, situation in itertools.product(transactions(), situations.values()):
        answer = table.whoever.get(transaction.code) or situation.answer(transaction.code)
        if answer not in CATALOGUE and not (base / transaction.code / answer).is_file():
            raise ValueError(f"stub.toml: {situation.says}: {transaction.code} has the answer {answer!r}")
    return table


@dataclass(frozen=True, slots=True)
class Stub:
    """The dispatch of a server that knows nothing but its table.

    clock: aware UTC. told: is given one line for each call.
    """

    table: Table
    clock: Callable[[], datetime]
    told: Callable[[str], None] = field(default=lambda line: None)

    def __call__(self, request: SoapRequest) -> SoapReply:
        """Answer one call. Raises Refused for a message of no transaction."""
        asked = select(request.operation, request.body, request.path_service)
        if not asked:
            raise refusal(UNKNOWN, found=etree.QName(request.body).localname)
        transaction = asked[0]
        ins = _patient_of(request)
        situation = self.table.situation_of(ins)
        answer = self.table.whoever.get(transaction.code) or situation.answer(transaction.code)
        self.told(f"{transaction.code:<7} {ins.value if ins else '-':<16} {answer:<26} {situation.says}")
        if answer in CATALOGUE:
            rule = replace(CANNED, code=answer)
            return transaction.refuse(refusal(rule, text=f"{CANNED.title} : {situation.says}"), request.body)
        patient = _MODEL if transaction.code in self.table.whoever else _cast_patient(ins)
        if transaction.code == "TD3.2":
            return self._documents(request.body, patient)
        return SoapReply(self._frame(transaction, answer, situation, request.body, patient))

    def _frame(
        self, transaction: Transaction, file: str, situation: Situation, request: etree._Element, patient: CastPatient
    ) -> etree._Element:
        text = (self.table.folder / transaction.code / file).read_text("utf-8")
        for old, new in situation.change if transaction.code == "TD0.2" else ():
            text = text.replace(old, new)
        own = {name: _own(patient, name) for name in _OWN.findall(text)}
        root = parse(render(_as(patient, text), {**own, **self._values(patient)}).encode())
        body = root.find(f"{{{SOAP}}}Body")
        reply = root if body is None else body[0]
        if transaction.code == "TD3.1":
            self._find(reply, request, patient)
        _fill(reply, f"{self.clock():%Y%m%d%H%M%S}")
        _echo(reply, request)
        return reply

    def _values(self, patient: CastPatient) -> dict[str, str]:
        unique_id = _unique_id_of(patient)
        return {
            "ins": patient.ins.value,
            "ins_authority": patient.ins.authority,
            "ins_c": former_identifier(patient).value,
            "now": f"{self.clock():%Y%m%d%H%M%S}",
            "any": ANY,
            "entry_uuid": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, unique_id)}",
            "uuid_entry": str(uuid.uuid5(uuid.NAMESPACE_OID, unique_id)),
            "document_unique_id": unique_id,
        }

    def _find(self, answer: etree._Element, request: etree._Element, patient: CastPatient) -> None:
        """Leave what the query asks for, whole or as references; documents have the measures of what TD3.2 gives."""
        asked = request.find(f"{{{RIM}}}AdhocQuery")
        form = FORMS.get("" if asked is None else asked.get("id", ""))
        wanted = self.table.finds.get(form.name if form else "", ["ExtrinsicObject"])
        (found,) = answer.iter(f"{{{RIM}}}RegistryObjectList")
        for item in list(found):
            if etree.QName(item).localname not in wanted:
                found.remove(item)
            elif _wants_references(request):
                found.replace(item, etree.Element(f"{{{RIM}}}ObjectRef", id=item.get("id", "")))
            else:
                self._measure(item, patient)
        answer.set("totalResultCount", str(len(found)))

    def _measure(self, item: etree._Element, patient: CastPatient) -> None:
        for identifier in item.iterfind(f"{{{RIM}}}ExternalIdentifier[@identificationScheme='{UNIQUE_ID}']"):
            document = self._document(patient, identifier.get("value", ""))
            measures = {"hash": document.sha1, "size": str(document.size)}
            for slot in item.iterfind(f"{{{RIM}}}Slot"):
                if slot.get("name") in measures:
                    slot[0][0].text = measures[slot.get("name", "")]

    def _documents(self, request: etree._Element, patient: CastPatient) -> SoapReply:
        """The document of the example deposit, under each identifier that is asked for."""
        attachments: dict[str, Octets] = {}
        documents = []
        for asked in read_retrieve(request)[:10]:
            content_id = f"{uuid.uuid4()}@urn:ihe:iti:xds-b:2007"
            attachments[content_id] = self._document(patient, asked.unique_id)
            documents.append(RetrievedDocument(oids.REPOSITORY, asked.unique_id, "text/xml", content_id, ""))
        return SoapReply(retrieve_response(documents, []), attachments)

    def _document(self, patient: CastPatient, unique_id: str) -> InlineOctets:
        text = (self.table.folder / "TD2.1" / "document.xml").read_text("utf-8")
        local = dict.fromkeys(("creation_time_local", "service_start_local", "service_stop_local"), _LOCAL)
        identity = {"patient_value": patient.ins.value, "patient_authority": patient.ins.authority}
        values = {**local, **identity, "document_set_id": _unique_id_of(patient), "document_unique_id": "{{unique_id}}"}
        root = parse(render(_as(patient, text), values).encode())
        for element in root.iterchildren(f"{{{HL7}}}id"):
            element.set("root", unique_id)  # as the client wrote it, escaped
        return InlineOctets(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def _patient_of(request: SoapRequest) -> Ins | None:
    """The patient of the VIHF, unverified, or else of the message."""
    for octets in request.assertions[:1]:
        try:
            found = ins_in(token.read(parse(octets)).text(token.RESOURCE_ID))
        except Refused:
            continue
        if found is not None:
            return found
    return ins_of(request.body)


def _cast_patient(ins: Ins | None) -> CastPatient:
    """The fictitious person of an INS, or the one of the frames under another number."""
    if ins is None:
        return _MODEL
    known = next((p for p in cast.PATIENTS.values() if p.ins.value == ins.value), None)
    return known or replace(_MODEL, ins=ins)


def _as(patient: CastPatient, text: str) -> str:
    """A frame that was written about PAT-TROIS DOMINIQUE, about another patient."""
    old, new = _MODEL.traits, patient.traits
    title = {"F": "Mme", "M": "M."}.get(new.sex, "")
    for before, after in (
        (old.name.birth, escape(new.name.birth)),
        ("DOMINIQUE MARIE-LOUISE", escape(new.name.given)),
        ("DOMINIQUE", escape(new.name.given)),
        (f">{old.birth_date}<", f">{new.birth_date}<"),
        (f'"{old.birth_date}"', f'"{new.birth_date}"'),
        (f"PID-7|{old.birth_date}", f"PID-7|{new.birth_date}"),
        ('administrativeGenderCode code="F"', f'administrativeGenderCode code="{new.sex}"'),
        ("PID-8|F", f"PID-8|{new.sex}"),
        (">Mme<", f">{title}<"),
    ):
        text = text.replace(before, after)
    return text


def _unique_id_of(patient: CastPatient) -> str:
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, patient.ins.value).int}"


def _own(patient: CastPatient, name: str) -> str:
    """The identifier of a patient that a frame calls `uuid_…` or `oid_…`."""
    identifier = uuid.uuid5(uuid.NAMESPACE_OID, f"{patient.ins.value} {name}")
    return str(identifier) if name.startswith("uuid") else f"2.25.{identifier.int}"


def _wants_references(request: etree._Element) -> bool:
    option = request.find(f"{{{QUERY}}}ResponseOption")
    return option is not None and option.get("returnType") == "ObjectRef"


def _fill(reply: etree._Element, now: str) -> None:
    """Give a value to what is new in every answer."""
    values = {"creationTime": now, "startOfAuthorization": now, "lastActionDate": now}
    for element in reply.iter(etree.Element):
        name = etree.QName(element).localname
        for attribute, value in element.attrib.items():
            if value == ANY:
                element.set(attribute, values.get(name) or str(uuid.uuid4()))
        if (element.text or "").strip() == ANY:
            element.text = values.get(name) or f"stub-{name}"


def _echo(reply: etree._Element, request: etree._Element) -> None:
    """Repeat what an HL7 v3 answer repeats of its request: message and query identifiers, and who asked."""
    for there, here in (
        ("h:acknowledgement/h:targetMessage/h:id", "h:id"),
        (".//h:queryAck/h:queryId", ".//h:queryByParameter/h:queryId"),
        ("h:receiver/h:device/h:id", "h:sender/h:device/h:id"),
        ("h:receiver/h:device/h:softwareName", "h:sender/h:device/h:softwareName"),
    ):
        written, said = (_first(element, path) for element, path in ((reply, there), (request, here)))
        if written is not None and said is not None:
            written.attrib.clear()
            for name, value in said.attrib.items():
                written.set(name, value)
            written.text = said.text

    person, named = (_first(element, ".//h:patientPerson/h:name") for element in (reply, request))
    if person is not None and named is not None and (parent := person.getparent()) is not None:
        parent.replace(person, deepcopy(named))  # what TD1.1 and TD1.3b say is what they are told was written


def _first(element: etree._Element, path: str) -> etree._Element | None:
    return element.find(path, {"h": HL7})
