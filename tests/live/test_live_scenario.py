"""The main scenario, played by the client kit: in this process on both databases, and over mutual TLS."""

from datetime import datetime

import pytest

from dmpws import cast
from dmpws.audit.chain import verify_chain
from dmpws.client.scenario import Scenario, Step
from dmpws.pki.demo import DemoPki
from dmpws.store import Store
from dmpws.testing.local import LocalApp
from dmpws.testing.server import LiveServer

TRAITS = cast.PATIENTS["cas12"].traits
INS = cast.allocate_ins(TRAITS, 7_501_001)


def wrong(steps: list[Step]) -> list[str]:
    return [f"{s.transaction} {s.title}: {s.found} instead of {s.expected} ({s.why})" for s in steps if not s.ok]


def calls(steps: list[Step]) -> list[str]:
    """The transactions really called: a step without duration looks further at the answer of the one before."""
    return [step.transaction for step in steps if step.milliseconds]


def test_in_this_process(store: Store, pki: DemoPki, now: datetime) -> None:
    app = LocalApp(store, pki, now)
    scenario = Scenario(app.session, INS, TRAITS, lambda step: None, app.clock)
    scenario.play()
    assert wrong(scenario.steps) == []
    assert [trace["transaction"] for trace in app.traces()] == calls(scenario.steps)
    assert verify_chain(store).ok


@pytest.mark.live
def test_over_mutual_tls(live: LiveServer) -> None:
    scenario = Scenario(live.session, INS, TRAITS, lambda step: None)
    scenario.play()
    assert wrong(scenario.steps) == []
    assert set(calls(scenario.steps)) == {"TD0.2", "TD0.3", "TD1.1", "TD2.1", "TD3.1", "TD3.2"}
