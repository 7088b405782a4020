"""Children of one process, watched: if one ends, all do."""

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn


class SupervisorError(Exception):
    """A child ended by itself, or was not ready in time; the message is one sentence."""


class Supervisor:
    """Forks a process for each target and watches over them.

    targets: what each child runs, by the name messages give it. expected: exceptions of a target that are one sentence
    for the operator; a traceback would say less.
    """

    def __init__(self, targets: Mapping[str, Callable[[], None]], expected: tuple[type[Exception], ...]) -> None:
        self._targets = targets
        self._expected = expected
        self._children: dict[int, str] = {}

    def start(self) -> None:
        """Fork the children. Nothing may have started a thread before."""
        for end in _ENDS:
            if signal.getsignal(end) is not signal.SIG_IGN:  # nohup
                signal.signal(end, _interrupt)
        for name, target in self._targets.items():
            sys.stdout.flush()
            sys.stderr.flush()
            pid = os.fork()
            if pid == 0:
                self._in_child(name, target)
            self._children[pid] = name

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return when `ready` says so. Raises SupervisorError when a child ended or the time is over."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._check_children(os.WNOHANG)
            if ready():
                return
            time.sleep(0.02)
        raise SupervisorError(f"the server is not ready after {seconds:.0f} s")

    def watch(self) -> None:
        """Wait for the end of a child. Raises SupervisorError then, KeyboardInterrupt on a signal."""
        self._check_children(0)

    def stop(self) -> None:
        """Ask the children to end, and wait for them."""
        for pid in self._children:
            os.kill(pid, signal.SIGTERM)
        while self._children:
            pid, _ = os.waitpid(-1, 0)
            self._children.pop(pid, None)

    def _check_children(self, options: int) -> None:
        pid, status = os.waitpid(-1, options)
        if pid in self._children:
            name = self._children.pop(pid)
            raise SupervisorError(f"the {name} ended with status {os.waitstatus_to_exitcode(status)}")

    def _in_child(self, name: str, target: Callable[[], None]) -> NoReturn:
        status = 1
        try:
            target()
            status = 0
        except self._expected as error:
            print(f"dmpws: {name}: {error}", file=sys.stderr)
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


# gunicorn alone would take a closed terminal (SIGHUP) for a reload.
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _interrupt(_signal: int, _frame: Any) -> NoReturn:
    """End, once: a second signal would interrupt the ending."""
    for end in _ENDS:
        signal.signal(end, signal.SIG_IGN)
    raise KeyboardInterrupt
