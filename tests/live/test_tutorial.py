"""The tutorial, typed as a new user would, in a fresh folder."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tutorial import Block, blocks, shown

from dmpws.testing.server import free_port

ROOT = Path(__file__).parents[2]
PAGES = ("first-steps.md", "three-mistakes.md")
PATIENCE = 600

pytestmark = [pytest.mark.live, pytest.mark.slow]


class Terminals:
    """A folder, and the terminals of a person who works in it: background ones by name, and one that is waited for."""

    def __init__(self, folder: Path, ports: dict[str, int], opened: ExitStack) -> None:
        self.folder = folder
        self._opened = opened
        self._ports = ports
        self._environment = {
            **{n: value for n, value in os.environ.items() if n != "PYTHONDONTWRITEBYTECODE" and n[:6] != "DMPWS_"},
            **{f"DMPWS_{name.upper()}": str(port) for name, port in ports.items()},
            "PYTHONPYCACHEPREFIX": str(folder.parent / "bytecode"),
            "PYTHONUNBUFFERED": "1",
        }
        self._outputs: dict[str, Path] = {}
        self._seen: dict[str, int] = {}
        self._printed = ""

    def do(self, block: Block) -> None:
        """Type a block, or look whether what it shows is there."""
        if block.kind == "python":
            (self.folder / block.info).write_text(self._with_our_ports(block.content), "utf-8")
        elif block.kind == "text":
            self._see(block)
        elif block.info.endswith("-terminal"):
            self._start(block.info, block.content)
        else:
            done = self._run(block.content)
            assert done.returncode == block.exit_status, f"line {block.line}: {done.stdout}{done.stderr}"
            self._printed = done.stdout

    def _run(self, words: str) -> subprocess.CompletedProcess[str]:
        # The status of a block is that of its last command, and every command before must succeed.
        return subprocess.run(
            ["bash", "-ec", words],
            check=False,
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def _start(self, name: str, words: str) -> None:
        *before, last = words.strip().splitlines()
        for line in before:
            self._clone(line)
        output = self._outputs[name] = self.folder.parent / name
        file = self._opened.enter_context(output.open("wb"))
        process = subprocess.Popen(
            ["bash", "-c", f"exec {last}"],
            cwd=self.folder,
            env=self._environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._opened.callback(_end, process)

    def _clone(self, line: str) -> None:
        """The one line that is not typed as it stands: the address is this folder, and the environment of the tests is
        given to the clone, which would take minutes to build its own."""
        assert line == "git clone … dmpws && cd dmpws"
        subprocess.run(["git", "clone", "-q", "--no-hardlinks", "--depth=1", ROOT.as_uri(), self.folder], check=True)
        tools = self.folder / ".venv" / "bin"
        tools.mkdir(parents=True)
        for name, words in {"python": "", "dmpws": " -m dmpws"}.items():
            (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{words} "$@"\n', "utf-8")
            (tools / name).chmod(0o755)
        (self.folder / ".venv" / ".complete").touch()

    def _see(self, block: Block) -> None:
        """What a terminal that runs on has printed since the last look, or the last command."""
        expected = self._with_our_ports(block.content)
        deadline = time.monotonic() + PATIENCE
        while True:
            actual = self._new_lines(block.info) if block.info else self._printed
            if shown(expected, actual):
                self._seen[block.info] = self._seen.get(block.info, 0) + len(actual)
                return
            if not block.info or time.monotonic() > deadline:
                pytest.fail(f"line {block.line} shows\n{expected}\nand what is printed is\n{actual}")
            time.sleep(0.2)

    def _new_lines(self, terminal: str) -> str:
        return self._outputs[terminal].read_text("utf-8", "replace")[self._seen.get(terminal, 0) :]

    def _with_our_ports(self, text: str) -> str:
        ours = {"8443": self._ports["port"], "8080": self._ports["ops_port"]}
        return re.sub("8443|8080", lambda usual: str(ours[usual[0]]), text)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ctrl-C in a terminal: to everything that runs in it. Who was started in the background is deaf to it."""
    deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    os.killpg(process.pid, signal.SIGTERM if deaf else signal.SIGINT)
    process.wait(PATIENCE)


@pytest.fixture
def terminals(tmp_path: Path) -> Iterator[Terminals]:
    with ExitStack() as opened:
        yield Terminals(tmp_path / "dmpws", {"port": free_port(), "ops_port": free_port()}, opened)


def test_the_tutorial(terminals: Terminals) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this folder is no clone, and cannot be cloned")
    for page in PAGES:
        for block in blocks(ROOT / "docs" / "tutorial" / page):
            terminals.do(block)
