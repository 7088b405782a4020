"""The operator port of a live server."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_wire import existence, https, post, serving, until

from dmpws import cast
from dmpws.cli import main
from dmpws.codec.parameters import read_parameters
from dmpws.pki.demo import DemoPki
from dmpws.testing.server import LiveServer

pytestmark = pytest.mark.live


def get(live: LiveServer, page: str, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", live.ops_port, timeout=60)
    try:
        connection.request(method, page)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_health_and_info(live: LiveServer) -> None:
    assert get(live, "/health") == (200, '{"status": "up"}\n')
    status, text = get(live, "/info")
    info = json.loads(text)
    assert (status, info["name"], info["guide"], info["url"]) == (200, "dmpws", "2.10", live.url)
    assert {"TD0.2", "TD0.3", "TD1.1", "TD2.1", "TD3.1", "TD3.2"} <= info["transactions"].keys()


def test_the_parameters_file(live: LiveServer) -> None:
    status, text = get(live, "/parameters")
    values = read_parameters(text.encode())
    assert (status, values["age-majorite"], values["hr-periode-max-mois"]) == (200, "18", "24")


def test_other_pages_and_methods(live: LiveServer) -> None:
    assert get(live, "/admin")[0] == 404
    assert get(live, "/health", "POST")[0] == 405
    assert get(live, "/health", "HEAD") == (200, "")


@pytest.fixture
def quiet(live_pki: DemoPki, tmp_path: Path) -> Iterator[LiveServer]:
    """A server that nobody else calls: a worker counts once the answer is sent."""
    with serving(live_pki, tmp_path, workers="2") as server:
        yield server


def test_metrics_count_calls_by_operation_and_outcome(quiet: LiveServer) -> None:
    card = quiet.pki.card("medecin-libre")
    request = existence(card, cast.PATIENTS["pat-trois"])
    good = 'dmpws_exchanges_total{operation="PatientGetDemographics_PRPA_IN201307UV02",outcome="ok"}'
    bad = 'dmpws_exchanges_total{operation="none",outcome="DMPInvalidRequest"}'

    def counted() -> dict[str, float]:
        lines = (line.rpartition(" ") for line in get(quiet, "/metrics")[1].splitlines())
        return {name: float(value) for name, _, value in lines if not name.startswith("#")}

    for _ in range(4):  # whichever worker answers
        assert post(https(quiet, card), request).code == "AA"
    assert post(https(quiet, card), type(request)("patients", request.content_type, b"<x/>")).status == 500
    until(lambda: sum(counted().get(name, 0) for name in (good, bad)) >= 5)
    total = counted()
    assert (total[good], total[bad]) == (4, 1)
    assert get(quiet, "/metrics")[1].count("279035121518989") == 0  # no patient in a metric


def test_ready_says_what_is_missing(live: LiveServer) -> None:
    assert get(live, "/ready") == (200, '{\n  "status": "ready"\n}\n')
    documents, away = live.folder / "documents", live.folder / "documents.away"
    documents.rename(away)
    try:
        status, text = get(live, "/ready")
        assert status == 503
        assert json.loads(text)["problems"].keys() == {"documents"}
    finally:
        away.rename(documents)
    assert get(live, "/ready")[0] == 200


def test_the_operator_port_is_on_the_loopback_address_only(live: LiveServer) -> None:
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    rows = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
    listening = [
        row[1].partition(":")[0] for row in rows if row[1].endswith(f":{live.ops_port:04X}") and row[3] == "0A"
    ]
    assert listening == ["0100007F"]


def test_the_journal_explains_what_workers_answered(live: LiveServer) -> None:
    card = live.pki.card("medecin-libre")
    request = existence(card, cast.PATIENTS["conteste"])
    answer = post(https(live, card), request)
    assert answer.code == "AA"

    def kept() -> list[Any]:
        """It is kept once the answer is sent."""
        lines = json.loads(get(live, "/journal?limit=1000&patient=153078987658513")[1])
        return [line for line in lines if line["correlation_id"] == answer.correlation_id]

    [line] = until(kept)
    assert (line["transaction"], line["code"]) == ("TD0.2", "")
    shown = json.loads(get(live, f"/journal/{line['id']}")[1])
    assert {check["outcome"] for check in shown["checks"]} <= {"passed", "warned"}
    assert shown["request"]["size"] == len(request.octets)
    assert get(live, f"/journal/{line['id']}", "DELETE")[0] == 200
    assert get(live, f"/journal/{line['id']}")[0] == 404


def test_a_captured_frame_is_sent_again(live: LiveServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = existence(live.pki.card("medecin-libre"), cast.PATIENTS["conteste"])
    frame, answer = tmp_path / "frame.xml", tmp_path / "answer.xml"
    frame.write_bytes(request.octets)
    words = ["--data", str(live.folder), "frame", "send", str(frame), "--url", live.url, "--refresh", "vihf,ids"]
    assert main([*words, "--output", str(answer)]) == 0
    assert " : AA (HTTP 200, acknowledgement)" in capsys.readouterr().out
    assert main([*words, "--expect", str(answer)]) == 0
    assert "la réponse est celle attendue" in capsys.readouterr().out
    assert main([*words, "--patient", "pat-trois", "--expect", str(answer)]) == 1
    assert "✗ /" in capsys.readouterr().out
    assert main([*words[:-4], "--url", "https://127.0.0.1:9"]) == 3
    assert main([*words[:-1], "everything"]) == 2
