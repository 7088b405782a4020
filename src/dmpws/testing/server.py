"""A real server in a process of its own, for tests: gunicorn, mutual TLS, its own data folder."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from dmpws.client import LpsSession
from dmpws.client.actor import Actor
from dmpws.http import SERVICES_PATH as PATH
from dmpws.pki.demo import DemoPki, create, open_pki


def free_port() -> int:
    """A TCP port nobody listens on, outside of those the system gives to clients, and kept until this process ends: no
    other process that asks here gets it, and it is free again when a server that was killed comes back.

    Who holds the UDP port of the same number keeps it; a server can listen all the same.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        keeper = socket.socket(type=socket.SOCK_DGRAM)
        try:
            keeper.bind(("127.0.0.1", port))
        except OSError:
            keeper.close()
            continue
        keeper.detach()  # open until the process ends
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


class LiveServer:
    """`dmpws serve` on free ports, with the data in `folder`.

    options: further options of `serve`, by environment name in lower case without prefix (`workers="2"`).
    """

    def __init__(self, folder: Path, **options: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.ops_port = free_port()
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Base of the services."""
        return f"https://localhost:{self.port}{PATH}"

    @property
    def pid(self) -> int:
        """Process id of `dmpws serve`. Raises RuntimeError when it is not running."""
        if self._process is None:
            raise RuntimeError("the server is not running")
        return self._process.pid

    @property
    def pki(self) -> DemoPki:
        return open_pki(self.folder / "pki")

    @property
    def log(self) -> str:
        """What the server printed so far."""
        return (self.folder / "server.log").read_text("utf-8", "replace")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start and wait until it is ready. Raises RuntimeError with its output when it is not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "pki").exists():
            create(self.folder / "pki", now=datetime.now(UTC))
        words = ["--port", str(self.port), "--ops-port", str(self.ops_port)]
        # Not what the shell configures: that would be another server.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DMPWS_")}
        environment |= {f"DMPWS_{name.upper()}": value for name, value in self._options.items()}
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dmpws", "--data", str(self.folder), "serve", *words],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        deadline = time.monotonic() + 300
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the server did not start:\n{self.log}")
            time.sleep(0.02)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ops_port}/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        """End it as an operator would."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(120)
            self._process = None

    def kill(self) -> None:
        """Kill every process of it at once, as a power cut would."""
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self._process.wait(120)
            self._process = None

    def session(self, card: str, actor: Actor | None = None) -> LpsSession:
        """A client of this server."""
        return LpsSession(self.pki.card(card), self.url, ca_file=self.pki.ca_file, actor=actor)

    def ops(self, page: str) -> bytes:
        """A page of the operator port."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ops_port}/{page}", timeout=60) as answer:
            octets: bytes = answer.read()
            return octets


def copy_pki(pki: DemoPki, folder: Path) -> None:
    """Give a server a PKI that was made before, to start faster."""
    shutil.copytree(pki.folder, folder / "pki")
