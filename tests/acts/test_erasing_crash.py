"""Processes killed while they erase or destroy: all of it is gone, or nothing is, once a server has started."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from acts_world import INS, World, document
from sqlalchemy import select

from dmpws.acts import closing
from dmpws.acts.actor import operator
from dmpws.audit.chain import verify_chain
from dmpws.store import Store, open_store
from dmpws.store.tables import document_entry, patient

CHILD = """
import os, signal, sys, uuid
from datetime import UTC, datetime
from pathlib import Path
from dmpws.acts import erasing, retention
from dmpws.acts.actor import operator
from dmpws.acts.desk import Desk
from dmpws.cast import PATIENTS
from dmpws.store import blobs, open_store, orphans, session, unit_of_work
from dmpws.transactions.call import Settings

url, documents, step, what = sys.argv[1:]
store = open_store(url, Path(documents))
ins, now = PATIENTS["pat-trois"].ins, datetime(2026, 11, 21, 12, tzinfo=UTC)
desk = Desk(store, now, lambda: str(uuid.uuid4()), Settings(), operator("x"), motive="demande", proof="LR")
if what == "destroy":
    phrase = retention.plan_destruction(desk, ins)[1]
    act = lambda: retention.destroy(desk, ins, confirmed=phrase)
else:
    phrase = erasing.plan(desk, ins, what).confirmation
    act = lambda: erasing.erase(desk, ins, what, confirmed=phrase)

def die(owner, name, after):
    original = getattr(owner, name)
    def dying(*arguments, **named):
        result = original(*arguments, **named) if after else None
        os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, dying)

die(*{
    "half the rows": (session.Session, "change", True),
    "doomed": (blobs.BlobFolder, "doom", True),
    "before commit": (unit_of_work.UnitOfWork, "commit", False),
    "committed": (blobs.BlobFolder, "remove", False),
    "before the file": (orphans, "remove", False),
    "file removed": (orphans, "remove", True),
}[step])
act()
"""

DONE = ("committed", "before the file", "file removed")


@pytest.mark.parametrize(
    ("what", "step"),
    [
        *(("erase", step) for step in ("half the rows", "doomed", "before commit", *DONE)),
        ("destroy", "before commit"),
        ("destroy", "committed"),
    ],
)
def test_killed_at_a_step(database_url: str, tmp_path: Path, what: str, step: str) -> None:
    folder = tmp_path / "documents"
    store = open_store(database_url, folder)
    unique_id = _filled(World(store, folder), what)
    store.close()
    arguments = [database_url, str(folder), step, unique_id if what == "erase" else what]
    killed = subprocess.run([sys.executable, "-c", CHILD, *arguments], check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    store = open_store(database_url, folder)
    store.recover()
    _check(store, World(store, folder), unique_id, done=step in DONE, destroyed=what == "destroy")
    store.close()


def _filled(world: World, what: str) -> str:
    """A record with a document to erase, in a record to destroy."""
    world.open()
    unique_id = world.deposit((document(), b"doomed")).entries[0].entry.unique_id
    world.deposit((document(), b"other"))
    world.delete(unique_id)
    if what == "destroy":
        closing.close(world.desk(operator("x"), motive="demande"), INS)
    return unique_id


def _check(store: Store, world: World, unique_id: str, *, done: bool, destroyed: bool) -> None:
    """Rows and files agree, and what was acknowledged in the traces was done."""
    names = {row.octets for row in store.database.rows(select(document_entry.c.octets))}
    stored = {name for name in names if name and not name.startswith("lot:")}
    assert {p.name for p in world.documents.glob("??/*")} == stored
    left = {"doomed", "other"} - ({"doomed"} if done else set()) - ({"other"} if done and destroyed else set())
    assert world.files() == left
    assert world.known(unique_id) is not done
    assert len(store.database.rows(select(patient.c.id))) == (0 if done and destroyed else 1)
    assert [p for p in (world.documents / "incoming").iterdir() if p.stat().st_size] == []
    said = [trace["transaction"] for trace in world.traces()]
    assert (("act:destroy" if destroyed else "act:erase") in said) is done
    assert verify_chain(store).ok
