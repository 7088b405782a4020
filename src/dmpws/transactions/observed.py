"""What a call met and handled, told to who listens (the journal) and to nobody else.

A trace names things for the law (DMPWS D22). Who rehearses the homologation asks what they were like at that moment:
whether the authorisation had expired, whether the document was masked. Nothing is worded unless somebody listens, and
none of it names a person: whose a thing is, is said by the trace beside it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from dmpws.codec.ebxml.versions import read_stored
from dmpws.domain.cda import CdaHeader
from dmpws.domain.document import HAS_MEMBER, DocumentEntry, StoredEntry
from dmpws.domain.listening import note
from dmpws.domain.patient import PatientRecord
from dmpws.transactions.ports import UnitOfWork
from dmpws.vihf.model import VerifiedVihf

MOST_ENTRIES = 100
"""Documents of one call that are described."""


def tell_situation(record: PatientRecord | None, *, minor: Callable[[PatientRecord], bool]) -> None:
    """The record of the VIHF's patient, as the call found it."""

    def facts() -> Mapping[str, object]:
        if record is None:
            return {"situation": {"record": "none"}}
        opposed = {"bris_de_glace": record.opposes_bris_de_glace, "centre_15": record.opposes_centre_15}
        return {
            "situation": {
                "record": record.status.name.lower(),
                "minor": minor(record),
                "opposes": [mode for mode, so in opposed.items() if so],
                "named": bool(record.traits.name.birth and record.traits.name.used),
                "attached": record.attached_to_ens,
            }
        }

    note(facts)


def tell_standing(state: str, *, treating_doctor: bool) -> None:
    """The authorisation of the caller, before the call changes it."""
    note(lambda: {"standing": {"authorisation": state, "treating_doctor": treating_doctor}})


def tell_asked(**asked: object) -> None:
    """What a message asks for, where the trace has no room for it."""
    note(lambda: {"asked": asked})


def tell_answered(**answered: object) -> None:
    """What an answer holds."""
    note(lambda: {"answered": answered})


def tell_caller(vihf: VerifiedVihf) -> None:
    """What the token says beside the trace: a FINESS EG that uses the certificate of its EJ."""
    linked = bool(vihf.legal_entity) and vihf.legal_entity != vihf.structure
    note(lambda: {"caller": {"linked_structure": linked}})


def tell_deposited(
    vihf: VerifiedVihf,
    entries: Iterable[DocumentEntry],
    headers: Mapping[str, CdaHeader],
    files: Callable[[str], Iterable[str]],
) -> None:
    """The documents of a lot, signatures left out. headers: of CDA documents, files: media types of what one includes,
    both by entry id."""

    def described(entry: DocumentEntry) -> dict[str, Any]:
        header = headers.get(entry.id)
        return {
            **_described(vihf, entry),
            "self_presenting": header is not None and header.self_presenting,
            "media": header.media_type if header else "",
            "models": [*header.template_ids] if header else [],
            "files": [*files(entry.id)],
        }

    note(lambda: {"entries": [described(entry) for entry in _few(e for e in entries if not e.is_signature)]})


def tell_replaced(vihf: VerifiedVihf, entries: Collection[StoredEntry], store: UnitOfWork) -> None:
    """The documents of the registry that a lot replaces, as they were before, and whether the caller deposited them:
    their author need not have."""

    def facts() -> Mapping[str, object]:
        held = {e.unique_id: e.entry_uuid for e in entries}
        links = [link for link in store.packages.associations(targets=held.values()) if link.type == HAS_MEMBER]
        by = {lot.uuid: lot.author_persons for lot in store.packages.sets(uuids=[link.source for link in links])}
        mine = {link.target for link in links if vihf.name_id in by.get(link.source, ())}
        return {"replaced": [{**e, "deposited_by_caller": held[e["uniqueId"]] in mine} for e in _stored(vihf, entries)]}

    note(facts)


def tell_handled(vihf: VerifiedVihf, entries: Iterable[StoredEntry]) -> None:
    """The documents of the registry that a call read or changed, as they were before."""
    note(lambda: {"entries": _stored(vihf, entries)})


def _stored(vihf: VerifiedVihf, entries: Iterable[StoredEntry]) -> list[dict[str, Any]]:
    return [{**_described(vihf, read_stored(e)[0]), "status": e.status.name} for e in _few(entries)]


def _few(entries: Iterable[Any]) -> list[Any]:
    return list(entries)[:MOST_ENTRIES]


def _described(vihf: VerifiedVihf, entry: DocumentEntry) -> dict[str, Any]:
    optional = {
        "comments": entry.comments,
        "serviceStopTime": entry.service_stop,
        "eventCodeList": entry.event_codes,
        "referenceIdList": entry.reference_ids,
        "sourcePatientInfo": any(entry.source_patient_info),
    }
    return {
        "uniqueId": entry.unique_id,
        "type": entry.type_code.code if entry.type_code else "",
        "class": entry.class_code.code if entry.class_code else "",
        "format": entry.format_code.code if entry.format_code else "",
        "mime": entry.mime_type,
        "visibility": sorted(entry.visibility),
        "by_caller": vihf.name_id in entry.author_persons,
        "by_structure": vihf.structure in entry.author_institutions,
        "optional": [name for name, value in optional.items() if value],
        "references": [reference.rpartition("^")[2] for reference in entry.reference_ids],
    }
