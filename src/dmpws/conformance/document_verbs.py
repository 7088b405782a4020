"""The steps about documents: deposit, search, read, change."""

import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dmpws import cast
from dmpws.cast import CastPatient
from dmpws.client import LpsSession
from dmpws.client.actor import Actor
from dmpws.client.lot import Deposit
from dmpws.client.registry import QueryAnswer
from dmpws.codec.value_sets import value_sets
from dmpws.conformance.pdf_copy import with_copy
from dmpws.conformance.play import Known, Play
from dmpws.conformance.verbs import verb
from dmpws.conformance.world import NotPlayable
from dmpws.domain.code import Code
from dmpws.domain.document import Status
from dmpws.domain.value_sets import Attribute
from dmpws.seed.documents import Planned
from dmpws.seed.feeding import colleague

_PARIS = ZoneInfo("Europe/Paris")
_ROW = {
    "type": "11488-4",
    "form": "pdf",
    "model": "",
    "title": "Compte rendu de consultation",
    "day": "2025-09-01",
    "state": "",
}
"""A document of which a step says nothing more."""

_KEYS = frozenset({"name", "author", "replaces", "copy", "comments", *_ROW})


@verb("Dépôt d'un lot de documents")
def submit(
    play: Play, lps: LpsSession, person: CastPatient, documents: list[dict[str, str]], spoil: str = ""
) -> object:
    """TD2.1, TD2.2 with a CPE.

    documents: tables of `name`, what later steps call it; `form`, `type`, `model`, `title`, `day`, `state` as in
    `dmpws/data/documents.tsv`; `author`, a card or a PS_IdNat, who plays when it is left out; `replaces`, the name of
    a document; `copy`, not empty: with its own PDF inside; `comments`, with which come all metadata that a document may
    do without. spoil: `octet` changes a document after the lot was
    signed, `signer` lets another card sign.
    """
    deposits = [_deposit(play, lps, person, dict(table)) for table in documents]
    signer = play.world.card("medecin-camparini") if spoil == "signer" else None
    lot = lps.build_lot(person.ins, deposits, signer=signer)
    if spoil == "octet":
        octets = bytearray(next(iter(lot.attachments.values())).read())
        octets[octets.index(b"</title>") - 1] ^= 1
        lot = lot.with_document(0, bytes(octets))
    return lps.send_lot(person.ins, lot)


def _deposit(play: Play, lps: LpsSession, person: CastPatient, table: dict[str, str]) -> Deposit:
    if unknown := table.keys() - _KEYS:
        raise NotPlayable(f"un document n'a pas de « {min(unknown)} »")
    name, old = table.pop("name"), table.pop("replaces", "")
    author, copy = _author(play, lps, table.pop("author", "")), bool(table.pop("copy", ""))
    before = play.document(old) if old else None
    replaced = _entry_uuid(play, lps, person, before) if before else ""
    if before and before.planned and before.planned.row["form"] != "kos":
        planned, version = replace(before.planned, row={**before.planned.row, **table}), before.version + 1
    else:  # the first version, or a new document in the place of one that has no versions
        if table.get("form") == "vaccination":
            table["cis"] = str(random.randrange(10**7, 10**8))  # noqa: S311 - the same vaccine twice a day is one (D75)
        planned, version = Planned(person, {**_ROW, **table, "key": f"{play.case.id} {play.run} {name}"}), 1
    play.documents[name] = Known(planned.unique_id(version), planned, version)
    deposit = planned.deposit(author, version=version, replaces=replaced)
    return replace(deposit, document=with_copy(deposit.octets)) if copy else deposit


def _author(play: Play, lps: LpsSession, who: str) -> Actor:
    if not who:
        return lps.actor
    return colleague(who, lps.actor) if who in cast.PROFESSIONALS else Actor.of_card(play.world.card(who))


def _entry_uuid(play: Play, lps: LpsSession, person: CastPatient, known: Known) -> str:
    """Asked for as TD3.1b, which needs no right to consult."""
    references = lps.get_documents(person.ins, unique_ids=[known.unique_id], return_type="ObjectRef").references
    if not references:
        raise NotPlayable(f"le serveur ne donne pas la référence du document {known.unique_id}")
    return references[0]


@verb("Recherche de documents")
def find(
    play: Play,
    lps: LpsSession,
    person: CastPatient,
    statuses: list[str] | None = None,
    types: list[str] | None = None,
    formats: list[str] | None = None,
    visibility: list[str] | None = None,
    started_from: str = "",
    started_to: str = "",
    keep: str = "",
) -> object:
    """TD3.1, FindDocuments.

    statuses: Approved (when none is said), Deprecated, Archived, Deleted. types, formats, visibility: codes.
    started_from, started_to: ISO days. keep: a name for the first document found; when there is none, the case cannot
    be played.
    """
    filters: dict[str, Any] = {}
    if statuses:
        filters["statuses"] = [Status[name.upper()] for name in statuses]
    for name, attribute, codes in (
        ("types", Attribute.TYPE, types),
        ("formats", Attribute.FORMAT, formats),
        ("confidentiality", Attribute.CONFIDENTIALITY, visibility),
    ):
        if codes:
            filters[name] = [_code(attribute, code) for code in codes]
    for name, day in (("started_from", started_from), ("started_to", started_to)):
        if day:
            filters[name] = datetime.fromisoformat(day).replace(tzinfo=_PARIS)
    return _kept(play, person, lps.find_documents(person.ins, **filters), keep)


@verb("Recherche de documents par référence")
def find_by_reference(
    play: Play, lps: LpsSession, person: CastPatient, documents: list[str], kinds: list[str], keep: str = ""
) -> object:
    """TD3.1, FindDocumentsByReferenceId: the references of the images `documents`.

    kinds: `study` (studyInstanceUID), `study-prefix` (what it begins with), `accession`.
    """
    references = [_reference(play.document(name), lps.actor, kind) for name in documents for kind in kinds]
    return _kept(play, person, lps.find_documents_by_reference_id(person.ins, references), keep)


def _reference(known: Known, author: Actor, kind: str) -> str:
    entry = known.planned.deposit(author).entry if known.planned else None
    if entry is None:
        raise NotPlayable("ce document n'a pas de référence d'images")
    study, accession = entry.reference_ids
    if kind == "accession":
        return accession
    return study if kind == "study" else f"{study[:20]}%^^^^urn:ihe:iti:xds:2016:studyInstanceUID"


def _kept(play: Play, person: CastPatient, answer: QueryAnswer, name: str) -> QueryAnswer:
    if name and answer.ok:
        if not answer.documents:
            raise NotPlayable(f"le DMP de {person.label} n'a pas de document qui réponde à cette recherche")
        play.documents[name] = Known(answer.documents[0].unique_id)
    return answer


def _code(attribute: Attribute, code: str) -> Code:
    return next(m.code for (known, _), m in value_sets().sets[attribute].items() if known == code)


@verb("Recherche de lots par date de dépôt")
def find_lots(play: Play, lps: LpsSession, person: CastPatient, since_days: int, until_days: int = 0) -> object:
    """TD3.1, FindSubmissionSets, counted back from now."""
    now = play.world.clock()
    until = now - timedelta(days=until_days) if until_days else None
    play.answer = lps.find_submission_sets(
        person.ins, submitted_from=now - timedelta(days=since_days), submitted_to=until
    )
    if play.answer.ok and not play.answer.sets:
        raise NotPlayable(f"aucun dépôt dans le DMP de {person.label} depuis {since_days} jours")
    return play.answer


@verb("Contenu du lot trouvé")
def lot_contents(play: Play, lps: LpsSession, person: CastPatient) -> object:
    """TD3.1, GetSubmissionSetAndContents of the newest lot of `find_lots`."""
    if play.answer is None or not play.answer.sets:
        raise NotPlayable("aucune étape n'a trouvé de lot")
    return lps.get_submission_set_and_contents(person.ins, entry_uuid=play.answer.sets[0].entry_uuid)


@verb("Métadonnées d'un document connu")
def get_documents(
    play: Play, lps: LpsSession, person: CastPatient, document: str, return_type: str = "ObjectRef"
) -> object:
    """TD3.1b, GetDocuments by uniqueId. return_type: ObjectRef or LeafClass."""
    unique_id = play.document(document).unique_id
    return lps.get_documents(person.ins, unique_ids=[unique_id], return_type=return_type)


@verb("Consultation du document")
def retrieve(play: Play, lps: LpsSession, person: CastPatient, document: str, by_entry_uuid: bool = False) -> object:
    """TD3.2. by_entry_uuid: the wrong identifier."""
    known = play.document(document)
    return lps.retrieve(person.ins, [_entry_uuid(play, lps, person, known) if by_entry_uuid else known.unique_id])


@verb("Masquage aux professionnels")
def mask(play: Play, lps: LpsSession, person: CastPatient, document: str) -> object:
    """TD3.3a."""
    return lps.mask(person.ins, play.document(document).unique_id)


@verb("Démasquage")
def unmask(play: Play, lps: LpsSession, person: CastPatient, document: str) -> object:
    """TD3.3a."""
    return lps.unmask(person.ins, play.document(document).unique_id)


@verb("Le document devient visible")
def make_visible(play: Play, lps: LpsSession, person: CastPatient, document: str) -> object:
    """TD3.3b, for the patient and his representatives."""
    return lps.make_visible(person.ins, play.document(document).unique_id)


@verb("Suppression du document")
def delete(play: Play, lps: LpsSession, person: CastPatient, document: str, archived: bool = False) -> object:
    """TD3.3c. archived: the document is."""
    return lps.delete(person.ins, play.document(document).unique_id, archived=archived)


@verb("Archivage du document")
def archive(play: Play, lps: LpsSession, person: CastPatient, document: str) -> object:
    """TD3.3d."""
    return lps.archive(person.ins, play.document(document).unique_id)


@verb("Sortie des archives")
def unarchive(play: Play, lps: LpsSession, person: CastPatient, document: str) -> object:
    """TD3.3d."""
    return lps.unarchive(person.ins, play.document(document).unique_id)
