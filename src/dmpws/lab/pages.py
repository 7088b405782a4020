"""The laboratory over the operator port, as JSON; the port of another server has none of these pages.

GET /lab                                    everything that is set
GET, POST, DELETE /lab/faults               the faults; set one; forget all      DELETE /lab/faults/3
GET, PUT, DELETE /lab/clock                 the clock; {"frozen": …} or {"shift": seconds}; the real time again
GET /lab/snapshots                          PUT, DELETE /lab/snapshots/NAME      POST /lab/snapshots/NAME/restore
POST /lab/reset                             {"set": "cast"}: as after the first start, or another set
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from dmpws.http.journal_pages import Page, asked_here
from dmpws.lab import Lab
from dmpws.lab.clock import ClockError
from dmpws.lab.faults import FaultError, read_fault
from dmpws.lab.snapshots import SnapshotError, Snapshots

MOST_OCTETS = 64 * 1024
_ONE_FAULT = re.compile(r"/lab/faults/([1-9][0-9]{0,8})")
_ONE_SNAPSHOT = re.compile(r"/lab/snapshots/([^/]+)(/restore)?")


class _Bad(ValueError):
    """The request cannot be meant so."""


@dataclass(frozen=True, slots=True)
class LabPages:
    """reset: empties everything and loads a set, by its name. Raises SnapshotError."""

    lab: Lab
    snapshots: Snapshots
    reset: Callable[[str], None]

    def __call__(self, environ: Mapping[str, Any]) -> Page | None:
        """Answer a request for a page of the laboratory; None for other pages."""
        path = environ.get("PATH_INFO", "")
        if path != "/lab" and not path.startswith("/lab/"):
            return None
        if not asked_here(environ):
            return Page("403 Forbidden", {"error": "the laboratory answers to this machine only"})
        try:
            return self._page(path, environ["REQUEST_METHOD"], environ)
        except (_Bad, FaultError, ClockError, SnapshotError) as bad:
            return Page("400 Bad Request", {"error": str(bad)})

    def _page(self, path: str, method: str, environ: Mapping[str, Any]) -> Page:
        match path, method:
            case "/lab", "GET":
                return _ok({"clock": self.lab.clock.values(), "faults": self._faults(), "snapshots": self._kept()})
            case "/lab/faults", "GET":
                return _ok(self._faults())
            case "/lab/faults", "POST":
                return _ok(asdict(self.lab.faults.add(read_fault(_given(environ)))))
            case "/lab/faults", "DELETE":
                return _ok({"deleted": self.lab.faults.clear()})
            case "/lab/clock", "GET":
                return _ok(self.lab.clock.values())
            case "/lab/clock", "PUT":
                self._set_clock(_given(environ))
                return _ok(self.lab.clock.values())
            case "/lab/clock", "DELETE":
                self.lab.clock.be_real()
                return _ok(self.lab.clock.values())
            case "/lab/snapshots", "GET":
                return _ok(self._kept())
            case "/lab/reset", "POST":
                return self._reset(_given(environ))
        if method == "DELETE" and (one := _ONE_FAULT.fullmatch(path)):
            return _ok({"deleted": 1}) if self.lab.faults.clear(int(one[1])) else _unknown(f"no fault {one[1]}")
        if found := _ONE_SNAPSHOT.fullmatch(path):
            return self._snapshot(found[1], method, restore=bool(found[2]))
        return _UNKNOWN

    def _faults(self) -> list[dict[str, Any]]:
        return [{**asdict(fault), "spent": fault.spent} for fault in self.lab.faults.all()]

    def _kept(self) -> list[dict[str, Any]]:
        return self.snapshots.all()

    def _set_clock(self, given: Mapping[str, Any]) -> None:
        match given:
            case {"frozen": str(text), **rest} if not rest:
                try:
                    self.lab.clock.freeze(datetime.fromisoformat(text))
                except ClockError:
                    raise
                except ValueError:
                    raise _Bad(f"frozen: {text!r} is not an instant such as 2027-01-01T12:00:00Z") from None
            case {"shift": int() | float() as seconds, **rest} if not rest and not isinstance(seconds, bool):
                try:
                    self.lab.clock.shift(timedelta(seconds=seconds))
                except (OverflowError, ValueError) as error:
                    raise _Bad(f"shift: {error}") from None
            case _:
                raise _Bad('a clock is {"frozen": "2027-01-01T12:00:00Z"} or {"shift": seconds}')

    def _snapshot(self, name: str, method: str, *, restore: bool) -> Page:
        if restore and method == "POST":
            return _ok(self.snapshots.restore(name))
        if not restore and method == "PUT":
            return _ok(self.snapshots.save(name))
        if not restore and method == "DELETE":
            return _ok({"deleted": 1}) if self.snapshots.delete(name) else _unknown(f"no snapshot {name}")
        return _UNKNOWN

    def _reset(self, given: Mapping[str, Any]) -> Page:
        if given.keys() - {"set"}:
            raise _Bad('a reset is {} or {"set": "cast"}')
        self.reset(str(given.get("set", "cast")))
        return _ok({"reset": True})


def _unknown(sentence: str) -> Page:
    return Page("404 Not Found", {"error": sentence})


_UNKNOWN = _unknown("no such page of the laboratory, or not with this method")


def _ok(value: Any) -> Page:
    return Page("200 OK", value)


def _given(environ: Mapping[str, Any]) -> dict[str, Any]:
    """The body: a JSON object, or nothing. Its type keeps web pages out, which could not send it without asking."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdigit() and int(length[:9]) <= MOST_OCTETS):
        raise _Bad(f"a Content-Length of at most {MOST_OCTETS}")
    octets = environ["wsgi.input"].read(int(length))
    if not octets:
        return {}
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip() != "application/json":
        raise _Bad("the body is application/json")
    try:
        given = json.loads(octets)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise _Bad("the body is a JSON object")
    return given
