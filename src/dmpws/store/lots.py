"""Storing a lot: all of it or nothing, and its evidence for later."""

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update

from dmpws.domain.checks import Refused, refusal
from dmpws.domain.document import DEPENDENTS, HAS_MEMBER, IN_FORCE, REPLACEMENTS, Association, Status
from dmpws.signature.model import LotEvidence
from dmpws.store import rules
from dmpws.store.encryption import Sealer
from dmpws.store.engine import by_dialect
from dmpws.store.ready import Ready
from dmpws.store.rows import author_columns, derived_columns, pack, persons, unpack
from dmpws.store.search import spelled
from dmpws.store.session import Statements
from dmpws.store.tables import (
    association,
    document_entry,
    folder,
    lot_evidence,
    submission_set,
)
from dmpws.transactions.ports import NewEntry, NewLot, NewSet

IN_EVIDENCE = "lot:"
"""Begins the octets column of a signature entry: the signature is in the evidence of its lot, and not twice."""

APPROVED, DEPRECATED = Status.APPROVED.name, Status.DEPRECATED.name

_E = document_entry.c
_NEW_SET = Ready(
    by_dialect(lambda insert: insert(submission_set).on_conflict_do_nothing().returning(submission_set.c.id))
)
_NEW_ENTRIES = Ready(by_dialect(lambda insert: insert(document_entry).on_conflict_do_nothing()))
_ENTRIES_OF = select(_E.entry_uuid).where(_E.submission_set_id == bindparam("lot"))
_NEW_ASSOCIATIONS = Ready(by_dialect(lambda insert: insert(association).on_conflict_do_nothing()))
_NEW_EVIDENCE = Ready(lot_evidence.insert())
_DEPRECATE = (
    update(document_entry)
    .where(_E.id.in_(bindparam("ids", expanding=True)), _E.status == APPROVED)
    .values(status=DEPRECATED)
)
_STILL_APPROVED = (  # FOR SHARE: whoever deprecates one waits; SQLite has one writer
    select(_E.id).where(_E.id.in_(bindparam("ids", expanding=True)), _E.status == APPROVED).with_for_update(read=True)
)
_A, _F = association.c, folder.c
_DEPRECATE_DEPENDENTS = (
    update(document_entry)
    .where(
        _E.entry_uuid.in_(
            select(_A.source).where(
                _A.target.in_(bindparam("targets", expanding=True)), _A.type.in_(DEPENDENTS), _A.status == APPROVED
            )
        ),
        _E.status.in_([status.name for status in IN_FORCE]),
    )
    .values(status=DEPRECATED)
)
_FOLDERS_HOLDING = (
    select(_A.target, _F.uuid)
    .join_from(association, folder, _A.source == _F.uuid)
    .where(
        _A.target.in_(bindparam("targets", expanding=True)),
        _A.type == HAS_MEMBER,
        _A.status == APPROVED,
        _F.status == APPROVED,
        _F.latest,
    )
    .order_by(_A.id)
)
_NEW_FOLDERS = by_dialect(lambda insert: insert(folder).on_conflict_do_nothing())
# FOR SHARE: a copy is the same document as long as the first one is there.
_FIRST_VERSION = (
    select(_E.hash, _E.size)
    .where(_E.unique_id == bindparam("unique_id"), _E.version == 1, _E.copy == 0)
    .with_for_update(read=True)
)
_LOT = (
    select(submission_set, *(column.label(f"evidence_{column.name}") for column in lot_evidence.c))
    .join(lot_evidence)
    .where(submission_set.c.unique_id == bindparam("unique_id"))
)
_SIGNATURE = select(lot_evidence.c.signature).where(lot_evidence.c.submission_set_id == bindparam("lot"))


@dataclass(frozen=True, slots=True)
class StoredLot:
    """A lot as it was accepted, for `audit verify --lot`. id: row of the submission set."""

    id: int
    unique_id: str
    submission_time: str
    received_at: datetime
    evidence: LotEvidence


class LotTables:
    """Writes and reads whole lots."""

    def __init__(self, statements: Statements, sealer: Sealer) -> None:
        self._db = statements
        self._sealer = sealer

    def add(self, lot: NewLot, names: Mapping[str, str], *, now: datetime) -> None:
        """Insert the rows of a lot. `names` gives where octets are in place, by SHA-256. Raises Refused."""
        lot_id = self.add_submission_set(lot, now)
        self._add_entries(lot, names, lot_id, now)
        self._add_folders(lot, lot_id, now)
        self.add_associations(lot.associations, lot_id)
        if lot.evidence is not None:
            self._add_evidence(lot.evidence, lot_id)
        self._hold(lot.relies_on)
        self._replace(lot, lot_id)

    def add_submission_set(self, lot: NewSet, now: datetime) -> int:
        """Insert a submission set and return its row id. Raises Refused."""
        submitted = lot.submission_set
        rows = self._db.returning(
            _NEW_SET,
            {
                "uuid": lot.submission_set_uuid,
                "unique_id": submitted.unique_id,
                "patient_id": lot.patient,
                "source_id": submitted.source_id,
                "submission_time": submitted.submission_time,
                "content_type": spelled(submitted.content_type),
                "status": APPROVED,
                "authors": persons(submitted.authors),
                **author_columns(submitted.authors),
                "received_at": now,
                "fragment": pack(lot.submission_set_fragment, lot.submission_set_uuid, self._sealer),
            },
        )
        if not rows:
            raise refusal(rules.SUBMISSION_SET_ID, expected=rules.NEW_ID, found=submitted.unique_id)
        return int(rows[0].id)

    def _add_entries(self, lot: NewLot, names: Mapping[str, str], lot_id: int, now: datetime) -> None:
        common = {
            "version": 1,
            "copy": 0,
            "latest": True,
            "patient_id": lot.patient,
            "submission_set_id": lot_id,
            "status": APPROVED,
            "received_at": now,
        }
        rows = [
            {
                **common,
                "entry_uuid": new.entry_uuid,
                "lid": new.entry_uuid,
                "unique_id": new.entry.unique_id,
                "hash": new.octets.sha1,
                "sha256": new.octets.sha256,
                "size": new.octets.size,
                "octets": _place(new.octets.sha256, names, lot_id),
                "fragment": pack(new.fragment, new.entry_uuid, self._sealer),
                **derived_columns(new.entry),
            }
            for new in lot.entries
        ]
        if self._add_all(_NEW_ENTRIES, rows) == len(rows):
            return
        stored = {row.entry_uuid for row in self._db.rows(_ENTRIES_OF, {"lot": lot_id})}
        for new, row in zip(lot.entries, rows, strict=True):
            if new.entry_uuid not in stored:
                conflict = self._conflict(new)
                copy = {**row, "copy": secrets.randbits(62) + 1}
                if not (lot.copies and conflict.checks[0].rule is rules.DOCUMENT_ID):
                    raise conflict
                if not self._add_all(_NEW_ENTRIES, [copy]):
                    raise refusal(rules.ENTRY_UUID, expected=rules.NEW_UUID, found=new.entry_uuid)

    def _conflict(self, new: NewEntry) -> Refused:
        """Why an entry could not be inserted (DMPWS D16). The other document is not shown: it may be another's."""
        known = self._db.returning(_FIRST_VERSION, {"unique_id": new.entry.unique_id})
        if not known:
            return refusal(rules.ENTRY_UUID, expected=rules.NEW_UUID, found=new.entry_uuid)
        rule = rules.DOCUMENT_ID
        if not known[0].hash:  # erased: what it was is not told
            pass
        elif known[0].hash != new.octets.sha1:
            rule = rules.DOCUMENT_HASH
        elif known[0].size != new.octets.size:
            rule = rules.DOCUMENT_SIZE
        return refusal(rule, expected=rules.NEW_ID, found=new.entry.unique_id)

    def _add_all(self, insert: Any, rows: list[dict[str, Any]]) -> int:
        return self._db.change(insert, rows) if rows else 0

    def _add_folders(self, lot: NewLot, lot_id: int, now: datetime) -> None:
        rows = [
            {
                "uuid": new.uuid,
                "lid": new.uuid,
                "version": 1,
                "latest": True,
                "unique_id": new.folder.unique_id,
                "patient_id": lot.patient,
                "submission_set_id": lot_id,
                "status": APPROVED,
                "codes": [spelled(code) for code in new.folder.codes],
                "received_at": now,
                "fragment": pack(new.fragment, new.uuid, self._sealer),
            }
            for new in lot.folders
        ]
        if self._add_all(_NEW_FOLDERS, rows) != len(rows):
            found = ", ".join(new.folder.unique_id for new in lot.folders)
            raise refusal(rules.FOLDER_ID, expected=rules.NEW_ID, found=found[: rules.SHOWN])

    def add_associations(self, links: Sequence[tuple[Association, bytes]], lot_id: int) -> None:
        """Insert associations with their fragments. Raises Refused."""
        rows: list[dict[str, Any]] = [
            {
                "uuid": link.id,
                "type": link.type,
                "source": link.source,
                "target": link.target,
                "submission_set_id": lot_id,
                "status": APPROVED,
                "fragment": pack(fragment, link.id, self._sealer),
            }
            for link, fragment in links
        ]
        added = self._add_all(_NEW_ASSOCIATIONS, rows)
        if added != len(rows):
            found = ", ".join(row["uuid"] for row in rows)
            raise refusal(rules.ENTRY_UUID, expected=rules.NEW_UUID, found=found[: rules.SHOWN])

    def _add_evidence(self, evidence: LotEvidence, lot_id: int) -> None:
        chain = json.dumps([base64.b64encode(der).decode() for der in evidence.chain]).encode()
        self._db.change(
            _NEW_EVIDENCE,
            {
                "submission_set_id": lot_id,
                "signature": pack(evidence.signature, f"signature {lot_id}", self._sealer),
                "chain": pack(chain, f"chain {lot_id}", self._sealer),
                "crl_numbers": [list(pair) for pair in evidence.crl_numbers],
                "received_at": evidence.received_at,
                "verdict": pack(evidence.verdict.encode(), f"verdict {lot_id}", self._sealer),
            },
        )

    def _hold(self, entries: Sequence[int]) -> None:
        """Keep these entries in force until this transaction ends; refuse when one is no longer."""
        wanted = set(entries)
        if wanted and len(self._db.returning(_STILL_APPROVED, {"ids": sorted(wanted)})) != len(wanted):
            raise refusal(rules.RELIED_ON, expected="Approved", found="un autre statut")

    def _replace(self, lot: NewLot, lot_id: int) -> None:
        """Deprecate what is replaced with what completes or transforms it, and put the new documents in the folders
        of the old ones (ITI TF-2 3.42.4.1.3.5)."""
        wanted = set(lot.deprecates)
        if not wanted:
            return
        if self._db.change(_DEPRECATE, {"ids": sorted(wanted)}) != len(wanted):
            raise refusal(rules.REPLACED, expected="Approved", found="un autre statut")
        new = {link.target: link.source for link, _ in lot.associations if link.type in REPLACEMENTS}
        self._db.change(_DEPRECATE_DEPENDENTS, {"targets": list(new)})
        for row in self._db.rows(_FOLDERS_HOLDING, {"targets": list(new)}):
            self.add_associations(lot.member_of(row.uuid, new[row.target]), lot_id)

    def find(self, unique_id: str) -> StoredLot | None:
        """The lot of this submission set uniqueId."""
        for row in self._db.rows(_LOT, {"unique_id": unique_id}):
            chain = unpack(row.evidence_chain, f"chain {row.id}", self._sealer)
            evidence = LotEvidence(
                signature=unpack(row.evidence_signature, f"signature {row.id}", self._sealer),
                chain=tuple(base64.b64decode(der) for der in json.loads(chain)),
                crl_numbers=tuple((issuer, number) for issuer, number in row.evidence_crl_numbers),
                received_at=row.evidence_received_at,
                verdict=unpack(row.evidence_verdict, f"verdict {row.id}", self._sealer).decode(),
            )
            return StoredLot(row.id, row.unique_id, row.submission_time, row.received_at, evidence)
        return None

    def signature(self, row_id: int) -> bytes:
        """The signature of the lot of this row. Raises KeyError."""
        for row in self._db.rows(_SIGNATURE, {"lot": row_id}):
            return unpack(row.signature, f"signature {row_id}", self._sealer)
        raise KeyError(row_id)


def _place(sha256: str, names: Mapping[str, str], lot_id: int) -> str:
    """What the octets column of an entry says: nothing of a document that another repository holds."""
    return (names.get(sha256) or f"{IN_EVIDENCE}{lot_id}") if sha256 else ""
