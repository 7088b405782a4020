"""A record, and who acts on it."""

import itertools
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dmpws.acts.actor import Actor, treating_doctor
from dmpws.acts.desk import Desk
from dmpws.cast import PATIENTS
from dmpws.codec.ebxml.fragments import entry_fragment
from dmpws.codec.ebxml.rim import read_object
from dmpws.codec.ebxml.writing import extrinsic_object
from dmpws.domain import oids
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.authorisation import Authorisation, By, Holder, HolderKind
from dmpws.domain.caller import Caller
from dmpws.domain.checks import Refused, Report
from dmpws.domain.code import Code
from dmpws.domain.document import SIGNS, Association, DocumentEntry, Status
from dmpws.domain.octets import Octets
from dmpws.domain.patient import Name, PatientRecord, Representative
from dmpws.store import Store
from dmpws.testing.deposits import Deposit, Lot, entry, lot, new_uuid, received, signature_entry
from dmpws.transactions.call import Settings

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
INS = PATIENTS["pat-trois"].ins
MOTHER = Representative("MTH", Name(birth="ATTRIBUT", given="MONIQUE"))
GUARDIAN = Representative("RESPRSN", Name(birth="NESSI", used="DE VINCI", given="RUTH"))
LIBRE = Holder(HolderKind.PERSON, "899900063480")
CAMPARINI = Holder(HolderKind.PERSON, "801234534765")
CABINET = Holder(HolderKind.STRUCTURE, "499900063480001")


def doctor(**changes: Any) -> Actor:
    """Dr LIBRE at the desk; the record tells whether he is the médecin traitant."""
    roles = (Code("10", oids.PROFESSIONS),)
    usual = Caller(AuthMode.DIRECTE, Purpose.NORMAL, LIBRE.identifier, CABINET.identifier, roles)
    return treating_doctor(replace(usual, **changes), "MAX LIBRE")


@dataclass
class World:
    """A store in which PAT-TROIS DOMINIQUE has a DMP or not yet."""

    store: Store
    documents: Path

    def open(self, **changes: Any) -> PatientRecord:
        """Open the DMP; changes: of the patient's traits."""
        traits = replace(PATIENTS["pat-trois"].traits, **changes)
        with self.store.write() as work:
            return work.patients.create([INS], traits, now=NOW, opposes_bris_de_glace=False, opposes_centre_15=False)

    def desk(self, actor: Actor, **changes: Any) -> Desk:
        """The desk, with an actor before it."""
        return replace(Desk(self.store, NOW, lambda: str(uuid.uuid4()), Settings(), actor), **changes)

    def authorise(self, holder: Holder, *, treating_doctor: bool = False, days: int = 30) -> None:
        """Grant for some days from now, which may be past."""
        with self.store.write() as work:
            work.authorisations.grant(
                self.record().id,
                holder,
                by=By(holder.identifier),
                now=NOW - timedelta(days=365),
                expires_at=NOW + timedelta(days=days),
                treating_doctor=treating_doctor,
            )

    def record(self) -> PatientRecord:
        with self.store.read() as work:
            found = work.patients.find(INS)
        assert found is not None
        return found

    def authorisation(self, holder: Holder) -> Authorisation | None:
        with self.store.read() as work:
            return work.authorisations.get(self.record().id, holder)

    def traces(self) -> list[dict[str, Any]]:
        """The content of every trace, oldest first."""
        with self.store.read() as work:
            return [json.loads(row.content) for row in work.traces.rows()]

    def deposit(self, *documents: tuple[DocumentEntry, bytes], record: PatientRecord | None = None, **how: Any) -> Lot:
        """A signed lot of documents of the record; how: as testing.deposits.lot, or fields of Lot."""
        record = record or self.record()
        fields = {name: how.pop(name) for name in list(how) if name in Lot.__dataclass_fields__}
        signed = [*((e, received(self.store.blobs, octets)) for e, octets in documents)]
        signed.append((signature_entry(), received(self.store.blobs, b"<Signature/>")))
        made = lot(record, signed, **how)
        entries = [replace(new, fragment=_fragment(new)) for new in made.entries]
        signature = entries[-1].entry_uuid
        signs = Association(new_uuid(), SIGNS, signature, made.submission_set_uuid)
        relations = [*(link for link, _ in made.associations), signs, *fields.pop("associations", ())]
        links = [(link, b"</ns4:Association>") for link in relations]
        made = replace(made, entries=entries, associations=links, **fields)
        with self.store.write() as work:
            work.documents.add_lot(made, now=NOW)
        entries[-1].octets.discard()  # type: ignore[attr-defined]  # the edge does it for what no lot keeps
        return made

    def deposit_octets(self, entry: DocumentEntry, octets: Octets) -> None:
        """A lot of one document whose octets have arrived."""
        made = lot(self.record(), [(entry, octets)])
        with self.store.write() as work:
            entries = [replace(new, fragment=_fragment(new)) for new in made.entries]
            work.documents.add_lot(replace(made, entries=entries), now=NOW)

    def delete(self, unique_id: str) -> None:
        """TD3.3c."""
        with self.store.write() as work:
            current = work.documents.by_unique_id([unique_id])[0]
            work.documents.set_status([current.id], Status.DELETED)

    def known(self, unique_id: str) -> bool:
        with self.store.read() as work:
            return bool(work.documents.by_unique_id([unique_id]))

    def files(self) -> set[str]:
        """Content of the stored files."""
        return {p.read_text() for p in self.documents.glob("??/*")}

    def damage(self, content: bytes) -> None:
        """Change a stored file behind the server's back."""
        for path in self.documents.glob("??/*"):
            if path.read_bytes() == content:
                path.write_bytes(content[:-1] + b"?")


def refused(act: Callable[[], object]) -> str:
    """Rule that an act breaks."""
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.checks[0].rule.id


def document(**values: Any) -> DocumentEntry:
    """A document of PAT-TROIS by Dr LIBRE."""
    ins = f"{INS.value}^^^&{INS.authority}&ISO^NH"
    return entry(**{"patient_id": ins, "source_patient_id": ins, **values})


def _fragment(new: Deposit) -> bytes:
    return entry_fragment(
        read_object(extrinsic_object(new.entry, itertools.count(1)), Report()),
        new.entry_uuid,
        hash_=new.octets.sha1,
        size=new.octets.size,
        repository=oids.REPOSITORY,
        version=1,
        new_uuid=lambda: str(uuid.uuid4()),
    )
