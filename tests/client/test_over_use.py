"""Thresholds of searches: exact, sliding, shared by all workers; never in the way of a deposit (GI-DMP EX_3.1-2035)."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_documents import report

from dmpws import cast
from dmpws.client import LpsSession
from dmpws.client.lot import Deposit
from dmpws.client.registry import QueryAnswer
from dmpws.client.session import KIT
from dmpws.domain.over_use import Counted, Recent, Threshold
from dmpws.pki.demo import DemoPki
from dmpws.store import Store
from dmpws.testing.local import LocalApp

INS = cast.PATIENTS["nessi"].ins
OTHER_SOFTWARE = replace(KIT, name="autre", approval_number="DMPWS-AUTRE-tmp1")
OVER = "DMPAccessDeniedByExcededThreshold"
EPOCH = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


# The arithmetic


def threshold(most: int, seconds: int = 3600) -> Threshold:
    return Threshold(Counted.USER, "x", most, timedelta(seconds=seconds))


@given(
    st.integers(1, 5),
    st.sampled_from([1, 59, 60, 90, 3600, 86400]),
    st.lists(st.integers(0, 4000), max_size=60),
)
def test_no_window_holds_more_than_the_threshold(most: int, seconds: int, pauses: list[int]) -> None:
    limit = threshold(most, seconds)
    recent: Recent = ()
    now, taken = EPOCH, []
    for pause in pauses:
        now += timedelta(seconds=pause)
        recent = limit.remembered(recent, now)
        if limit.reached(recent):
            free = limit.free_at(recent)
            assert now < free <= now + limit.window
            assert limit.reached(limit.remembered(recent, free - timedelta(microseconds=1)))
            assert not limit.reached(limit.remembered(recent, free))
            continue
        recent = limit.with_one_more(recent, now)
        taken.append(now)
        assert len(recent) <= 61
        step = max(1, seconds // 60)
        since = now - limit.window + timedelta(seconds=step)
        assert sum(1 for at in taken if at > since) <= most


def test_a_threshold_lowered_since_is_free_when_enough_is_forgotten() -> None:
    recent = ((int(EPOCH.timestamp()), 4), (int(EPOCH.timestamp()) + 60, 2))
    assert threshold(3).free_at(recent) == EPOCH + HOUR
    assert threshold(2).free_at(recent) == EPOCH + HOUR + MINUTE


# The server


class Lab:
    """One or two servers on one database. A search is made by Dr LIBRE, who is authorised."""

    def __init__(self, store: Store, pki: DemoPki, now: datetime) -> None:
        self.store, self.pki, self.now = store, pki, now
        self.number = 0

    def app(self, **options: int) -> LocalApp:
        return LocalApp(self.store, self.pki, self.now, **options)


@pytest.fixture
def lab(store: Store, pki: DemoPki, now: datetime) -> Iterator[Lab]:
    with store.write() as work:
        work.directory.put_software(replace(cast.SOFTWARE, number="DMPWS-AUTRE-tmp1"))
    made = Lab(store, pki, now)
    for card in ("medecin-libre", "medecin-camparini"):
        assert made.app().session(card).add_authorisation(INS).ok
    yield made


def outcome(answer: QueryAnswer) -> str:
    return "ok" if answer.ok else answer.problems[0].code


def test_off_by_default(lab: Lab) -> None:
    session = lab.app().session("medecin-libre")
    assert {outcome(session.find_documents(INS)) for _ in range(5)} == {"ok"}
    with lab.store.read() as work:
        assert work.usage.get(Counted.USER, "899900063480") == ()


def test_the_boundary_is_exact_and_the_window_moves(lab: Lab) -> None:
    app = lab.app(threshold_user=3)
    session = app.session("medecin-libre")
    start = app.now
    assert start.second == 0
    for minute in (0, 10, 20):
        app.now = start + minute * MINUTE
        assert outcome(session.find_documents(INS)) == "ok"
    app.now = start + HOUR - SECOND
    for _ in range(3):
        assert outcome(session.find_documents(INS)) == OVER
    app.now = start + HOUR  # what was refused does not count
    assert outcome(session.find_documents(INS)) == "ok"
    assert outcome(session.find_documents(INS)) == OVER
    app.now = start + HOUR + 10 * MINUTE
    assert outcome(session.find_documents(INS)) == "ok"
    assert outcome(session.find_documents(INS)) == OVER


def test_the_refusal_says_the_limit_and_when_to_come_back(lab: Lab) -> None:
    app = lab.app(threshold_user=1, threshold_window=600)
    session = app.session("medecin-libre")
    session.find_documents(INS)
    (problem,) = session.find_documents(INS).problems
    assert problem.code == OVER
    assert "au plus 1 recherches en 600 s par utilisateur" in problem.text
    assert "nouvel essai à partir du 21/11/2026 à 12:10:00 UTC" in problem.text
    assert app.traces()[-1]["code"] == OVER


def test_each_user_has_his_own(lab: Lab) -> None:
    app = lab.app(threshold_user=1)
    libre, camparini = app.session("medecin-libre"), app.session("medecin-camparini")
    assert [outcome(s.find_documents(INS)) for s in (libre, camparini, libre, camparini)] == ["ok", "ok", OVER, OVER]


def test_two_software(lab: Lab) -> None:
    app = lab.app(threshold_software=2)
    libre, camparini = app.session("medecin-libre"), app.session("medecin-camparini")
    other = app.session("medecin-libre", lps=OTHER_SOFTWARE)
    assert [outcome(s.find_documents(INS)) for s in (libre, camparini, libre)] == ["ok", "ok", OVER]
    assert [outcome(other.find_documents(INS)) for _ in range(3)] == ["ok", "ok", OVER]
    (problem,) = libre.find_documents(INS).problems
    assert "par logiciel" in problem.text


def test_the_software_counts_what_the_user_has_no_room_for_only_once(lab: Lab) -> None:
    """A search that one threshold refuses takes no room under the other."""
    app = lab.app(threshold_user=1, threshold_software=2)
    libre, camparini = app.session("medecin-libre"), app.session("medecin-camparini")
    assert [outcome(s.find_documents(INS)) for s in (libre, libre, libre, camparini)] == ["ok", OVER, OVER, "ok"]


def test_only_answered_searches_count(lab: Lab) -> None:
    app = lab.app(threshold_user=1)
    session = app.session("medecin-libre")
    petra = cast.PATIENTS["petra"].ins
    assert {outcome(session.find_documents(petra)) for _ in range(3)} == {"DMPAuthorizationNotFound"}
    assert outcome(session.find_documents(INS)) == "ok"
    assert outcome(session.find_documents(petra)) == "DMPAuthorizationNotFound"  # D30 comes first
    assert outcome(session.find_documents(INS)) == OVER


def test_deposits_go_on(lab: Lab) -> None:
    """And so does what a replacement and a deletion need: the reference of a document (TD3.1b)."""
    app = lab.app(threshold_user=1, threshold_software=1)
    session = app.session("medecin-libre")
    assert outcome(session.find_documents(INS)) == "ok"
    assert outcome(session.find_documents(INS)) == OVER
    sent = session.build_lot(INS, [Deposit(report())])
    assert session.send_lot(INS, sent).ok
    (old,) = session.get_documents(INS, unique_ids=sent.document_ids, return_type="ObjectRef").references
    assert session.submit(INS, [Deposit(report(), replaces=old)]).ok
    assert session.test_existence(INS).exists
    assert session.retrieve(INS, sent.document_ids).ok
    assert outcome(session.get_documents(INS, unique_ids=sent.document_ids)) == OVER


def test_two_servers_count_together(lab: Lab) -> None:
    first, second = (lab.app(threshold_user=2).session("medecin-libre") for _ in range(2))
    assert [outcome(s.find_documents(INS)) for s in (first, second, first, second)] == ["ok", "ok", OVER, OVER]


def test_of_many_searches_at_once_none_is_too_many(lab: Lab) -> None:
    app = lab.app(threshold_user=3, threshold_software=100)
    outcomes: list[str] = []
    barrier = threading.Barrier(8)

    def search(session: LpsSession) -> None:
        barrier.wait()
        outcomes.append(outcome(session.find_documents(INS)))

    threads = [threading.Thread(target=search, args=(app.session("medecin-libre"),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(outcomes) == {"ok": 3, OVER: 5}
    with app.store.read() as work:
        assert [count for _, count in work.usage.get(Counted.USER, "899900063480")] == [3]
        assert [count for _, count in work.usage.get(Counted.SOFTWARE, cast.SOFTWARE.number)] == [3]
    answered = Counter(trace["outcome"] for trace in app.traces() if trace["transaction"] == "TD3.1")
    assert answered == {"accepted": 3, "refused": 5}
