"""Traces whose retention is over: they go under a signed checkpoint, and the chain stays good (GI-DMP EX_AIR-100)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from acts_world import INS, NOW, World, refused
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import select

from dmpws.acts import trace_retention
from dmpws.acts.actor import operator, patient
from dmpws.audit.chain import Checkpoint, verify_chain
from dmpws.audit.checkpoint import accepts, signer
from dmpws.audit.trace import Trace, TraceOutcome
from dmpws.pki.demo import DemoPki
from dmpws.store.tables import trace
from dmpws.transactions.call import Settings

HOST = operator("exploitation")
DECADE = timedelta(days=3653)


@pytest.fixture(scope="module")
def server(pki: DemoPki) -> tuple[x509.Certificate, bytes]:
    return x509.load_pem_x509_certificate(pki.server_certificate_file.read_bytes()), pki.server_key_file.read_bytes()


@pytest.fixture(scope="module")
def elliptic() -> tuple[x509.Certificate, bytes]:
    """A self-signed certificate with an EC key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "purge")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + DECADE)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return builder.sign(key, SHA256()), pem


def filled(world: World, *years: int) -> None:
    """A trace of each age, oldest first."""
    for age in years:
        world.store.append_trace(Trace(NOW - timedelta(days=366 * age), "TD0.2", TraceOutcome.ACCEPTED))


def purge(world: World, certificate: x509.Certificate, key: bytes) -> None:
    desk = world.desk(HOST, motive="échéance")
    _, phrase = trace_retention.plan_trace_purge(desk)
    trace_retention.purge_traces(desk, confirmed=phrase, sign=signer(certificate, key))


def left(world: World) -> list[int]:
    return [row.seq for row in world.store.database.rows(select(trace.c.seq).order_by(trace.c.seq))]


@pytest.mark.parametrize("kind", ["server", "elliptic"])
def test_old_traces_go_and_the_chain_stays_good(world: World, kind: str, request: pytest.FixtureRequest) -> None:
    certificate, key = request.getfixturevalue(kind)
    filled(world, 14, 12, 11, 9, 0)
    purge(world, certificate, key)
    assert left(world) == [4, 5, 6]
    assert world.traces()[-1]["transaction"] == "act:purge-traces"
    assert world.traces()[-1]["changes"][0]["old"] == "1-3"
    good = accepts([certificate])
    assert verify_chain(world.store, accept=good).ok
    assert not verify_chain(world.store).ok
    filled(world, 0)
    assert verify_chain(world.store, accept=good).ok


def test_purge_after_purge(world: World, server: tuple[x509.Certificate, bytes]) -> None:
    filled(world, 14, 9, 8, 0)
    purge(world, *server)
    later = world.desk(HOST, motive="échéance", now=NOW + timedelta(days=365 * 3))
    span, phrase = trace_retention.plan_trace_purge(later)
    assert span is not None
    assert (span.first, span.last) == (2, 3)
    trace_retention.purge_traces(later, confirmed=phrase, sign=signer(*server))
    assert left(world) == [4, 5, 6]
    assert verify_chain(world.store, accept=accepts([server[0]])).ok


def test_everything_may_be_old(world: World, server: tuple[x509.Certificate, bytes]) -> None:
    filled(world, 14, 13)
    purge(world, *server)
    assert left(world) == [3]
    assert verify_chain(world.store, accept=accepts([server[0]])).ok


def test_only_one_piece_goes(world: World, server: tuple[x509.Certificate, bytes]) -> None:
    """A trace that is young by its date, between old ones, keeps what follows it."""
    filled(world, 14, 1, 14)
    purge(world, *server)
    assert left(world) == [2, 3, 4]


@pytest.mark.parametrize("years", [(), (9,)])
def test_nothing_is_due(world: World, server: tuple[x509.Certificate, bytes], years: tuple[int, ...]) -> None:
    filled(world, *years)
    desk = world.desk(HOST, motive="échéance")
    span, phrase = trace_retention.plan_trace_purge(desk)
    assert span is None
    assert trace_retention.purge_traces(desk, confirmed=phrase, sign=signer(*server)) is None
    assert len(left(world)) == len(years)


def test_who_may_and_how(world: World, server: tuple[x509.Certificate, bytes]) -> None:
    filled(world, 14)
    plan = trace_retention.plan_trace_purge
    assert refused(lambda: plan(world.desk(patient(INS), motive="x"))) == "ACT-ALLOWED"
    assert refused(lambda: plan(world.desk(HOST))) == "ACT-MOTIVE"
    desk = world.desk(HOST, motive="échéance")
    sign = signer(*server)
    assert refused(lambda: trace_retention.purge_traces(desk, confirmed="", sign=sign)) == "ACT-CONFIRMED"
    longer = world.desk(HOST, motive="échéance", settings=Settings(trace_years=20))
    assert plan(longer)[0] is None
    assert left(world) == [1]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda point: replace(point, reason="autre"),
        lambda point: replace(point, last_seq=point.last_seq + 1),
        lambda point: replace(point, hash_after="0" * 64),
        lambda point: replace(point, made_at=point.made_at + timedelta(seconds=1)),
        lambda point: replace(point, signature=point.signature[:-1] + b"?"),
        lambda point: replace(point, signature=b""),
        lambda point: replace(point, certificate=b""),
    ],
)
def test_a_checkpoint_that_was_touched_is_not_accepted(
    world: World, server: tuple[x509.Certificate, bytes], spoil: Callable[[Checkpoint], Checkpoint]
) -> None:
    filled(world, 14, 0)
    purge(world, *server)
    with world.store.read() as work:
        (point,) = work.traces.checkpoints()  # type: ignore[attr-defined]
    accept = accepts([server[0]])
    assert accept(point)
    assert not accept(spoil(point))


def test_another_s_certificate_vouches_for_nothing(
    world: World, server: tuple[x509.Certificate, bytes], elliptic: tuple[x509.Certificate, bytes]
) -> None:
    filled(world, 14, 0)
    purge(world, *elliptic)
    assert not verify_chain(world.store, accept=accepts([server[0]])).ok
    assert verify_chain(world.store, accept=accepts([server[0], elliptic[0]])).ok
    with pytest.raises(ValueError, match="not that of the certificate"):
        signer(server[0], elliptic[1])
