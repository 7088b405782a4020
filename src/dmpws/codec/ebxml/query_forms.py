"""The fourteen stored queries and their parameters, as data (ITI TF-2 3.18.4.1.2.3.7, Metadata Update included)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from dmpws.codec.ebxml import names


class Kind(Enum):
    """How the values of a parameter are coded."""

    TEXT = "'…'"
    ID = "'urn:uuid:…' ou 'OID'"
    CODE = "'code^^système'"
    STATUS = "'urn:…:StatusType:…'"
    PATTERN = "'…', motif LIKE"
    TIME = "AAAA[MM[JJ[hh[mm[ss]]]]]"
    LEVEL = "1 ou 2"


@dataclass(frozen=True, slots=True)
class Parameter:
    """name: with its `$`. many: several values (OR). slots: several Slots (AND)."""

    name: str
    kind: Kind
    many: bool
    slots: bool


@dataclass(frozen=True, slots=True)
class Form:
    """What a query accepts. patient: the parameter that names the patient, which may be left out (DMPWS D37).

    required: all of these. one_of: exactly one of these.
    """

    name: str
    parameters: Mapping[str, Parameter]
    patient: str
    required: tuple[str, ...]
    one_of: tuple[str, ...]


_KINDS: Mapping[str, Kind] = {
    "ClassCode": Kind.CODE,
    "TypeCode": Kind.CODE,
    "PracticeSettingCode": Kind.CODE,
    "HealthcareFacilityTypeCode": Kind.CODE,
    "FormatCode": Kind.CODE,
    "EventCodeList": Kind.CODE,
    "ConfidentialityCode": Kind.CODE,
    "ContentType": Kind.CODE,
    "CodeList": Kind.CODE,
    "AuthorPerson": Kind.PATTERN,
    "ReferenceIdList": Kind.PATTERN,
    "EntryUUID": Kind.ID,
    "UniqueId": Kind.ID,
    "LogicalID": Kind.ID,
    "$uuid": Kind.ID,
    "EntryType": Kind.ID,
    "Status": Kind.STATUS,
    "From": Kind.TIME,
    "To": Kind.TIME,
    "$MetadataLevel": Kind.LEVEL,
}
"""Kind of the parameters whose name ends so; the others are texts."""

_DE, _SS, _FD = "$XDSDocumentEntry", "$XDSSubmissionSet", "$XDSFolder"


def _named(prefix: str, words: str) -> tuple[str, ...]:
    return tuple(prefix + word for word in words.split())


_CONTENTS = _named(_DE, "FormatCode* ConfidentialityCode& Type*")
_FIND_DOCUMENTS = _CONTENTS + _named(
    _DE,
    "ClassCode* TypeCode* PracticeSettingCode* HealthcareFacilityTypeCode* EventCodeList& AuthorPerson*"
    " CreationTimeFrom CreationTimeTo ServiceStartTimeFrom ServiceStartTimeTo ServiceStopTimeFrom ServiceStopTimeTo"
    " DocumentAvailability*",
)
_DOCUMENT, _DOCUMENTS = _named(_DE, "EntryUUID UniqueId"), _named(_DE, "EntryUUID* UniqueId*")
_LINKS = ("$XDSAssociationStatus*",)


def _form(
    name: str,
    *,
    patient: str = "",
    required: tuple[str, ...] = (),
    one_of: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
) -> Form:
    """A form from names that may end with `*` (several values) or `&` (several values and several Slots)."""
    every = [*((patient,) if patient else ()), *required, *one_of, *optional, "$MetadataLevel"]
    parameters = [_parameter(written) for written in every]
    return Form(
        name,
        {p.name: p for p in parameters},
        patient,
        tuple(_parameter(written).name for written in required),
        tuple(_parameter(written).name for written in one_of),
    )


def _parameter(written: str) -> Parameter:
    name = written.rstrip("*&")
    kind = next((kind for end, kind in _KINDS.items() if name.endswith(end)), Kind.TEXT)
    return Parameter(name, kind, many=name != written, slots=written.endswith("&"))


FORMS: Mapping[str, Form] = {
    names.FIND_DOCUMENTS: _form(
        "FindDocuments", patient=f"{_DE}PatientId", required=_named(_DE, "Status*"), optional=_FIND_DOCUMENTS
    ),
    names.FIND_DOCUMENTS_BY_REFERENCE_ID: _form(
        "FindDocumentsByReferenceId",  # GI-DMP EX_3.1-2000
        patient=f"{_DE}PatientId",
        required=_named(_DE, "Status* ReferenceIdList&"),
        optional=_FIND_DOCUMENTS,
    ),
    names.FIND_SUBMISSION_SETS: _form(
        "FindSubmissionSets",
        patient=f"{_SS}PatientId",
        required=_named(_SS, "Status*"),
        optional=_named(_SS, "SourceId* SubmissionTimeFrom SubmissionTimeTo AuthorPerson ContentType*"),
    ),
    names.FIND_FOLDERS: _form(
        "FindFolders",
        patient=f"{_FD}PatientId",
        required=_named(_FD, "Status*"),
        optional=_named(_FD, "LastUpdateTimeFrom LastUpdateTimeTo CodeList&"),
    ),
    names.GET_ALL: _form(
        "GetAll",
        patient="$patientId",
        required=(f"{_DE}Status*", f"{_SS}Status*", f"{_FD}Status*"),
        optional=_CONTENTS + _LINKS,
    ),
    names.GET_DOCUMENTS: _form("GetDocuments", one_of=_DOCUMENTS + _named(_DE, "LogicalID*")),
    names.GET_FOLDERS: _form("GetFolders", one_of=_named(_FD, "EntryUUID* UniqueId* LogicalID*")),
    names.GET_ASSOCIATIONS: _form("GetAssociations", required=("$uuid*",), optional=_LINKS),
    names.GET_DOCUMENTS_AND_ASSOCIATIONS: _form("GetDocumentsAndAssociations", one_of=_DOCUMENTS, optional=_LINKS),
    names.GET_SUBMISSION_SETS: _form("GetSubmissionSets", required=("$uuid*",)),
    names.GET_SUBMISSION_SET_AND_CONTENTS: _form(
        "GetSubmissionSetAndContents", one_of=_named(_SS, "EntryUUID UniqueId"), optional=_CONTENTS
    ),
    names.GET_FOLDER_AND_CONTENTS: _form(
        "GetFolderAndContents", one_of=_named(_FD, "EntryUUID UniqueId"), optional=_CONTENTS + _LINKS
    ),
    names.GET_FOLDERS_FOR_DOCUMENT: _form("GetFoldersForDocument", one_of=_DOCUMENT, optional=_LINKS),
    names.GET_RELATED_DOCUMENTS: _form(
        "GetRelatedDocuments",
        required=("$AssociationTypes*",),
        one_of=_DOCUMENT,
        optional=_named(_DE, "Type*") + _LINKS,
    ),
}
