"""`dmpws audit verify`: the chain, and a really signed lot years after."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dmpws.audit.trace import Trace, TraceOutcome
from dmpws.cli import main
from dmpws.domain.access import AuthMode
from dmpws.pki.demo import DemoPki
from dmpws.pki.trust import TrustPolicy, TrustStore
from dmpws.signature.make_lot import sign_lot
from dmpws.signature.model import LotDocument, ReceivedLot
from dmpws.signature.verify_lot import ExpectedSigner, LotPolicy, verify
from dmpws.store import Store, open_store
from dmpws.testing.deposits import entry, lot, new_oid, open_record, received, signature_entry

CDA = b"<ClinicalDocument><title>Consultation</title></ClinicalDocument>"
PDF = b"%PDF-1.7 " + bytes(200_000)
SET = "1.2.250.1.999.1.7"


@pytest.fixture
def data(tmp_path: Path, _migrated_sqlite: Path) -> Path:
    (tmp_path / "dmpws.sqlite").write_bytes(_migrated_sqlite.read_bytes())
    return tmp_path


@pytest.fixture
def deposited(data: Path, pki: DemoPki, now: datetime) -> Path:
    """A data folder with one lot by Dr LIBRE, verified and stored as the server does."""
    store = open_store(f"sqlite:///{data / 'dmpws.sqlite'}", data / "documents")
    _deposit(store, pki, now)
    store.append_trace(Trace(now, "TD2.1", TraceOutcome.ACCEPTED, submission_set=SET))
    store.append_trace(Trace(now, "TD2.1", TraceOutcome.REFUSED, code="XDSRegistryMetadataError"))
    store.close()
    return data


def _deposit(store: Store, pki: DemoPki, now: datetime) -> None:
    card = pki.card("medecin-libre")
    ids, signature_id = (new_oid(), new_oid()), new_oid()
    signature = sign_lot(
        signature_id=signature_id,
        submission_set_unique_id=SET,
        documents=[(ids[0], CDA, True), (ids[1], PDF, False)],
        card=card,
        signing_time=now,
    )
    octets = [received(store.blobs, content) for content in (CDA, PDF)]
    verified = verify(
        ReceivedLot(
            signature=signature,
            signature_unique_id=signature_id,
            submission_set_unique_id=SET,
            submission_time="20261121115900",
            documents=[LotDocument(i, o) for i, o in zip(ids, octets, strict=True)],
            received_at=now + timedelta(seconds=2),
        ),
        policy=LotPolicy(),
        trust=TrustStore.from_folder(pki.trust_folder, TrustPolicy(crl="tolerant")),
        signer=ExpectedSigner(AuthMode.DIRECTE, card.identity.person, frozenset()),
    )
    documents = [(entry(unique_id=i), o) for i, o in zip(ids, octets, strict=True)]
    documents.append((signature_entry(unique_id=signature_id), received(store.blobs, signature)))
    with store.write() as work:
        new = lot(open_record(work), documents, unique_id=SET, evidence=verified.evidence)
        submitted = replace(new.submission_set, submission_time="20261121115900")
        work.documents.add_lot(replace(new, submission_set=submitted), now=now + timedelta(seconds=2))


def _audit(data: Path, *words: str) -> int:
    return main(["--data", str(data), "--profile", "test", "--format", "json", "audit", "verify", *words])


def _checks(capsys: pytest.CaptureFixture[str]) -> dict[str, set[str]]:
    """Outcomes by rule."""
    found: dict[str, set[str]] = {}
    for check in json.loads(capsys.readouterr().out):
        found.setdefault(check["rule"], set()).add(check["outcome"])
    return found


def _change(data: Path, statement: str, *parameters: Any) -> None:
    """Behind the server's back."""
    with sqlite3.connect(data / "dmpws.sqlite") as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(statement, parameters)
    connection.close()


def _file(data: Path, content: bytes) -> Path:
    return next(p for p in (data / "documents").rglob("*") if p.is_file() and p.read_bytes() == content)


def test_a_good_chain(deposited: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _audit(deposited) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], said["rows"], said["head"]["seq"]) == (True, 2, 2)
    assert main(["--data", str(deposited), "audit", "verify"]) == 0
    assert said["head"]["hash"] in capsys.readouterr().out


def test_a_broken_chain(deposited: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _change(deposited, "UPDATE trace SET code = '' WHERE seq = 2")
    assert _audit(deposited) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], said["broken"]) == (False, 2)
    assert "code" in said["reason"]
    assert main(["--data", str(deposited), "audit", "verify"]) == 1
    assert "broken at row 2" in capsys.readouterr().out


def test_a_good_lot(deposited: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _audit(deposited, "--lot", SET) == 0
    checks = _checks(capsys)
    assert checks["AUDIT-OCTETS"] == {"passed"}
    assert not {rule for rule, outcomes in checks.items() if "failed" in outcomes}
    assert len(checks) > 5
    assert main(["--data", str(deposited), "audit", "verify", "--lot", SET]) == 0
    assert capsys.readouterr().out.endswith("good, as it was received\n")


def test_an_unknown_lot(deposited: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _audit(deposited, "--lot", "1.2.3") == 1
    assert capsys.readouterr().err == "dmpws: no lot 1.2.3\n"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: _file(data, PDF).write_bytes(PDF[:-1] + b"x"),
        lambda data: _file(data, PDF).write_bytes(PDF[:-1]),
        lambda data: _file(data, CDA).unlink(),
    ],
)
def test_damaged_octets_are_named(
    deposited: Path, damage: Callable[[Path], object], capsys: pytest.CaptureFixture[str]
) -> None:
    damage(deposited)
    assert _audit(deposited, "--lot", SET) == 1
    assert "failed" in _checks(capsys)["AUDIT-OCTETS"]


def test_a_document_exchanged_with_its_digests_is_found_by_the_signature(
    deposited: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody who owns the database and the files, but not the card."""
    import hashlib

    forged = PDF[:-1] + b"x"
    sha256 = hashlib.sha256(forged).hexdigest()
    path = deposited / "documents" / sha256[:2] / sha256
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(forged)
    _change(
        deposited,
        "UPDATE document_entry SET sha256 = ?, octets = ?, hash = ? WHERE size = ?",
        sha256,
        sha256,
        hashlib.sha1(forged).hexdigest(),
        len(PDF),
    )
    assert _audit(deposited, "--lot", SET) == 1
    checks = _checks(capsys)
    assert checks["AUDIT-OCTETS"] == {"passed"}
    assert [rule for rule, outcomes in checks.items() if "failed" in outcomes]


def test_erased_octets_are_said_and_the_rest_is_good(deposited: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = open_store(f"sqlite:///{deposited / 'dmpws.sqlite'}", deposited / "documents")
    with store.write() as work:
        stored = work.documents.lot(SET)
        assert stored is not None
        work.erasure.document(next(e for e in work.documents.of_lot(stored) if e.size == len(PDF)))
    store.close()
    assert _audit(deposited, "--lot", SET) == 0
    assert _checks(capsys)["AUDIT-OCTETS"] == {"passed", "warned"}


def test_tables_that_are_missing_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _audit(tmp_path) == 1
    assert capsys.readouterr().err.endswith(": dmpws db upgrade\n")


def test_old_traces_go_in_two_steps_and_the_chain_stays_good(
    data: Path, pki: DemoPki, capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_store(f"sqlite:///{data / 'dmpws.sqlite'}", data / "documents")
    for years in (12, 11, 0):
        store.append_trace(Trace(datetime.now(UTC) - timedelta(days=366 * years), "TD0.2", TraceOutcome.ACCEPTED))
    store.close()
    files = {"checkpoint_certificate": pki.server_certificate_file, "checkpoint_key": pki.server_key_file}
    (data / "dmpws.toml").write_text("\n".join(f'{name} = "{file}"' for name, file in files.items()))

    def audit(*words: str) -> tuple[int, Any]:
        settings = ["--config", str(data / "dmpws.toml"), "--data", str(data), "--format", "json"]
        status = main([*settings, "audit", *words])
        return status, json.loads(capsys.readouterr().out)

    planned = audit("purge", "--motive", "échéance")[1]
    assert (planned["first"], planned["last"], planned["purged"]) == (1, 2, False)
    assert audit("purge", "--motive", "échéance", "--confirm", planned["confirm"])[1]["purged"] is True
    status, said = audit("verify")
    assert (status, said["ok"], said["rows"], said["head"]["seq"]) == (0, True, 2, 4)
    assert audit("purge", "--motive", "échéance")[1]["purged"] is False
    (data / "dmpws.toml").write_text("")
    status, said = audit("verify")
    assert (status, said["broken"]) == (1, 1)


def test_a_purge_without_certificate_says_so(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = open_store(f"sqlite:///{data / 'dmpws.sqlite'}", data / "documents")
    store.append_trace(Trace(datetime.now(UTC) - timedelta(days=5000), "TD0.2", TraceOutcome.ACCEPTED))
    store.close()
    command = ["--data", str(data), "--format", "json", "audit", "purge", "--motive", "échéance"]
    assert main(command) == 0
    phrase = json.loads(capsys.readouterr().out)["confirm"]
    assert main([*command, "--confirm", phrase]) == 1
    assert "PKI" in capsys.readouterr().err
