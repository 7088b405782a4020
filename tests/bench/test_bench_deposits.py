"""The bench sends what the server takes: a refusal would be measured as a deposit."""

import pytest

from dmpws.bench import messages
from dmpws.client import Deposit
from dmpws.testing.local import LocalApp


@pytest.mark.parametrize("kind", ["document", "imaging_reference"])
def test_the_server_takes_them(app: LocalApp, kind: str) -> None:
    session = app.session("medecin-libre")
    ins = messages.PATIENT.ins
    assert session.add_authorisation(ins).ok
    made = messages.document(session, 20_000) if kind == "document" else messages.imaging_reference(session, 20_000)
    answer = session.submit(ins, [made if isinstance(made, Deposit) else Deposit(made)])
    assert answer.ok, answer.problems
