"""Who gets past the handshake of the direct mode, and what is said to the others."""

import http.client
import json
import ssl
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from live_wire import existence, https, post, serving, tls, traces, until

from dmpws import cast
from dmpws.client import ServerFault, Unreachable
from dmpws.conformance.cases import Conformance
from dmpws.conformance.detection import Tracker, detectors, patients_of
from dmpws.conformance.seen import Seen
from dmpws.pki.cards import Card
from dmpws.pki.demo import DemoPki
from dmpws.testing.server import LiveServer

pytestmark = pytest.mark.live

PATIENT = cast.PATIENTS["pat-trois"]


def handshake(server: LiveServer, card: Card | None, **settings: Any) -> None:
    """Open a connection and ask for a contract. TLS 1.3 tells of a refusal with the first answer only."""
    context = tls(server, card, **settings)
    connection = http.client.HTTPSConnection("localhost", server.port, context=context, timeout=60)
    try:
        connection.request("GET", "/si-dmp-server/v2/services/patients?wsdl")
        assert connection.getresponse().status == 200
    finally:
        connection.close()


REFUSED = (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_good_card_connects(live: LiveServer, version: ssl.TLSVersion) -> None:
    handshake(live, live.pki.card("medecin-libre"), maximum_version=version)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_without_certificate_there_is_no_connection(live: LiveServer, version: ssl.TLSVersion) -> None:
    with pytest.raises(REFUSED):
        handshake(live, None, maximum_version=version)


def test_a_card_of_another_authority_does_not_connect(live: LiveServer) -> None:
    foreign = live.pki.issue(
        "cps", "medecin-etranger", common_name="899900063480", family="LIBRE", given="MAX", unknown_ca=True
    )
    with pytest.raises(REFUSED):
        handshake(live, foreign)


def test_an_expired_card_does_not_connect(live: LiveServer) -> None:
    with pytest.raises(REFUSED):
        handshake(live, live.pki.card("medecin-expire"))


@pytest.fixture(scope="module")
def quiet(live_pki: DemoPki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that nobody else calls: a refused handshake is written down after its client was told."""
    with serving(live_pki, tmp_path_factory.mktemp("quiet"), workers="1") as server:
        yield server


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_journal_says_why_a_card_could_not_connect(quiet: LiveServer, version: ssl.TLSVersion) -> None:
    newest = json.loads(quiet.ops("journal?limit=1"))
    after = newest[0]["id"] if newest else 0
    with pytest.raises(REFUSED):
        handshake(quiet, quiet.pki.card("medecin-expire"), maximum_version=version)
    [line] = until(lambda: json.loads(quiet.ops(f"journal?after={after}&facts=yes")))
    assert (line["transaction"], line["code"], line["person"]) == ("TD0.1", "DMPInvalidCertificate", "")
    assert "trouvé : certificat expiré" in line["reason"]
    [check] = json.loads(quiet.ops(f"journal/{line['id']}"))["checks"]
    assert (check["rule"], check["outcome"]) == ("TLS-CARD", "failed")
    tracker = Tracker(detectors(Conformance())["0.1-160"], patients_of())
    assert tracker.feed(Seen(line))


def test_tls_1_1_is_refused_by_the_server(live: LiveServer) -> None:
    context = tls(live, live.pki.card("medecin-libre"))
    context.set_ciphers("ALL:@SECLEVEL=0")  # our own OpenSSL would not even try otherwise
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    connection = http.client.HTTPSConnection("localhost", live.port, context=context, timeout=60)
    with pytest.raises(ssl.SSLError, match="alert protocol version"):
        connection.connect()
    connection.close()


def test_other_suites_are_refused(live: LiveServer) -> None:
    context = tls(live, live.pki.card("medecin-libre"), maximum_version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers("AES128-SHA:AES256-GCM-SHA384")  # no forward secrecy
    connection = http.client.HTTPSConnection("localhost", live.port, context=context, timeout=60)
    with pytest.raises(ssl.SSLError, match="handshake failure"):
        connection.connect()
    connection.close()


def test_a_revoked_card_is_told_when_and_traced(live: LiveServer) -> None:
    card = live.pki.card("medecin-revoque")
    with live.session("medecin-revoque") as lps, pytest.raises(ServerFault) as fault:
        lps.test_existence(PATIENT.ins)
    revoked = datetime.now(UTC) - timedelta(days=10)
    days = {f"{revoked + timedelta(days=d):%d/%m/%Y}" for d in (-1, 0)}
    assert fault.value.subcode == "DMPInvalidCertificate"
    assert any(f"révoqué le {day}" in fault.value.reason for day in days)
    serial = f"{card.auth_certificate.serial_number:x}"
    trace = [trace for trace in traces(live.folder) if trace.get("certificate_serial") == serial][-1]
    assert (trace["outcome"], trace["code"]) == ("refused", "DMPInvalidCertificate")


@pytest.fixture(scope="module")
def strict(live_pki: DemoPki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server that looks at revocation lists in the handshake."""
    with serving(live_pki, tmp_path_factory.mktemp("strict"), workers="1", tls_crl="handshake") as server:
        yield server


def test_revocation_in_the_handshake(strict: LiveServer) -> None:
    """Nothing is explained and nothing is traced; that is why it is not the default."""
    good = strict.pki.card("medecin-libre")
    assert post(https(strict, good), existence(good, PATIENT))[:2] == (200, "AA")
    before = len(traces(strict.folder))
    with strict.session("medecin-revoque") as lps, pytest.raises(Unreachable):
        lps.test_existence(PATIENT.ins)
    assert len(traces(strict.folder)) == before
