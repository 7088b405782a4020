"""AJOUT, SUPPRESSION and blocking at the same moment, on both databases: no answer that the history contradicts."""

import itertools
from datetime import datetime

import pytest
from lxml import etree
from world import vihf

from dmpws.cast import PATIENTS
from dmpws.domain.authorisation import AuthorisationAct, AuthorisationState, By, Holder, HolderKind, state_of
from dmpws.store import Store
from dmpws.testing.deposits import open_record
from dmpws.testing.together import together
from dmpws.transactions import td0_3
from dmpws.transactions.call import Call, Settings, TraceNotes

PERSON = PATIENTS["pat-trois"]
LIBRE = Holder(HolderKind.PERSON, "899900063480")
PATIENT = By("patient", capacity="patient")
ADD, REMOVE = {AuthorisationAct.ADD}, {AuthorisationAct.REMOVE}


def send(store: Store, now: datetime, action: str, role: str = "") -> str:
    text = f'<setAuthorization xmlns="urn:si-dmp-habilitations"><action>{action}</action>'
    body = etree.fromstring(f"{text}{f'<role>{role}</role>' if role else ''}</setAuthorization>")
    with store.write() as work:
        call = Call(
            vihf=vihf("medecin-libre", PERSON),
            now=now,
            new_uuid=str,
            store=work,
            settings=Settings(),
            verify_lot=None,  # type: ignore[arg-type]
            parts={},
            notes=TraceNotes(),
            patient=work.patients.find(PERSON.ins),
        )
        answer = td0_3.handle(call, body).body
    assert isinstance(answer, etree._Element)
    return answer[0][1].text or ""


@pytest.fixture
def patient(store: Store) -> int:
    with store.write() as work:
        return open_record(work).id


def test_one_of_many_adds(store: Store, patient: int, now: datetime) -> None:
    outcomes = together([lambda: send(store, now, "AJOUT")] * 6)
    assert outcomes == {td0_3.ADDED: 1, td0_3.ALREADY: 5}
    with store.read() as work:
        assert len(work.authorisations.history(patient)) == 1


def test_one_of_many_removes(store: Store, patient: int, now: datetime) -> None:
    send(store, now, "AJOUT")
    outcomes = together([lambda: send(store, now, "SUPPRESSION")] * 6)
    assert outcomes == {td0_3.REMOVED: 1, td0_3.NOTHING_TO_REMOVE: 5}


def test_everything_together(store: Store, patient: int, now: datetime) -> None:
    def block() -> str:
        with store.write() as work:
            work.patients.lock(patient)
            return "blocked" if work.authorisations.block(patient, LIBRE, by=PATIENT, now=now) else "was blocked"

    send(store, now, "AJOUT")
    actions = [lambda: send(store, now, "SUPPRESSION"), lambda: send(store, now, "AJOUT"), block]
    outcomes = together(list(itertools.islice(itertools.cycle(actions), 12)))
    with store.read() as work:
        acts = [event.act for event in work.authorisations.history(patient)]
        held = work.authorisations.get(patient, LIBRE)
    assert state_of(held, now) is AuthorisationState.INTERDIT
    assert acts[-1] is AuthorisationAct.BLOCK  # whoever came after it was refused
    assert outcomes["blocked"] == acts.count(AuthorisationAct.BLOCK) == 1
    assert outcomes[td0_3.ADDED] == acts.count(AuthorisationAct.ADD) - 1
    assert outcomes[td0_3.REMOVED] == acts.count(AuthorisationAct.REMOVE)
    assert (set(acts[:-1:2]), set(acts[1:-1:2])) in [(ADD, REMOVE), (ADD, set())]  # they take turns
    known = {"blocked", "was blocked", "DMPAccessForbidden", td0_3.ADDED, td0_3.ALREADY, td0_3.REMOVED,
             td0_3.NOTHING_TO_REMOVE}  # fmt: skip
    assert outcomes.keys() <= known


def test_a_block_without_a_lock_leaves_no_running_access(store: Store, patient: int, now: datetime) -> None:
    """A block holds whatever order it comes in: the row says so, not only the lock."""

    def block() -> str:
        with store.write() as work:
            return str(work.authorisations.block(patient, LIBRE, by=PATIENT, now=now))

    outcomes = together([block, lambda: send(store, now, "AJOUT")] * 4)
    assert (outcomes["True"], outcomes["False"]) == (1, 3)
    with store.read() as work:
        assert state_of(work.authorisations.get(patient, LIBRE), now) is AuthorisationState.INTERDIT
