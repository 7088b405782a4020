"""The metrics of all workers, read while they start."""

from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict

from dmpws.http.metrics import VARIABLE, exposition


def test_a_file_that_a_worker_has_just_made_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    known = MmapedDict(str(tmp_path / "counter_1.db"))
    known.write_value('["dmpws_exchanges", "dmpws_exchanges_total", {"operation": "TD0.2"}, "Exchanges"]', 3.0, 0.0)
    known.close()
    (tmp_path / "counter_2.db").touch()
    octets, content_type = exposition()
    assert b'dmpws_exchanges_total{operation="TD0.2"} 3.0' in octets
    assert content_type.startswith("text/plain")
