"""Updates of the registry on both databases: new versions, new statuses, what follows them, who comes first."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import select

from dmpws.domain import oids
from dmpws.domain.checks import Refused
from dmpws.domain.code import Code
from dmpws.domain.document import APND, HAS_MEMBER, MASQUE_PS, Association, DocumentEntry, Folder, Status, StoredEntry
from dmpws.domain.packages import StoredAssociation, StoredFolder
from dmpws.domain.patient import PatientRecord
from dmpws.domain.query import DocumentQuery, FolderQuery
from dmpws.store import Store
from dmpws.store.tables import association
from dmpws.testing.deposits import NORMAL, FolderDeposit, Lot, entry, lot, new_oid, new_uuid, open_record, received

MASKED = (NORMAL, Code(MASQUE_PS, oids.VISIBILITY))


@dataclass(frozen=True)
class Version:
    """Implements dmpws.transactions.ports.NewVersion."""

    previous: StoredEntry
    entry: DocumentEntry
    entry_uuid: str
    fragment: bytes = b"<masked/>"
    propagates: bool = True

    @property
    def status(self) -> Status:
        return self.previous.status


@dataclass(frozen=True)
class FolderVersion:
    """Implements dmpws.transactions.ports.NewFolderVersion."""

    previous: StoredFolder
    folder: Folder
    uuid: str
    fragment: bytes = b"<renamed/>"
    propagates: bool = True

    @property
    def status(self) -> Status:
        return self.previous.status


@dataclass(frozen=True)
class Update:
    """Implements dmpws.transactions.ports.RegistryUpdate."""

    base: Lot
    versions: Sequence[Version] = ()
    statuses: Sequence[tuple[StoredEntry | StoredFolder | StoredAssociation, Status]] = ()
    associations: Sequence[tuple[Association, bytes]] = ()
    folder_versions: Sequence[FolderVersion] = ()

    def __getattr__(self, name: str) -> object:
        return getattr(self.base, name)


@pytest.fixture
def record(store: Store) -> PatientRecord:
    with store.write() as work:
        return open_record(work)


@pytest.fixture
def document(store: Store, record: PatientRecord, now: datetime) -> DocumentEntry:
    """A document in force."""
    described = entry()
    with store.write() as work:
        work.documents.add_lot(lot(record, [(described, received(store.blobs, b"<CDA/>"))]), now=now)
    return described


def current(store: Store, document: DocumentEntry) -> StoredEntry:
    with store.read() as work:
        (latest,) = [e for e in work.documents.by_unique_id([document.unique_id]) if e.latest]
    return latest


def masking(record: PatientRecord, old: StoredEntry, document: DocumentEntry, *, propagates: bool = True) -> Update:
    version = Version(old, replace(document, confidentiality=MASKED), new_uuid(), propagates=propagates)
    base = lot(record, [])
    member = Association(new_uuid(), HAS_MEMBER, base.submission_set_uuid, version.entry_uuid)
    return Update(base, [version], associations=[(member, b"<link/>")])


def add(store: Store, update: Update, now: datetime) -> None:
    with store.write() as work:
        work.documents.add_update(update, now=now)  # type: ignore[arg-type]


def links(store: Store, uuid: str) -> list[tuple[str, str, str]]:
    found = store.database.rows(
        select(association.c.type, association.c.source, association.c.target)
        .where((association.c.source == uuid) | (association.c.target == uuid))
        .order_by(association.c.id)
    )
    return [(row.type, row.source, row.target) for row in found]


def test_a_new_version_takes_the_place_of_the_old_one(
    store: Store, record: PatientRecord, document: DocumentEntry, now: datetime
) -> None:
    old = current(store, document)
    add(store, masking(record, old, document), now + timedelta(hours=1))
    new = current(store, document)
    assert (new.lid, new.version, new.status, new.visibility) == (old.lid, 2, Status.APPROVED, {MASQUE_PS})
    assert (new.hash, new.sha256, new.size, new.received_at) == (old.hash, old.sha256, old.size, old.received_at)
    assert new.fragment == b"<masked/>"
    with store.read() as work:
        assert work.documents.octets(new).read() == b"<CDA/>"
        (former,) = work.documents.by_entry_uuid([old.entry_uuid])
        found = work.documents.find(DocumentQuery(record.id, tuple(Status)), limit=10)
    assert (former.latest, former.status, former.visibility) == (False, Status.DEPRECATED, frozenset())
    assert [e.entry_uuid for e in found] == [new.entry_uuid]


def test_a_version_is_followed_once(
    store: Store, record: PatientRecord, document: DocumentEntry, now: datetime
) -> None:
    old = current(store, document)
    first, second = (masking(record, old, document) for _ in range(2))
    add(store, first, now)
    with pytest.raises(Refused) as refused:
        add(store, second, now)
    assert refused.value.code == "XDSMetadataVersionError"
    assert current(store, document).entry_uuid == first.versions[0].entry_uuid
    with store.read() as work:
        assert not work.documents.known_packages([second.base.submission_set.unique_id])


def test_a_status_changes_once(store: Store, record: PatientRecord, document: DocumentEntry, now: datetime) -> None:
    old = current(store, document)
    add(store, Update(lot(record, []), statuses=[(old, Status.ARCHIVED)]), now)
    changed = current(store, document)
    assert changed == old._replace(status=Status.ARCHIVED)
    with pytest.raises(Refused) as refused:
        add(store, Update(lot(record, []), statuses=[(old, Status.DELETED)]), now)
    assert refused.value.code == "XDSMetadataUpdateError"
    add(store, masking(record, changed, document), now)
    assert current(store, document).status is Status.ARCHIVED


def test_several_changes_are_made_or_none(
    store: Store, record: PatientRecord, document: DocumentEntry, now: datetime
) -> None:
    other = entry()
    with store.write() as work:
        work.documents.add_lot(lot(record, [(other, received(store.blobs, b"<CDA/>"))]), now=now)
    stale = current(store, other)._replace(status=Status.ARCHIVED)
    update = Update(lot(record, []), statuses=[(current(store, document), Status.DELETED), (stale, Status.DELETED)])
    with pytest.raises(Refused):
        add(store, update, now)
    assert current(store, document).status is Status.APPROVED


def test_a_taken_entry_uuid_or_set_is_refused(
    store: Store, record: PatientRecord, document: DocumentEntry, now: datetime
) -> None:
    old = current(store, document)
    update = masking(record, old, document)
    taken = replace(update, versions=[replace(update.versions[0], entry_uuid=old.entry_uuid)])
    with pytest.raises(Refused) as refused:
        add(store, taken, now)
    assert refused.value.checks[0].rule.id == "STORE-ENTRY-UUID"
    assert refused.value.checks[0].expected
    add(store, update, now)
    again = replace(masking(record, current(store, document), document), base=update.base)
    with pytest.raises(Refused) as refused:
        add(store, again, now)
    assert refused.value.code == "XDSDuplicateUniqueIdInRegistry"


@pytest.mark.parametrize("propagates", [True, False])
def test_relationships_follow_and_lots_do_not(
    store: Store, record: PatientRecord, document: DocumentEntry, now: datetime, propagates: bool
) -> None:
    old = current(store, document)
    addendum = lot(record, [(entry(), received(store.blobs, b"<CDA/>"))])
    completes = Association(new_uuid(), APND, addendum.entries[0].entry_uuid, old.entry_uuid)
    in_folder = Association(new_uuid(), HAS_MEMBER, "urn:uuid:folder", old.entry_uuid)
    with store.write() as work:
        more = [(completes, b"<link/>"), (in_folder, b"<link/>")]
        work.documents.add_lot(replace(addendum, associations=[*addendum.associations, *more]), now=now)
    before = links(store, old.entry_uuid)
    update = masking(record, old, document, propagates=propagates)
    add(store, update, now)
    new = update.versions[0].entry_uuid
    assert links(store, old.entry_uuid) == before
    member = (HAS_MEMBER, update.base.submission_set_uuid, new)
    followed = [(APND, addendum.entries[0].entry_uuid, new), (HAS_MEMBER, "urn:uuid:folder", new)]
    assert sorted(links(store, new)) == sorted([member, *followed] if propagates else [member])
    of_set = links(store, update.base.submission_set_uuid)
    assert len(of_set) == (2 if propagates else 1)


def test_identifiers_of_documents_and_sets_stay_apart(
    store: Store, record: PatientRecord, document: DocumentEntry, now: datetime
) -> None:
    add(store, masking(record, current(store, document), document), now)
    same = lot(record, [(document, received(store.blobs, b"<CDA/>"))])
    with store.write() as work, pytest.raises(Refused) as refused:
        work.documents.add_lot(same, now=now)
    assert refused.value.code == "XDSRegistryMetadataError"


def test_replacing_and_deleting_race(
    store: Store, record: PatientRecord, document: DocumentEntry, now: datetime
) -> None:
    """Both read the document in force; whoever comes second is refused."""
    old = current(store, document)
    delete = Update(lot(record, []), statuses=[(old, Status.DELETED)])
    newer = lot(record, [(entry(), received(store.blobs, b"<CDA/>"))], replaces=[(old.id, old.entry_uuid)])
    with store.write() as work:
        work.documents.add_lot(newer, now=now)
    with pytest.raises(Refused) as refused:
        add(store, delete, now)
    assert refused.value.code == "XDSMetadataUpdateError"
    latest = current(store, newer.entries[0].entry)
    add(store, Update(lot(record, []), statuses=[(latest, Status.DELETED)]), now)
    late = lot(record, [(entry(), received(store.blobs, b"<CDA/>"))], replaces=[(latest.id, latest.entry_uuid)])
    with store.write() as work, pytest.raises(Refused) as refused:
        work.documents.add_lot(late, now=now)
    assert refused.value.code == "XDSRegistryDeprecatedDocumentError"


def test_of_updates_at_once_one_wins(
    store: Store, record: PatientRecord, document: DocumentEntry, now: datetime
) -> None:
    start = Barrier(4)

    def update(delete: bool) -> str:
        with store.write() as work:
            old = next(e for e in work.documents.by_unique_id([document.unique_id]) if e.latest)
            status = Update(lot(record, []), statuses=[(old, Status.DELETED)])
            start.wait(120)
            try:
                work.documents.add_update(status if delete else masking(record, old, document), now=now)  # type: ignore[arg-type]
            except Refused as refused:
                return refused.code
        return "done"

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(update, [True, False, True, False]))
    assert outcomes.count("done") == 1
    assert set(outcomes) <= {"done", "XDSMetadataUpdateError", "XDSMetadataVersionError"}


def test_a_folder_has_versions_too(store: Store, record: PatientRecord, document: DocumentEntry, now: datetime) -> None:
    held = current(store, document)
    described = Folder("f", new_oid(), "", (), "Grossesse")
    made = FolderDeposit(described, new_uuid())
    member = Association(new_uuid(), HAS_MEMBER, made.uuid, held.entry_uuid)
    with store.write() as work:
        work.documents.add_lot(replace(lot(record, []), folders=[made], associations=[(member, b"<link/>")]), now=now)
    with store.read() as work:
        (old,) = work.packages.folders(uuids=[made.uuid])
    version = FolderVersion(old, replace(described, codes=(Code("SUIVI", "1.2.3"),)), new_uuid())
    later = now + timedelta(hours=1)
    add(store, Update(lot(record, []), folder_versions=[version]), later)
    with store.read() as work:
        new, former = work.packages.folders(lids=[old.lid])
        (found,) = work.packages.find_folders(FolderQuery(record.id, tuple(Status), ((Code("SUIVI", "1.2.3"),),)))
    assert (new.uuid, new.version, new.latest, new.status) == (version.uuid, 2, True, Status.APPROVED)
    assert (former.uuid, former.latest, former.status) == (old.uuid, False, Status.DEPRECATED)
    assert found == new
    assert new.last_update == later
    assert (HAS_MEMBER, version.uuid, held.entry_uuid) in links(store, version.uuid)
    with pytest.raises(Refused) as refused:
        add(store, Update(lot(record, []), folder_versions=[replace(version, uuid=new_uuid())]), later)
    assert refused.value.code == "XDSMetadataVersionError"


def test_an_association_changes_its_status_once(
    store: Store, record: PatientRecord, document: DocumentEntry, now: datetime
) -> None:
    made = FolderDeposit(Folder("f", new_oid(), "", (), "Grossesse"), new_uuid())
    member = Association(new_uuid(), HAS_MEMBER, made.uuid, current(store, document).entry_uuid)
    with store.write() as work:
        work.documents.add_lot(replace(lot(record, []), folders=[made], associations=[(member, b"<link/>")]), now=now)
    with store.read() as work:
        (link,) = work.packages.associations(uuids=[member.id])
    later = now + timedelta(hours=1)
    add(store, Update(lot(record, []), statuses=[(link, Status.DEPRECATED)]), later)
    with store.read() as work:
        (link_now,) = work.packages.associations(uuids=[member.id])
        (folder,) = work.packages.folders(uuids=[made.uuid])
    assert link_now == replace(link, status=Status.DEPRECATED)
    assert folder.last_update == later
    with pytest.raises(Refused) as refused:
        add(store, Update(lot(record, []), statuses=[(link, Status.DEPRECATED)]), later)
    assert refused.value.code == "XDSMetadataUpdateError"
