"""What stops a server from starting is one sentence, and certificates are renewed without a restart."""

import os
import shutil
import socket
from pathlib import Path

import pytest

from dmpws.http.server import Listen, Server, ServerError
from dmpws.http.tls_context import ContextCache, TlsFiles
from dmpws.pki.demo import DemoPki


def load() -> None:
    raise AssertionError("the application is not loaded before the address is checked")


def start(listen: Listen) -> str:
    with pytest.raises(ServerError) as error:
        Server(listen, load)  # type: ignore[arg-type]
    (sentence,) = str(error.value).splitlines()
    return sentence


@pytest.fixture
def files(pki: DemoPki, tmp_path: Path) -> TlsFiles:
    """Copies, to be spoilt."""
    names = (pki.server_certificate_file, pki.server_key_file, pki.ca_file)
    return TlsFiles(*(Path(shutil.copy(f, tmp_path / f"{i}.pem")) for i, f in enumerate(names)))


def test_a_port_that_is_taken() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert start(Listen(port=port)) == f"127.0.0.1 port {port}: address already in use"


def test_addresses_that_cannot_be() -> None:
    assert start(Listen(host="192.0.2.1")).startswith("192.0.2.1 port 8443: ")
    assert start(Listen(port=99_999)).startswith("127.0.0.1 port 99999: ")


def test_a_unix_socket_that_cannot_be(tmp_path: Path) -> None:
    assert "no such folder" in start(Listen(unix_socket=str(tmp_path / "none/x.sock")))
    (tmp_path / "file").write_text("precious")
    assert "is not a socket" in start(Listen(unix_socket=str(tmp_path / "file")))
    assert (tmp_path / "file").read_text() == "precious"


def test_tls_files_that_cannot_be_used(files: TlsFiles, pki: DemoPki) -> None:
    files.authorities.write_text("not a certificate")
    assert "TLS cannot use" in start(Listen(port=0, tls=files))
    files.authorities.unlink()
    assert start(Listen(port=0, tls=files)) == f"{files.authorities}: no such file or directory"
    shutil.copy(pki.ca_file, files.authorities)
    shutil.copy(pki.card("medecin-libre").auth_key_file, files.key)
    assert "TLS cannot use" in start(Listen(port=0, tls=files))


def test_the_settings_of_gunicorn(files: TlsFiles) -> None:
    configured = Server(Listen(port=0, tls=files, workers=3, threads=5), load).cfg  # type: ignore[arg-type]
    assert (configured.workers, configured.threads, configured.worker_class_str) == (3, 5, "DmpwsWorker")
    assert configured.preload_app and configured.is_ssl
    assert configured.ssl_context(configured, load) is configured.ssl_context(configured, load)
    assert Listen(host="::1", port=1).bind == "[::1]:1"


def test_files_that_change_are_read_again_and_bad_ones_ignored(
    files: TlsFiles, caplog: pytest.LogCaptureFixture
) -> None:
    cache = ContextCache(files)
    first = cache.context()
    assert cache.context() is first
    os.utime(files.certificate, (1, 1))
    second = cache.context()
    assert second is not first
    good = files.key.read_bytes()
    files.key.write_text("half a k")
    assert cache.context() is second
    assert "cannot be used" in caplog.text
    files.key.unlink()
    assert cache.context() is second
    files.key.write_bytes(good)
    assert cache.context() is not second
