"""The key ring: files and commands that wrap, and what goes wrong with them."""

import json
import stat
import sys
import threading
from pathlib import Path

import pytest

from dmpws.store import KeyCommand, KeyFile, keyring
from dmpws.store.encryption import DataKeys
from dmpws.transactions.ports import StorageError

XOR = """
import base64, sys
data = bytes(b ^ 0x55 for b in base64.b64decode(sys.stdin.read()))
assert sys.argv[1] in ("wrap", "unwrap")
print(base64.b64encode(data).decode())
"""


def _command(tmp_path: Path, text: str) -> KeyCommand:
    script = tmp_path / "wrapper.py"
    script.write_text(text)
    return KeyCommand((sys.executable, str(script)))


def test_the_first_opening_makes_the_ring(tmp_path: Path) -> None:
    key = KeyFile.create(tmp_path / "key")
    assert not keyring.exists(tmp_path)
    first = keyring.open_keyring(tmp_path, key)
    assert keyring.exists(tmp_path)
    assert keyring.open_keyring(tmp_path, key) == first
    text = (tmp_path / keyring.FILE).read_bytes()
    assert all(secret not in text for secret in (first.address, *first.keys.values()))
    assert "k" * 8 not in repr(DataKeys(b"k" * 32, b"12345678", {b"12345678": b"k" * 32}))


def test_a_key_file_is_private_and_made_once(tmp_path: Path) -> None:
    key = KeyFile.create(tmp_path / "key")
    assert stat.S_IMODE(key.path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        KeyFile.create(key.path)


def test_processes_that_start_together_share_one_ring(tmp_path: Path) -> None:
    key = KeyFile.create(tmp_path / "key")
    rings: list[DataKeys] = []
    threads = [threading.Thread(target=lambda: rings.append(keyring.open_keyring(tmp_path, key))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rings) == 8
    assert all(ring == rings[0] for ring in rings)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["key", keyring.FILE]


def test_a_command_wraps(tmp_path: Path) -> None:
    command = _command(tmp_path, XOR)
    first = keyring.open_keyring(tmp_path, command)
    assert keyring.open_keyring(tmp_path, command) == first
    keyring.rewrap(tmp_path, command, KeyFile.create(tmp_path / "key"))
    assert keyring.open_keyring(tmp_path, KeyFile(tmp_path / "key")) == first


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise SystemExit(7)", "ended with status 7"),
        ("print('not base64 !')", "did not answer base64"),
        ("print('AAAA')", "wrong length"),
        ("", "wrong length"),
    ],
)
def test_a_command_that_fails_is_said(tmp_path: Path, text: str, message: str) -> None:
    keyring.open_keyring(tmp_path, _command(tmp_path, XOR))
    with pytest.raises(StorageError, match=message):
        keyring.open_keyring(tmp_path, _command(tmp_path, text))


def test_a_command_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        keyring.open_keyring(tmp_path, KeyCommand((str(tmp_path / "nothing"),)))


@pytest.mark.parametrize("content", [b"", b"AAAA", b"\xff\xfe", b"x" * 44])
def test_a_file_that_is_no_key_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(StorageError, match="32 octets"):
        keyring.open_keyring(tmp_path, KeyFile(tmp_path / "key"))
    assert not keyring.exists(tmp_path)


def test_a_missing_key_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        keyring.open_keyring(tmp_path, KeyFile(tmp_path / "key"))


def test_a_damaged_ring_is_said(tmp_path: Path) -> None:
    key = KeyFile.create(tmp_path / "key")
    keyring.open_keyring(tmp_path, key)
    ring = json.loads((tmp_path / keyring.FILE).read_text())
    ring["data"][0]["key"] = ring["data"][0]["key"][::-1]
    for text in ("{", "[]", "{}", json.dumps(ring)):
        (tmp_path / keyring.FILE).write_text(text)
        with pytest.raises(StorageError):
            keyring.open_keyring(tmp_path, key)


def test_the_wrong_old_key_changes_nothing(tmp_path: Path) -> None:
    key, other = KeyFile.create(tmp_path / "key"), KeyFile.create(tmp_path / "other")
    ring = keyring.open_keyring(tmp_path, key)
    with pytest.raises(StorageError):
        keyring.rewrap(tmp_path, other, key)
    with pytest.raises(StorageError):
        keyring.add_data_key(tmp_path, other)
    assert keyring.open_keyring(tmp_path, key) == ring
