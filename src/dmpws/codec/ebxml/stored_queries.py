"""The stored queries: which parameters each has, and the domain selection they make (ITI TF-2 3.18.4.1.2.3.7)."""

from collections.abc import Iterable
from dataclasses import dataclass

from dmpws.codec.ebxml import names
from dmpws.codec.ebxml.query import StoredQuery, split_values
from dmpws.domain.checks import Report, Rule
from dmpws.domain.code import Code
from dmpws.domain.datatypes import Cx, is_dtm
from dmpws.domain.document import STABLE, Status
from dmpws.domain.patient import PatientRecord
from dmpws.domain.query import DocumentQuery, TimeRange

_CODING = "ITI TF-2 3.18.4.1.2.3.5"
MISSING = Rule("SQ-MISSING", "Un paramètre obligatoire est présent", _CODING, "XDSStoredQueryMissingParam")
NUMBER = Rule("SQ-NUMBER", "Un paramètre n'a que le nombre de valeurs permis", _CODING, "XDSStoredQueryParamNumber")
CODING = Rule("SQ-CODING", "Un paramètre suit les règles de codage", _CODING, "XDSRegistryError")
UNKNOWN = Rule("SQ-UNKNOWN", "Un paramètre est défini pour cette requête", _CODING, "XDSRegistryError")
PATIENT = Rule("SQ-PATIENT", "La recherche porte sur le patient du VIHF", "DMPWS D37", "XDSPatientIdDoesNotMatch")

PATIENT_ID, STATUS = "$XDSDocumentEntryPatientId", "$XDSDocumentEntryStatus"
ENTRY_UUID, UNIQUE_ID = "$XDSDocumentEntryEntryUUID", "$XDSDocumentEntryUniqueId"
_DE = "$XDSDocumentEntry"
_CODES = tuple(
    f"{_DE}{name}"
    for name in ("ClassCode", "TypeCode", "FormatCode", "HealthcareFacilityTypeCode", "PracticeSettingCode")
)
_EVENTS, _CONFIDENTIALITY = f"{_DE}EventCodeList", f"{_DE}ConfidentialityCode"
_TIMES = tuple(f"{_DE}{name}" for name in ("CreationTime", "ServiceStartTime", "ServiceStopTime"))
_AUTHOR, _TYPE = f"{_DE}AuthorPerson", f"{_DE}Type"
_IGNORED = frozenset({"$MetadataLevel", f"{_DE}DocumentAvailability"})
"""Parameters of the Metadata Update option that change nothing here: only latest versions, all of them online."""

_FIND_PARAMETERS = frozenset({
    PATIENT_ID, STATUS, *_CODES, _EVENTS, _CONFIDENTIALITY, _AUTHOR, _TYPE,
    *(f"{name}{end}" for name in _TIMES for end in ("From", "To")),
}) | _IGNORED  # fmt: skip
_GET_PARAMETERS = frozenset({ENTRY_UUID, UNIQUE_ID}) | _IGNORED
_KNOWN_STATUSES = {status.value: status for status in Status}
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Selection:
    """What GetDocuments names; exactly one of the two is not empty."""

    entry_uuids: tuple[str, ...]
    unique_ids: tuple[str, ...]


def is_reference_search(query: StoredQuery) -> bool:
    """TD3.1b: GetDocuments by uniqueId, references only, which needs no right to consult (DMPWS D28)."""
    names_given = query.parameters.keys()
    by_unique_id = UNIQUE_ID in names_given and ENTRY_UUID not in names_given
    return query.id == names.GET_DOCUMENTS and query.object_refs and by_unique_id


def find_documents(query: StoredQuery, record: PatientRecord, report: Report) -> DocumentQuery:
    """Return what FindDocuments selects; broken rules go into `report`, unknown parameters as warnings.

    The patient is that of the VIHF; the parameter may be absent but not name another.
    """
    read = _Parameters(query, report)
    read.warn_unknown(_FIND_PARAMETERS)
    _check_patient(read.single(PATIENT_ID), record, report)
    classes, types, formats, facilities, practice_settings = (read.codes(name) for name in _CODES)
    creation, service_start, service_stop = (read.time_range(name) for name in _TIMES)
    return DocumentQuery(
        patient=record.id,
        statuses=_statuses(read.values(STATUS), report),
        classes=classes,
        types=types,
        formats=formats,
        facilities=facilities,
        practice_settings=practice_settings,
        event_codes=read.code_groups(_EVENTS),
        confidentiality=read.code_groups(_CONFIDENTIALITY),
        author_persons=read.values(_AUTHOR),
        creation=creation,
        service_start=service_start,
        service_stop=service_stop,
        object_types=read.values(_TYPE) or (STABLE,),
    )


def get_documents(query: StoredQuery, report: Report) -> Selection:
    """Return what GetDocuments names; broken rules go into `report`, unknown parameters as warnings."""
    read = _Parameters(query, report)
    read.warn_unknown(_GET_PARAMETERS)
    uuids, unique_ids = read.values(ENTRY_UUID), read.values(UNIQUE_ID)
    either = f"{ENTRY_UUID} ou {UNIQUE_ID}"
    if uuids and unique_ids:
        report.failed(NUMBER, expected=either, found="les deux")
    elif not uuids and not unique_ids:
        report.failed(MISSING, expected=either, found="aucun")
    return Selection(tuple(u.lower() for u in uuids), unique_ids)


def _check_patient(text: str, record: PatientRecord, report: Report) -> None:
    if text:
        patient = Cx.parse(text)
        ok = any((ins.value, ins.authority) == (patient.id, patient.authority) for ins in record.identifiers)
        expected = str(Cx(record.ins.value, record.ins.authority, "NH"))
        report.require(ok, PATIENT, expected=expected, found=text[:_SHOWN])


def _statuses(values: Iterable[str], report: Report) -> tuple[Status, ...]:
    """Unknown values are ignored; when none is left the parameter is missing (ITI TF-2 3.18.4.1.2.3.5)."""
    found = tuple(_KNOWN_STATUSES[v] for v in dict.fromkeys(values) if v in _KNOWN_STATUSES)
    report.require(bool(found), MISSING, expected=STATUS, found="aucun statut connu")
    return found


class _Parameters:
    """Decodes the parameters of one query, and reports those it cannot decode."""

    def __init__(self, query: StoredQuery, report: Report) -> None:
        self._parameters = query.parameters
        self._report = report

    def warn_unknown(self, known: frozenset[str]) -> None:
        for name in self._parameters.keys() - known:
            self._report.warned(UNKNOWN, found=name[:_SHOWN], where=name[:_SHOWN])

    def groups(self, name: str) -> list[tuple[str, ...]]:
        """The decoded values, one tuple per Slot; an empty Slot asks for nothing."""
        groups: list[tuple[str, ...]] = []
        for slot in self._parameters.get(name, ()):
            values: list[str] = []
            for text in slot:
                try:
                    values += split_values(text)
                except ValueError as error:
                    self._report.failed(CODING, expected=str(error), found=text[:_SHOWN], where=name)
            if values:
                groups.append(tuple(values))
        return groups

    def values(self, name: str) -> tuple[str, ...]:
        """All the values of a parameter that may be given in one Slot only."""
        groups = self.groups(name)
        if len(groups) > 1:
            self._report.failed(NUMBER, expected="1 slot", found=f"{len(groups)} slots", where=name)
        return groups[0] if groups else ()

    def single(self, name: str) -> str:
        values = self.values(name)
        if len(values) > 1:
            self._report.failed(NUMBER, expected="1 valeur", found=f"{len(values)} valeurs", where=name)
        return values[0] if values else ""

    def time_range(self, name: str) -> TimeRange:
        return TimeRange(self._time(f"{name}From"), self._time(f"{name}To"))

    def _time(self, name: str) -> str:
        text = self.single(name)
        if text:
            self._report.require(
                is_dtm(text), CODING, expected="AAAA[MM[JJ[hh[mm[ss]]]]]", found=text[:_SHOWN], where=name
            )
        return text

    def codes(self, name: str) -> tuple[Code, ...]:
        return tuple(c for v in self.values(name) if (c := self._code(v, name)))

    def code_groups(self, name: str) -> tuple[tuple[Code, ...], ...]:
        groups = (tuple(c for v in values if (c := self._code(v, name))) for values in self.groups(name))
        return tuple(group for group in groups if group)

    def _code(self, text: str, name: str) -> Code | None:
        """`code^^scheme`, or `code^label^scheme` as some clients write it."""
        code, _, rest = text.partition("^")
        system = rest.partition("^")[2]
        if code and system:
            return Code(code, system)
        self._report.failed(CODING, expected="'code^^système'", found=text[:_SHOWN], where=name)
        return None
