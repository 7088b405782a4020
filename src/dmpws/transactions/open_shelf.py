"""What exists for a plain IHE client: everything, offline documents apart (ITI TF-2 3.18)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from dmpws.codec.ebxml.fragments import is_offline
from dmpws.domain.document import StoredEntry
from dmpws.domain.packages import StoredAssociation, StoredFolder, StoredSet
from dmpws.domain.query import ANYBODY
from dmpws.transactions.ports import UnitOfWork
from dmpws.transactions.shelf import members_of


@dataclass(frozen=True, slots=True)
class OpenShelf:
    """Implements dmpws.transactions.shelf.Shelf.

    online, offline: whether documents of this availability are asked for.
    """

    store: UnitOfWork
    patient: int = ANYBODY
    online: bool = True
    offline: bool = False

    @property
    def finds_signatures(self) -> bool:
        return True

    def with_signatures(self) -> "OpenShelf":
        return self

    def entries(self, found: Iterable[StoredEntry]) -> list[StoredEntry]:
        return [entry for entry in found if (self.offline if is_offline(entry) else self.online)]

    def documents(self, uuids: Collection[str]) -> list[StoredEntry]:
        return self.entries(self.store.documents.by_entry_uuid(uuids)) if uuids else []

    def folders(self, found: Iterable[StoredFolder]) -> list[StoredFolder]:
        """The folders, their lastUpdateTime that of the last member (ITI TF-2 3.42.4.1.3.5)."""
        folders = list(found)
        members = members_of(self.store, (folder.uuid for folder in folders))
        return [
            replace(
                folder, last_update=max([folder.last_update, *(a.received_at for a in members.get(folder.uuid, []))])
            )
            for folder in folders
        ]

    def sets(self, found: Iterable[StoredSet]) -> list[StoredSet]:
        return list(found)

    def associations(self, found: Iterable[StoredAssociation]) -> list[StoredAssociation]:
        return list(found)

    def members(self, packages: Iterable[str]) -> Mapping[str, list[StoredAssociation]]:
        return members_of(self.store, packages)

    def tells_of(self, item: StoredEntry | StoredSet) -> bool:
        return True
