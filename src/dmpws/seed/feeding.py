"""Depositing the documents of the set `plan`: signed lots through the server's own entrance, in this process.

What is seeded is what the server accepts; it passes the same checks and leaves the same traces.
"""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from itertools import groupby

from dmpws import cast
from dmpws.client import LpsSession
from dmpws.client.actor import DOCTOR, GENERAL_PRACTICE, Actor
from dmpws.client.repository import SubmissionAnswer
from dmpws.client.scenario import HOSPITAL_DOCTOR, Connect
from dmpws.domain.access import AuthMode
from dmpws.domain.document import StoredEntry
from dmpws.seed.documents import Planned, planned
from dmpws.store import Store

_ACTORS = {"hopital": HOSPITAL_DOCTOR}
"""Who works with the card of a structure."""


class SeedRefused(Exception):
    """The server refuses a document of ours; the message is its answer."""


def feed(store: Store, connect: Connect) -> int:
    """Deposit the documents that are not there yet, and return how many. Raises SeedRefused.

    connect: opens a session with a card, on a server that works on `store`.
    """
    documents = missing(store, planned())
    with ExitStack() as opened:
        sessions: dict[str, LpsSession] = {}
        for (_, card), group in groupby(sorted(documents, key=_lot), key=_lot):
            if card not in sessions:
                sessions[card] = opened.enter_context(connect(card, _ACTORS.get(card)))
            _deposit(store, sessions[card], list(group))
    return len(documents)


def missing(store: Store, documents: Iterable[Planned]) -> list[Planned]:
    """Those that were never stored."""
    return [document for document in documents if _stored(store, document.unique_id()) is None]


def _lot(document: Planned) -> tuple[str, str]:
    return document.patient.key, document.author


def _deposit(store: Store, lps: LpsSession, documents: list[Planned]) -> None:
    """One lot of all of them, then what happens to some of them."""
    ins = documents[0].patient.ins
    _accepted(lps.submit(ins, [document.deposit(_writer(document, lps.actor)) for document in documents]))
    for document in documents:
        if document.state == "archived":
            _accepted(lps.archive(ins, document.unique_id()))
        if document.state == "replaced":
            first = _stored(store, document.unique_id())
            assert first is not None
            _accepted(lps.submit(ins, [document.deposit(lps.actor, version=2, replaces=first.entry_uuid)]))


def _writer(document: Planned, depositor: Actor) -> Actor:
    return colleague(document.row["writer"], depositor) if document.row.get("writer") else depositor


def colleague(identifier: str, actor: Actor) -> Actor:
    """A doctor of the public cast, at the workplace of somebody else."""
    person = cast.PROFESSIONALS[identifier]
    return replace(
        actor,
        mode=AuthMode.DIRECTE,
        person=identifier,
        family=person.family,
        given=person.given,
        roles=(DOCTOR, GENERAL_PRACTICE),
    )


def _accepted(answer: SubmissionAnswer) -> None:
    if answer.problems:
        raise SeedRefused("; ".join(f"{problem.code}: {problem.text}" for problem in answer.problems))


def _stored(store: Store, unique_id: str) -> StoredEntry | None:
    with store.read() as work:
        return next(iter(work.documents.by_unique_id([unique_id])), None)
