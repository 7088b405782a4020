"""The fourteen stored queries of TD3.1 as methods (ITI TF-2 3.18.4.1.2.3.7)."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict, Unpack

from dmpws.client.registry import QueryAnswer, cx, quoted
from dmpws.codec.ebxml import names
from dmpws.domain.code import Code
from dmpws.domain.datatypes import format_dtm
from dmpws.domain.document import APND, RPLC, SIGNS, XFRM, XFRM_RPLC, Status
from dmpws.domain.patient import Ins

_DE, _SS, _FD = "$XDSDocumentEntry", "$XDSSubmissionSet", "$XDSFolder"
_IN_FORCE = (Status.APPROVED,)
_RELATIONS = (RPLC, APND, XFRM, XFRM_RPLC, SIGNS)

Slots = dict[str, list[str]]


class ContentFilters(TypedDict, total=False):
    """Which documents: one of these values for each filter given. The codes need no display name."""

    formats: Sequence[Code]
    confidentiality: Sequence[Code]
    object_types: Sequence[str]


class DocumentFilters(ContentFilters, total=False):
    """authors: LIKE patterns of the whole XCN (`899900063480^%`). Periods, aware: from included, to excluded."""

    classes: Sequence[Code]
    types: Sequence[Code]
    facilities: Sequence[Code]
    practice_settings: Sequence[Code]
    event_codes: Sequence[Code]
    authors: Sequence[str]
    created_from: datetime
    created_to: datetime
    started_from: datetime
    started_to: datetime
    stopped_from: datetime
    stopped_to: datetime


_FILTERS = {
    "formats": "FormatCode",
    "confidentiality": "ConfidentialityCode",
    "object_types": "Type",
    "classes": "ClassCode",
    "types": "TypeCode",
    "facilities": "HealthcareFacilityTypeCode",
    "practice_settings": "PracticeSettingCode",
    "event_codes": "EventCodeList",
    "authors": "AuthorPerson",
    "created_from": "CreationTimeFrom",
    "created_to": "CreationTimeTo",
    "started_from": "ServiceStartTimeFrom",
    "started_to": "ServiceStartTimeTo",
    "stopped_from": "ServiceStopTimeFrom",
    "stopped_to": "ServiceStopTimeTo",
}

Value = datetime | str | Sequence[str] | Sequence[Code] | Sequence[Status] | None


def _slots(prefix: str, values: Mapping[str, Value]) -> Slots:
    """Parameters in stored query coding; what is None or empty asks for nothing."""
    return {prefix + name: [_coded(value)] for name, value in values.items() if value}


def _coded(value: Value) -> str:
    if isinstance(value, datetime):
        return format_dtm(value)
    if isinstance(value, str):
        return quoted([value])[1:-1]
    return quoted([f"{v.code}^^{v.system}" if isinstance(v, Code) else v for v in value or ()])


def _filters(filters: DocumentFilters | ContentFilters) -> Slots:
    values: Mapping[str, Value] = {_FILTERS[name]: value for name, value in filters.items()}  # type: ignore[misc]
    return _slots(_DE, values)


class StoredQueries(ABC):
    """TD3.1 or ITI-18 for a session. Every method raises what the session raises; refusals are problems of the answer.

    return_type: LeafClass gives whole metadata, ObjectRef only ids, in `references`. all_versions: old versions of
    the metadata too. One thing is named by its uniqueId or by its entryUUID, not by both.
    """

    @abstractmethod
    def _query(
        self, ins: Ins, query: str, slots: Mapping[str, Sequence[str]], return_type: str = "LeafClass"
    ) -> QueryAnswer:
        """Send one stored query."""

    def _patient(self, ins: Ins) -> str:
        """The CX of a patient."""
        return cx(ins)

    def find_documents(
        self,
        ins: Ins,
        *,
        statuses: Sequence[Status] = _IN_FORCE,
        parameters: Mapping[str, Sequence[str]] | None = None,
        return_type: str = "LeafClass",
        **filters: Unpack[DocumentFilters],
    ) -> QueryAnswer:
        """FindDocuments, newest first. parameters: further ones, in stored query coding."""
        slots = _slots(_DE, {"PatientId": self._patient(ins), "Status": statuses})
        return self._query(ins, names.FIND_DOCUMENTS, {**slots, **_filters(filters), **(parameters or {})}, return_type)

    def find_documents_by_reference_id(
        self,
        ins: Ins,
        reference_ids: Sequence[str],
        *,
        statuses: Sequence[Status] = _IN_FORCE,
        return_type: str = "LeafClass",
        **filters: Unpack[DocumentFilters],
    ) -> QueryAnswer:
        """FindDocumentsByReferenceId: documents with one of these references (CXi, LIKE patterns)."""
        slots = _slots(_DE, {"PatientId": self._patient(ins), "Status": statuses, "ReferenceIdList": reference_ids})
        return self._query(ins, names.FIND_DOCUMENTS_BY_REFERENCE_ID, {**slots, **_filters(filters)}, return_type)

    def find_submission_sets(
        self,
        ins: Ins,
        *,
        statuses: Sequence[Status] = _IN_FORCE,
        source_ids: Sequence[str] = (),
        submitted_from: datetime | None = None,
        submitted_to: datetime | None = None,
        author: str = "",
        content_types: Sequence[Code] = (),
    ) -> QueryAnswer:
        """FindSubmissionSets: the lots. author: LIKE pattern of the whole XCN."""
        values: Mapping[str, Value] = {
            "PatientId": self._patient(ins),
            "Status": statuses,
            "SourceId": source_ids,
            "SubmissionTimeFrom": submitted_from,
            "SubmissionTimeTo": submitted_to,
            "AuthorPerson": author,
            "ContentType": content_types,
        }
        return self._query(ins, names.FIND_SUBMISSION_SETS, _slots(_SS, values))

    def find_folders(
        self,
        ins: Ins,
        *,
        statuses: Sequence[Status] = _IN_FORCE,
        updated_from: datetime | None = None,
        updated_to: datetime | None = None,
        codes: Sequence[Code] = (),
    ) -> QueryAnswer:
        """FindFolders, last updated first."""
        values: Mapping[str, Value] = {
            "PatientId": self._patient(ins),
            "Status": statuses,
            "LastUpdateTimeFrom": updated_from,
            "LastUpdateTimeTo": updated_to,
            "CodeList": codes,
        }
        return self._query(ins, names.FIND_FOLDERS, _slots(_FD, values))

    def get_all(
        self, ins: Ins, *, statuses: Sequence[Status] = _IN_FORCE, **filters: Unpack[ContentFilters]
    ) -> QueryAnswer:
        """GetAll: documents, lots and folders of these statuses, and the associations that touch them."""
        statuses_of = {f"{prefix}Status": statuses for prefix in (_DE, _SS, _FD)}
        slots = _slots("", {"$patientId": self._patient(ins), **statuses_of})
        return self._query(ins, names.GET_ALL, {**slots, **_filters(filters)})

    def get_documents(
        self,
        ins: Ins,
        *,
        unique_ids: Sequence[str] = (),
        entry_uuids: Sequence[str] = (),
        lids: Sequence[str] = (),
        all_versions: bool = False,
        return_type: str = "LeafClass",
    ) -> QueryAnswer:
        """GetDocuments, by one kind of identifier. By uniqueId as ObjectRef it is TD3.1b: no right to consult."""
        slots = _slots(_DE, {"UniqueId": unique_ids, "EntryUUID": entry_uuids, "LogicalID": lids})
        return self._query(ins, names.GET_DOCUMENTS, {**slots, **_level(all_versions)}, return_type)

    def get_folders(
        self,
        ins: Ins,
        *,
        unique_ids: Sequence[str] = (),
        entry_uuids: Sequence[str] = (),
        lids: Sequence[str] = (),
        all_versions: bool = False,
    ) -> QueryAnswer:
        """GetFolders, by one kind of identifier."""
        slots = _slots(_FD, {"UniqueId": unique_ids, "EntryUUID": entry_uuids, "LogicalID": lids})
        return self._query(ins, names.GET_FOLDERS, {**slots, **_level(all_versions)})

    def get_associations(self, ins: Ins, uuids: Sequence[str]) -> QueryAnswer:
        """GetAssociations: those that have one of these entryUUIDs at an end."""
        return self._query(ins, names.GET_ASSOCIATIONS, _slots("$", {"uuid": uuids}))

    def get_documents_and_associations(
        self, ins: Ins, *, unique_ids: Sequence[str] = (), entry_uuids: Sequence[str] = ()
    ) -> QueryAnswer:
        """GetDocumentsAndAssociations."""
        slots = _slots(_DE, {"UniqueId": unique_ids, "EntryUUID": entry_uuids})
        return self._query(ins, names.GET_DOCUMENTS_AND_ASSOCIATIONS, slots)

    def get_submission_sets(self, ins: Ins, uuids: Sequence[str]) -> QueryAnswer:
        """GetSubmissionSets: the lots that brought these documents or folders (entryUUIDs)."""
        return self._query(ins, names.GET_SUBMISSION_SETS, _slots("$", {"uuid": uuids}))

    def get_submission_set_and_contents(
        self, ins: Ins, *, unique_id: str = "", entry_uuid: str = "", **filters: Unpack[ContentFilters]
    ) -> QueryAnswer:
        """GetSubmissionSetAndContents."""
        slots = _slots(_SS, {"UniqueId": unique_id, "EntryUUID": entry_uuid})
        return self._query(ins, names.GET_SUBMISSION_SET_AND_CONTENTS, {**slots, **_filters(filters)})

    def get_folder_and_contents(
        self, ins: Ins, *, unique_id: str = "", entry_uuid: str = "", **filters: Unpack[ContentFilters]
    ) -> QueryAnswer:
        """GetFolderAndContents."""
        slots = _slots(_FD, {"UniqueId": unique_id, "EntryUUID": entry_uuid})
        return self._query(ins, names.GET_FOLDER_AND_CONTENTS, {**slots, **_filters(filters)})

    def get_folders_for_document(self, ins: Ins, *, unique_id: str = "", entry_uuid: str = "") -> QueryAnswer:
        """GetFoldersForDocument."""
        slots = _slots(_DE, {"UniqueId": unique_id, "EntryUUID": entry_uuid})
        return self._query(ins, names.GET_FOLDERS_FOR_DOCUMENT, slots)

    def get_related_documents(
        self, ins: Ins, *, unique_id: str = "", entry_uuid: str = "", relations: Sequence[str] = _RELATIONS
    ) -> QueryAnswer:
        """GetRelatedDocuments: the document, those related to it, and how."""
        slots = _slots(_DE, {"UniqueId": unique_id, "EntryUUID": entry_uuid})
        types = _slots("$", {"AssociationTypes": relations})
        return self._query(ins, names.GET_RELATED_DOCUMENTS, {**slots, **types})


def _level(all_versions: bool) -> Slots:
    return {"$MetadataLevel": ["2"]} if all_versions else {}
