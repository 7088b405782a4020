"""What a stored query asks: its parameters decoded and judged by its form (ITI TF-2 3.18.4.1.2.3.5)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dmpws.codec.ebxml import names
from dmpws.codec.ebxml.query import QUERY_ID, StoredQuery, split_values
from dmpws.codec.ebxml.query_forms import FORMS, Form, Kind, Parameter
from dmpws.domain.checks import Report, Rule, refusal
from dmpws.domain.code import Code
from dmpws.domain.datatypes import Cx, is_dtm
from dmpws.domain.document import STABLE, Status
from dmpws.domain.patient import PatientRecord
from dmpws.domain.query import DocumentQuery, FolderQuery, SetQuery, TimeRange

_CODING = "ITI TF-2 3.18.4.1.2.3.5"
MISSING = Rule("SQ-MISSING", "Un paramètre obligatoire est présent", _CODING, "XDSStoredQueryMissingParam")
NUMBER = Rule("SQ-NUMBER", "Un paramètre n'a que le nombre de valeurs permis", _CODING, "XDSStoredQueryParamNumber")
CODING = Rule("SQ-CODING", "Un paramètre suit les règles de codage", _CODING, "XDSRegistryError")
UNKNOWN = Rule("SQ-UNKNOWN", "Un paramètre est défini pour cette requête", _CODING, "XDSRegistryError")
PATIENT = Rule("SQ-PATIENT", "La recherche porte sur le patient du VIHF", "DMPWS D37", "XDSPatientIdDoesNotMatch")

LONGEST_PATTERN = 256
"""A rim:Value holds no more (ITI TF-3 4.2.3.1.2), and the time of LIKE grows with the pattern."""
MOST_PATTERNS = 100
"""Each pattern is tried on each value of each document: unlike other lists, an index is of no help."""
_STATUSES = frozenset(status.value for status in Status)
_SHOWN = 200
_DE = "$XDSDocumentEntry"
UNIQUE_ID = f"{_DE}UniqueId"


@dataclass(frozen=True, slots=True)
class Asked:
    """A query whose parameters are good. values: by name, one tuple per Slot (AND) of values (OR)."""

    form: Form
    object_refs: bool
    values: Mapping[str, tuple[tuple[str, ...], ...]]

    def texts(self, name: str) -> tuple[str, ...]:
        """The values of a parameter, empty when it is absent."""
        groups = self.values.get(name)
        return groups[0] if groups else ()

    def text(self, name: str) -> str:
        return next(iter(self.texts(name)), "")

    def codes(self, name: str) -> tuple[Code, ...]:
        return tuple(_code(text) for text in self.texts(name))

    def code_groups(self, name: str) -> tuple[tuple[Code, ...], ...]:
        return tuple(tuple(_code(text) for text in group) for group in self.values.get(name, ()))

    def statuses(self, name: str) -> tuple[Status, ...]:
        return tuple(Status(text) for text in self.texts(name))

    def time_range(self, name: str) -> TimeRange:
        return TimeRange(self.text(f"{name}From"), self.text(f"{name}To"))

    @property
    def patient(self) -> str:
        """The CX that a search is about; empty when the parameter is absent, or the query has none."""
        return self.text(self.form.patient)

    @property
    def all_versions(self) -> bool:
        """Metadata versions that are not the latest are asked for too ($MetadataLevel 2)."""
        return self.text("$MetadataLevel") == "2"

    def document_query(self, patient: int, *, signatures: bool, among: tuple[str, ...] = ()) -> DocumentQuery:
        """The document entries that a query selects; among: only of these entryUUIDs."""
        return DocumentQuery(
            patient=patient,
            statuses=self.statuses(f"{_DE}Status") or tuple(Status),
            classes=self.codes(f"{_DE}ClassCode"),
            types=self.codes(f"{_DE}TypeCode"),
            formats=self.codes(f"{_DE}FormatCode"),
            facilities=self.codes(f"{_DE}HealthcareFacilityTypeCode"),
            practice_settings=self.codes(f"{_DE}PracticeSettingCode"),
            event_codes=self.code_groups(f"{_DE}EventCodeList"),
            confidentiality=self.code_groups(f"{_DE}ConfidentialityCode"),
            author_persons=self.texts(f"{_DE}AuthorPerson"),
            reference_ids=self.values.get(f"{_DE}ReferenceIdList", ()),
            creation=self.time_range(f"{_DE}CreationTime"),
            service_start=self.time_range(f"{_DE}ServiceStartTime"),
            service_stop=self.time_range(f"{_DE}ServiceStopTime"),
            object_types=self.object_types,
            signatures=signatures,
            all_versions=self.all_versions,
            among=among,
        )

    @property
    def object_types(self) -> tuple[str, ...]:
        return self.texts(f"{_DE}Type") or (STABLE,)

    @property
    def online(self) -> bool:
        """Documents that are online, as all of ours are, are among those asked for."""
        asked = self.texts(f"{_DE}DocumentAvailability")
        return not asked or names.ONLINE in asked

    def set_query(self, patient: int) -> SetQuery:
        return SetQuery(
            patient=patient,
            statuses=self.statuses("$XDSSubmissionSetStatus"),
            source_ids=self.texts("$XDSSubmissionSetSourceId"),
            submission=self.time_range("$XDSSubmissionSetSubmissionTime"),
            author_person=self.text("$XDSSubmissionSetAuthorPerson"),
            content_types=self.codes("$XDSSubmissionSetContentType"),
        )

    def folder_query(self, patient: int) -> FolderQuery:
        statuses = self.statuses("$XDSFolderStatus")
        codes = self.code_groups("$XDSFolderCodeList")
        return FolderQuery(patient, statuses, codes, all_versions=self.all_versions)


def is_reference_search(query: StoredQuery) -> bool:
    """TD3.1b: GetDocuments by uniqueId, references only, which needs no right to consult (DMPWS D28)."""
    asked = FORMS[names.GET_DOCUMENTS].one_of
    given = [name for name in asked if name in query.parameters]
    return query.id == names.GET_DOCUMENTS and query.object_refs and given == [UNIQUE_ID]


def read_asked(query: StoredQuery, report: Report) -> Asked:
    """Decode a query; broken rules go into `report`, unknown parameters as warnings.

    Raises Refused when the query itself is unknown.
    """
    form = FORMS.get(query.id)
    if form is None:
        raise refusal(QUERY_ID, expected="une des 14 requêtes d'ITI-18", found=query.id[:_SHOWN])
    for name in query.parameters.keys() - form.parameters.keys():
        report.warned(UNKNOWN, found=name[:_SHOWN], where=name[:_SHOWN])
    values = {
        name: groups
        for name, parameter in form.parameters.items()
        if (groups := tuple(_groups(parameter, query, report)))
    }
    for name in form.required:
        report.require(name in values, MISSING, expected=name, found="aucune valeur connue")
    if form.one_of:
        _check_one_of(form, [name for name in form.one_of if name in values], report)
    return Asked(form, query.object_refs, values)


def _check_one_of(form: Form, given: list[str], report: Report) -> None:
    expected = " ou ".join(form.one_of)
    if not given:
        report.failed(MISSING, expected=expected, found="aucun")
    elif len(given) > 1:
        report.failed(NUMBER, expected=expected, found=", ".join(given))


def check_patient(asked: Asked, record: PatientRecord, report: Report) -> None:
    """Check that a query is about this patient, the VIHF's: the parameter may be absent but not name another."""
    if asked.patient:
        patient = Cx.parse(asked.patient)
        ok = any((ins.value, ins.authority) == (patient.id, patient.authority) for ins in record.identifiers)
        expected = str(Cx(record.ins.value, record.ins.authority, "NH"))
        report.require(ok, PATIENT, expected=expected, found=asked.patient[:_SHOWN])


def require_patient(asked: Asked, report: Report) -> None:
    """Check that a search says whom it is about, as it must where no token does."""
    name = asked.form.patient
    if name:
        report.require(bool(asked.patient), MISSING, expected=name, found="" if asked.patient else "rien")


def _groups(parameter: Parameter, query: StoredQuery, report: Report) -> Iterator[tuple[str, ...]]:
    """The good values of a parameter, one tuple per Slot; a Slot that is empty asks for nothing."""
    slots = query.parameters.get(parameter.name, ())
    if len(slots) > 1 and not parameter.slots:
        report.failed(NUMBER, expected="1 slot", found=f"{len(slots)} slots", where=parameter.name)
    for slot in slots:
        values = list(_values(parameter, slot, report))
        if parameter.kind is Kind.PATTERN and len(values) > MOST_PATTERNS:
            expected, found = f"au plus {MOST_PATTERNS} motifs", f"{len(values)} motifs"
            report.failed(CODING, expected=expected, found=found, where=parameter.name)
        if len(values) > 1 and not parameter.many:
            report.failed(NUMBER, expected="1 valeur", found=f"{len(values)} valeurs", where=parameter.name)
        if values:
            yield tuple(dict.fromkeys(values))


def _values(parameter: Parameter, slot: tuple[str, ...], report: Report) -> Iterator[str]:
    for text in slot:
        try:
            values = split_values(text)
        except ValueError as error:
            found = f"{text[:_SHOWN]} : {error}"
            report.failed(CODING, expected=parameter.kind.value, found=found, where=parameter.name)
            continue
        for value in values:
            good = _good(parameter.kind, value)
            if good is None:
                report.failed(CODING, expected=parameter.kind.value, found=value[:_SHOWN], where=parameter.name)
            elif good or parameter.kind is not Kind.STATUS:
                yield good


def _good(kind: Kind, value: str) -> str | None:
    """The value as this program spells it; an empty status counts for absent, None when it is badly coded."""
    match kind:
        case Kind.CODE:
            # `code^^scheme`, or `code^label^scheme` as some clients write it.
            code, _, rest = value.partition("^")
            system = rest.partition("^")[2]
            return f"{code}^^{system}" if code and system and "^" not in system else None
        case Kind.STATUS:  # unknown values are ignored; when none is left the parameter is missing
            return value if value in _STATUSES else ""
        case Kind.TIME:
            return value if is_dtm(value) else None
        case Kind.PATTERN:
            return value if len(value) <= LONGEST_PATTERN else None
        case Kind.LEVEL:
            return value if value in ("1", "2") else None
        case Kind.ID:
            return value.lower() if value[:9].lower() == "urn:uuid:" else value
        case Kind.TEXT:
            return value


def _code(text: str) -> Code:
    code, _, system = text.partition("^^")
    return Code(code, system)
