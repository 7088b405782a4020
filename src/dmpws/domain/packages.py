"""What the registry keeps besides document entries: submission sets, folders and associations."""

from dataclasses import dataclass
from datetime import datetime

from dmpws.domain.document import Status, StoredEntry


@dataclass(frozen=True, slots=True)
class StoredSet:
    """A submission set. author_persons: XCN.1; author_institutions: XON.10; fragment: as of StoredEntry."""

    id: int
    uuid: str
    unique_id: str
    patient: int
    status: Status
    author_persons: frozenset[str]
    author_institutions: frozenset[str]
    received_at: datetime
    fragment: bytes


@dataclass(frozen=True, slots=True)
class StoredFolder:
    """A folder. last_update: UTC, when its last member that the reader may know of arrived."""

    id: int
    uuid: str
    lid: str
    version: int
    latest: bool
    unique_id: str
    patient: int
    status: Status
    last_update: datetime
    fragment: bytes


@dataclass(frozen=True, slots=True)
class StoredAssociation:
    """An association; source and target are UUIDs, received_at that of the submission set that brought it."""

    uuid: str
    type: str
    source: str
    target: str
    status: Status
    patient: int
    received_at: datetime
    fragment: bytes


RegistryObject = StoredEntry | StoredSet | StoredFolder | StoredAssociation
