"""What exists, for who searches: everything that a search may say goes through here.

An entry exists when dmpws.domain.visibility says so. A folder or a submission set exists when one of the documents
it holds does, an association when both of its ends do: nothing shows that a hidden document is there (DMPWS D86).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, Self

from dmpws.domain.document import HAS_MEMBER, StoredEntry
from dmpws.domain.packages import StoredAssociation, StoredFolder, StoredSet
from dmpws.domain.patient import PatientRecord
from dmpws.domain.visibility import Reader, is_author, sees
from dmpws.transactions.admission import with_equals
from dmpws.transactions.call import Call
from dmpws.transactions.ports import UnitOfWork
from dmpws.transactions.reading import current_versions


class Shelf(Protocol):
    """What the stored queries look into; each method gives those of the objects found that exist."""

    @property
    def patient(self) -> int:
        """Row of the patient, or dmpws.domain.query.ANYBODY."""
        ...

    @property
    def finds_signatures(self) -> bool:
        """Whether a Find query gives signatures too (DMPWS D14)."""
        ...

    @property
    def store(self) -> UnitOfWork: ...

    def with_signatures(self) -> Self:
        """The same, with the signatures of lots (DMPWS D14)."""
        ...

    def entries(self, found: Iterable[StoredEntry]) -> list[StoredEntry]: ...
    def documents(self, uuids: Collection[str]) -> list[StoredEntry]: ...
    def folders(self, found: Iterable[StoredFolder]) -> list[StoredFolder]: ...
    def sets(self, found: Iterable[StoredSet]) -> list[StoredSet]: ...
    def associations(self, found: Iterable[StoredAssociation]) -> list[StoredAssociation]: ...

    def members(self, packages: Iterable[str]) -> Mapping[str, list[StoredAssociation]]:
        """The HasMember associations of submission sets or folders, by package, all of them."""
        ...

    def tells_of(self, item: StoredEntry | StoredSet) -> bool:
        """Whether who searches may be told of this, though it is of another patient than the one asked about."""
        ...


@dataclass(frozen=True, slots=True)
class ReaderShelf:
    """What exists in one record and for one reader.

    signatures: signature entries exist for every reader of their lot (GetSubmissionSetAndContents, DMPWS D14).
    """

    call: Call
    record: PatientRecord
    reader: Reader
    signatures: bool = False

    @property
    def patient(self) -> int:
        return self.record.id

    @property
    def finds_signatures(self) -> bool:
        return False

    @property
    def store(self) -> UnitOfWork:
        return self.call.store

    def with_signatures(self) -> "ReaderShelf":
        return replace(self, signatures=True)

    def entries(self, found: Iterable[StoredEntry]) -> list[StoredEntry]:
        """The entries that exist, all metadata versions: the current one alone says whether they do."""
        mine = [entry for entry in found if entry.patient == self.record.id]
        reader = self.reader
        if reader.for_structure:
            reader = replace(reader, caller=with_equals(self.call, reader.caller, mine))
        current = current_versions(self.call, mine)
        return [entry for entry in mine if self._exists(current[entry.entry_uuid], reader)]

    def documents(self, uuids: Collection[str]) -> list[StoredEntry]:
        """The entries of these UUIDs that exist."""
        return self.entries(self.store.documents.by_entry_uuid(uuids)) if uuids else []

    def folders(self, found: Iterable[StoredFolder]) -> list[StoredFolder]:
        """The folders that exist: empty ones, and those that hold a document that exists.

        lastUpdateTime is that of the last member that exists: another would tell of the hidden ones (DMPWS D87).
        """
        mine = [folder for folder in found if folder.patient == self.record.id]
        members = self.members(folder.uuid for folder in mine)
        known = {entry.entry_uuid for entry in self.documents({a.target for links in members.values() for a in links})}
        kept: list[StoredFolder] = []
        for folder in mine:
            links = members.get(folder.uuid, [])
            times = [a.received_at for a in links if a.target in known]
            if times or not links:
                kept.append(replace(folder, last_update=max([folder.last_update, *times])))
        return kept

    def sets(self, found: Iterable[StoredSet]) -> list[StoredSet]:
        """The submission sets that exist: those that hold a document or a folder that does.

        A set that holds neither, of an update, exists for its author.
        """
        mine = [lot for lot in found if lot.patient == self.record.id]
        members = self.members(lot.uuid for lot in mine)
        targets = {a.target for links in members.values() for a in links}
        known = {entry.entry_uuid for entry in self.documents(targets) if not entry.is_signature}
        known |= {folder.uuid for folder in self.folders(self.store.packages.folders(uuids=targets))}
        return [
            lot
            for lot in mine
            if any(a.target in known for a in members.get(lot.uuid, []))
            or (lot.uuid not in members and self.is_author(lot))
        ]

    def associations(self, found: Iterable[StoredAssociation]) -> list[StoredAssociation]:
        """The associations both ends of which exist."""
        mine = [link for link in found if link.patient == self.record.id]
        ends = {end for link in mine for end in (link.source, link.target)}
        if not ends:
            return []
        packages = self.store.packages
        known = {entry.entry_uuid for entry in self.documents(ends)}
        known |= {folder.uuid for folder in self.folders(packages.folders(uuids=ends))}
        known |= {lot.uuid for lot in self.sets(packages.sets(uuids=ends))}
        # A set holds the associations that put documents in folders; no association goes to one of those.
        known |= {link.uuid for link in self.associations(packages.associations(uuids=ends))}
        return [link for link in mine if link.source in known and link.target in known]

    def members(self, packages: Iterable[str]) -> Mapping[str, list[StoredAssociation]]:
        return members_of(self.store, packages)

    def tells_of(self, item: StoredEntry | StoredSet) -> bool:
        return item.patient != self.record.id and self.is_author(item)

    def is_author(self, item: StoredEntry | StoredSet) -> bool:
        """The reader wrote it, in person or through the structure it acts for."""
        if isinstance(item, StoredEntry):
            return is_author(self.reader, item)
        if self.reader.for_structure:
            return self.reader.caller.structure in item.author_institutions
        return self.reader.caller.person in item.author_persons

    def _exists(self, entry: StoredEntry, reader: Reader) -> bool:
        """Signatures only for their author (DMPWS D14); for who acts for a structure only the documents of that
        structure (PDT-INF-526 note 5)."""
        if entry.is_signature and self.signatures:
            return True
        return sees(reader, entry) and (is_author(reader, entry) or not (entry.is_signature or reader.for_structure))


def members_of(store: UnitOfWork, packages: Iterable[str]) -> Mapping[str, list[StoredAssociation]]:
    """The HasMember associations of submission sets or folders, by package."""
    found: dict[str, list[StoredAssociation]] = {}
    for link in store.packages.associations(sources=packages):
        if link.type == HAS_MEMBER:
            found.setdefault(link.source, []).append(link)
    return found
