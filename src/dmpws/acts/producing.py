"""Documents that come from no LPS: the Assurance Maladie's, the Dossier Pharmaceutique's, the patient's own.

Each is a lot of its own, judged by the rules of a deposit but those that only an LPS has: its signature, its token
and the types it may not create (DMPWS D163).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from uuid import UUID

from dmpws.acts.actor import Actor, ActorKind, producer
from dmpws.acts.desk import ALLOWED, Act, Desk, Kind
from dmpws.acts.metadata import UNKNOWN
from dmpws.acts.switches import BY_PATIENT as OWNERS
from dmpws.codec.cda import parse_document, read_header
from dmpws.codec.cda_metadata import entry_of
from dmpws.codec.ebxml.attachments import InlineOctets
from dmpws.codec.ebxml.submission import read_submission
from dmpws.codec.ebxml.writing import provide_and_register
from dmpws.codec.produced import Produced
from dmpws.codec.value_sets import value_sets
from dmpws.domain import oids
from dmpws.domain.cda import CdaHeader
from dmpws.domain.checks import Outcome, Refused, Report, Rule, demand, refusal
from dmpws.domain.code import Code
from dmpws.domain.datatypes import Cx, Xcn, Xon, format_dtm
from dmpws.domain.document import (
    HAS_MEMBER,
    INVISIBLE_PATIENT,
    INVISIBLE_REPRESENTANTS_LEGAUX,
    RPLC,
    Association,
    Author,
    DocumentEntry,
    Status,
    StoredEntry,
    SubmissionSet,
)
from dmpws.domain.lot.examine import examine
from dmpws.domain.lot.facts import Depositor, LotFacts
from dmpws.domain.lot.registry import check_registry
from dmpws.domain.octets import Octets
from dmpws.domain.patient import Ins
from dmpws.domain.producers import (
    ASSURANCE_MALADIE,
    BY_PATIENT,
    DOSSIER_PHARMACEUTIQUE,
    System,
    is_patient_s,
    months_before,
)
from dmpws.domain.query import DocumentQuery
from dmpws.transactions.admission import is_under_age
from dmpws.transactions.contents import check_sets, read_contents
from dmpws.transactions.deposit import prepare_lot
from dmpws.transactions.registry_facts import falling, gather

_METADATA = "XDSRegistryMetadataError"
TYPE = Rule("PRODUCER-TYPE", "Le producteur crée ce type de document", "DMPWS D163", _METADATA)
AUTHOR = Rule("PRODUCER-AUTHOR", "Le producteur est l'auteur du document", "DMPWS D163", _METADATA)
PLACE = Rule("PRODUCER-PLACE", "Un document du patient a EXP_PATIENT pour cadre et secteur", "CI-SIS LM 3.3", _METADATA)
FORM = Rule("PRODUCER-FORM", "Le document a l'en-tête que les métadonnées demandent", "DMPWS D163", _METADATA)
PERIOD = Rule("PRODUCER-PERIOD", "Les remboursements sont de la période permise", "DMPWS D164", _METADATA)
HIDDEN = Rule("PRODUCER-HIDDEN", "Le patient ne se cache pas son propre document", "DMPWS D163", _METADATA)

_PRODUCERS = frozenset({ActorKind.PRODUCER})
REFUNDS = Kind("act:deposit-refunds", "Dépôt des données de remboursement", _PRODUCERS)
DISPENSATION = Kind("act:deposit-dispensation", "Dépôt d'une dispensation par le Dossier Pharmaceutique", _PRODUCERS)
PATIENT_DOCUMENT = Kind("act:deposit-patient-document", "Dépôt d'un document par le patient", OWNERS)

_SET, _ENTRY = "SubmissionSet01", "Document01"
_MOST = 100
"""Documents of one kind that are looked at; warnings that a trace keeps."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a producer gives.

    content: a CDA document, or with `media_type` a file to make one of; only then do type, title (default: of the
    type) and the times of the act, aware, count. replaces: uniqueId of the document that this one replaces, where
    the CDA does not say it. visibility: masking codes; None: none, or those of the document replaced.
    """

    content: bytes
    media_type: str = ""
    type: Code | None = None
    title: str = ""
    start: datetime | None = None
    stop: datetime | None = None
    replaces: str = ""
    visibility: frozenset[str] | None = None


def system_actor(system: System) -> Actor:
    """The actor of a system that feeds records by itself."""
    return producer(system.person, system.name)


def deposit_refunds(desk: Desk, ins: Ins, given: Given) -> str:
    """Deposit Données de remboursement in the place of those in force; return the uniqueId. Raises Refused."""
    with desk.act(REFUNDS, ins) as act:
        work = _Deposit(desk, act, ASSURANCE_MALADIE)
        work.require_actor()
        types = ASSURANCE_MALADIE.types
        query = DocumentQuery(patient=act.record.id, statuses=tuple(Status), types=types)
        found = act.store.documents.find(query, limit=_MOST)
        first = datetime.combine(months_before(act.now.date(), act.settings.refund_months), time(), UTC)
        if given.media_type:
            given = replace(given, start=given.start or first, stop=given.stop or act.now)
        current = [e for e in found if e.status is Status.APPROVED]
        cda = work.document(given, next(iter(found), None), current)
        begins, limit = work.header(cda).service_start[:8], f"{first:%Y%m%d}"
        demand(begins >= limit[: len(begins)], PERIOD, expected=f"{limit} au plus tôt", found=begins)
        return work.store(cda, given, current)


def deposit_dispensation(desk: Desk, ins: Ins, given: Given) -> str:
    """Deposit a dispensation of the Dossier Pharmaceutique; return the uniqueId. Raises Refused."""
    with desk.act(DISPENSATION, ins) as act:
        return _Deposit(desk, act, DOSSIER_PHARMACEUTIQUE).take(given)


def deposit_patient_document(desk: Desk, ins: Ins, given: Given) -> str:
    """Deposit a document of the patient's own; return the uniqueId. Raises Refused."""
    with desk.act(PATIENT_DOCUMENT, ins) as act:
        return _Deposit(desk, act, None).take(given)


@dataclass(frozen=True, slots=True)
class _Deposit:
    """One deposit under way. system: who produces; None for the patient."""

    desk: Desk
    act: Act
    system: System | None

    def take(self, given: Given) -> str:
        self.require_actor()
        replaced = self._named(given.replaces or self._parent(given))
        cda = self.document(given, next(iter(replaced), None), replaced)
        return self.store(cda, given, replaced)

    def require_actor(self) -> None:
        if self.system is not None:
            known = self.desk.actor.identifier == self.system.person
            demand(known, ALLOWED, expected=self.system.name, found=self.desk.actor.identifier)

    def document(self, given: Given, former: StoredEntry | None, replaced: Sequence[StoredEntry]) -> bytes:
        """The CDA given, or one around the file given, that follows `former`."""
        if not given.media_type:
            return given.content
        kind = given.type or (self.system.types[0] if self.system else None)
        if kind is None:
            raise refusal(TYPE, expected="un type de document du patient", found="rien")
        set_id, version = self._document_set(former)
        made = Produced(
            ins=self.act.record.ins,
            traits=self.act.record.traits,
            system=self.system,
            type=kind,
            title=given.title or kind.display,
            media_type=given.media_type,
            content=given.content,
            effective=self.act.now,
            start=given.start or self.act.now,
            stop=given.stop,
            unique_id=_new_oid(self.act),
            set_id=set_id or _new_oid(self.act),
            version=version + 1,
            replaces=replaced[0].unique_id if replaced else "",
        )
        try:
            return made.to_xml()
        except ValueError as error:
            raise refusal(FORM, expected="un titre sans caractère de contrôle", found=str(error)[:200]) from None

    def store(self, cda: bytes, given: Given, replaced: Sequence[StoredEntry]) -> str:
        """Judge the document and store it in a lot of its own."""
        entry = self._entry(cda, self._visibility(given, replaced))
        links = [Association("member", HAS_MEMBER, _SET, _ENTRY, {"SubmissionSetStatus": ("Original",)})]
        links += [Association(f"replacement{n}", RPLC, _ENTRY, e.entry_uuid) for n, e in enumerate(replaced, 1)]
        report = Report()
        received = read_submission(provide_and_register(self._set(entry), [entry], links, []), report)
        submission = received.submission
        octets: dict[str, Octets] = {_ENTRY: InlineOctets(cda)}
        act = self.act
        depositor = self._depositor(entry)
        registry = gather(act, submission, lambda found: self._own(found, depositor))
        contents = read_contents(act, submission, octets, report, self.desk.check_cda)
        facts = LotFacts(
            record=act.record,
            depositor=depositor,
            values=value_sets(),
            today=act.now.date(),
            guide=act.settings.guide,
            minor=is_under_age(act, act.record),
            masked_and_invisible=act.settings.masked_and_invisible,
            strict_identity=act.settings.strict_identity,
            octets=octets,
            headers=contents.headers,
            by_lps=False,
        )
        examine(submission, facts, report)
        check_registry(submission, facts, registry, report)
        check_sets(act, act.record, submission, contents, {_ENTRY: replaced}, report)
        warned = (check.message for check in report if check.outcome is Outcome.WARNED)
        act.notes.warnings += list(dict.fromkeys(warned))[:_MOST]
        report.raise_failures()
        self._note(entry, submission.submission_set, [*replaced, *falling(act, submission)])
        lot = prepare_lot(act, received, octets, None, registry, act.record.id, contents.headers)
        act.store.documents.add_lot(lot, now=act.now)
        return entry.unique_id

    def header(self, cda: bytes) -> CdaHeader:
        document, self_presenting = parse_document(cda, self.act.settings.cda_limits)
        return read_header(document, self_presenting=self_presenting)

    def _entry(self, cda: bytes, visibility: Collection[str]) -> DocumentEntry:
        """The metadata of the header, whose type and author are those of the producer."""
        try:
            entry = entry_of(cda, _ENTRY, visibility=tuple(sorted(visibility)))
        except ValueError as error:
            raise refusal(FORM, found=str(error)[:200]) from None
        report = Report()
        found = entry.type_code.code if entry.type_code else "rien"
        report.require(self._is_own_type(entry), TYPE, expected=self._types, found=found)
        authors = ", ".join(sorted(entry.author_persons | entry.author_institutions))[:200] or "rien"
        if self.system is not None:
            ok = self.system.structure in entry.author_institutions
            report.require(ok, AUTHOR, expected=self.system.structure, found=authors)
        else:
            known = {ins.value for ins in self.act.record.identifiers}
            ok = bool(entry.author_persons) and entry.author_persons <= known and not entry.author_institutions
            report.require(ok, AUTHOR, expected="le patient, sans structure", found=authors)
            for code in (entry.facility_type, entry.practice_setting):
                ok = code is not None and code.same(BY_PATIENT)
                report.require(ok, PLACE, expected=BY_PATIENT.code, found=code.code[:100] if code else "rien")
        hidden = INVISIBLE_PATIENT in entry.visibility
        report.require(not (hidden and self.system is None), HIDDEN, found=INVISIBLE_PATIENT if hidden else "")
        report.raise_failures()
        return entry

    def _is_own_type(self, entry: DocumentEntry) -> bool:
        if entry.type_code is None or entry.class_code is None:
            return False
        if self.system is None:
            return is_patient_s(entry.type_code.code, entry.class_code.code)
        return any(entry.type_code.same(known) for known in self.system.types)

    @property
    def _types(self) -> str:
        if self.system is None:
            return "la classe 90 ou un type DOCPAT"
        return " ou ".join(known.code for known in self.system.types)

    def _visibility(self, given: Given, replaced: Sequence[StoredEntry]) -> frozenset[str]:
        """As asked, else as the document replaced: what the patient masked does not come to light again."""
        if given.visibility is not None:
            return given.visibility
        kept = frozenset[str]().union(*(e.visibility for e in replaced))
        return kept if is_under_age(self.act, self.act.record) else kept - {INVISIBLE_REPRESENTANTS_LEGAUX}

    def _depositor(self, entry: DocumentEntry | None) -> Depositor:
        if self.system is not None:
            return Depositor("", frozenset({self.system.structure}))
        values = [ins.value for ins in self.act.record.identifiers]
        named = entry.author_persons if entry else frozenset[str]()
        return Depositor(next((v for v in values if v in named), values[0]), frozenset())

    def _own(self, found: Iterable[StoredEntry], depositor: Depositor) -> list[StoredEntry]:
        """Those of this patient that the producer wrote: it knows of no other."""
        return [e for e in found if e.patient == self.act.record.id and depositor.is_author_of(e)]

    def _named(self, unique_id: str) -> list[StoredEntry]:
        """The document to replace, when there is one."""
        if not unique_id:
            return []
        found = self._own(self.act.store.documents.by_unique_id([unique_id]), self._depositor(None))
        if not found or found[0].status is Status.DELETED:
            raise refusal(UNKNOWN, found=unique_id[:128])
        return found[:1]

    def _parent(self, given: Given) -> str:
        return "" if given.media_type else next(iter(self.header(given.content).replaces), "")

    def _document_set(self, former: StoredEntry | None) -> tuple[str, int]:
        """setId and versionNumber of the version before; none when it cannot be read any more."""
        if former is None:
            return "", 0
        try:
            header = self.header(self.act.store.documents.octets(former).read())
        except (Refused, KeyError):
            return "", 0
        return header.set_id.root, int(header.version) if header.version.isdigit() else 0

    def _set(self, entry: DocumentEntry) -> SubmissionSet:
        ins, system = self.act.record.ins, self.system
        return SubmissionSet(
            id=_SET,
            unique_id=_new_oid(self.act),
            source_id=oids.DMP_CUSTODIAN,
            patient_id=str(Cx(ins.value, ins.authority, "NH")),
            submission_time=format_dtm(self.act.now),
            content_type=system.facility_type if system else BY_PATIENT,
            authors=(_author(system) if system else entry.authors[0],),
            title=entry.title,
        )

    def _note(self, entry: DocumentEntry, lot: SubmissionSet, replaced: Iterable[StoredEntry]) -> None:
        notes = self.act.notes
        notes.submission_set = lot.unique_id
        code = entry.type_code.code if entry.type_code else ""
        notes.documents.append({"uniqueId": entry.unique_id, "typeCode": code})
        for old in replaced:
            change = {"uniqueId": old.unique_id, "old": old.status.name, "new": Status.DEPRECATED.name}
            notes.changes.append(change)


def _author(system: System) -> Author:
    code = system.specialty
    return Author(
        str(Xcn(system.person, system.name, system.name, oids.PERSONS, "U", "RI")),
        institutions=(str(Xon(system.name, system.structure, oids.STRUCTURES, "IDNST")),),
        specialties=(f"{code.code}^{code.display}^{code.system}",),
    )


def _new_oid(act: Act) -> str:
    return f"2.25.{UUID(act.new_uuid()).int}"
