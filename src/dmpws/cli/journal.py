"""`dmpws journal list|show|tail|reset`: the exchanges of a running server, asked of its operator port."""

import argparse
import http.client
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from dmpws import cast
from dmpws.cli import EXIT_FAILED, EXIT_UNREACHABLE, EXIT_USAGE, Failure, plain
from dmpws.cli.explain import lines_of, remedies_of

POLL_SECONDS = 0.5
FILTERS = {
    "patient": "of the cast, or INS",
    "software": "LPS_Nom or approval number",
    "transaction": "code, such as TD2.1",
    "code": "code of the refusal",
    "since": "first instant of reception, 2026-11-21T12:00:00Z",
    "until": "instant of reception, excluded",
}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("journal", help="the exchanges of a running server, explained")
    parser.add_argument("--ops-url", help="operator port (default: http://127.0.0.1 and the configured port)")
    verbs = parser.add_subparsers(dest="journal_verb", required=True)

    lister = verbs.add_parser("list", help="the last exchanges, newest first")
    follower = verbs.add_parser("tail", help="each exchange as it ends, until interrupted")
    shower = verbs.add_parser("show", help="one exchange: every check, and the time of each step")
    for one in (lister, follower, shower):
        for name, text in FILTERS.items():
            one.add_argument(f"--{name}", help=text)
    lister.add_argument("--limit", type=int, default=20, help="default: %(default)s")
    follower.add_argument("--explain", action="store_true", help="show why, for those that were refused")

    shower.add_argument("id", type=int, nargs="?", help="default: the newest, of those the filters choose")
    shower.add_argument("--raw", choices=("request", "answer"), help="its octets instead, on standard output")

    forgetter = verbs.add_parser("reset", help="forget every exchange, or one")
    forgetter.add_argument("id", type=int, nargs="?", help="of the one; default: all")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Run one of the verbs."""
    port = Port(args.ops_url or f"http://127.0.0.1:{args.config.ops_port}")
    return {"list": _list, "tail": _tail, "show": _show, "reset": _reset}[args.journal_verb](port, args)


class Port:
    """The operator port of a server, at `http://host:port`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        try:
            split = urlsplit(self.url)
            if split.scheme != "http" or not split.hostname:
                raise ValueError
            self._address = (split.hostname, split.port or 80)
        except ValueError:
            raise Failure(f"{url}: the operator port is http://host:port", EXIT_USAGE) from None

    def get(self, page: str, **query: Any) -> Any:
        """A page as JSON. Raises Failure."""
        words = urlencode({name: value for name, value in query.items() if value is not None})
        return self._json(self.octets(f"{page}?{words}" if words else page))

    def send(self, method: str, page: str, value: Any = None) -> Any:
        """Send JSON, or nothing, to a page, and return what it answers. Raises Failure."""
        return self._json(self.octets(page, method, None if value is None else json.dumps(value).encode()))

    def octets(self, page: str, method: str = "GET", body: bytes | None = None) -> bytes:
        """A page as it is. body: JSON. Raises Failure."""
        connection = http.client.HTTPConnection(*self._address, timeout=60)
        try:
            connection.request(method, f"/{page}", body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            octets = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Failure(f"{self.url}: no server answers ({error})", EXIT_UNREACHABLE) from None
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            asked_wrongly = answer.status == http.HTTPStatus.BAD_REQUEST
            said = self._json(octets)
            if not isinstance(said, dict) or "error" not in said:
                raise self._another()
            raise Failure(said["error"], EXIT_USAGE if asked_wrongly else EXIT_FAILED)
        return octets

    def _json(self, octets: bytes) -> Any:
        try:
            return json.loads(octets)
        except ValueError:
            raise self._another() from None

    def _another(self) -> Failure:
        return Failure(f"{self.url}: this is not the operator port of dmpws", EXIT_UNREACHABLE)


def _filters(args: argparse.Namespace) -> dict[str, Any]:
    words = {name: getattr(args, name) for name in FILTERS}
    known = cast.PATIENTS.get(words["patient"])
    return {**words, "patient": known.ins.value} if known else words


def _list(port: Port, args: argparse.Namespace) -> int:
    found = port.get("journal", limit=args.limit, **_filters(args))
    if args.format == "json":
        print(json.dumps(found, indent=2, ensure_ascii=False), flush=True)
    else:
        _print(line_of(exchange) for exchange in found)
    return 0


def _tail(port: Port, args: argparse.Namespace) -> int:
    newest = port.get("journal", limit=1)
    last = newest[0]["id"] if newest else 0
    print(f"following {port.url} after exchange {last}, until Ctrl-C", file=sys.stderr, flush=True)
    while True:
        for exchange in port.get("journal", after=last, **_filters(args)):
            last = exchange["id"]
            if args.format == "json":
                print(json.dumps(exchange, ensure_ascii=False), flush=True)
                continue
            _print([line_of(exchange)])
            if args.explain and exchange["code"]:
                checks = port.get(f"journal/{last}")["checks"]
                _print(lines_of(check for check in checks if check["outcome"] == "failed"))
                _print(remedies_of(checks))
        time.sleep(POLL_SECONDS)


def line_of(exchange: Mapping[str, Any]) -> str:
    """One exchange on one line."""
    mark = "✗" if exchange["code"] or exchange["status"] >= 400 else "✓"
    what = f"{exchange['transaction'] or exchange['path'].rpartition('/')[2]:<7} {exchange['person']:<14}"
    result = f"{exchange['code']}: {exchange['reason']}" if exchange["code"] else "accepté"
    patient = exchange["patient"].partition("^")[0]
    return f"{exchange['id']:>5} {exchange['at'][11:23]} {exchange['ms']:>7.1f} ms {mark} {what} {patient:<22} {result}"


def _show(port: Port, args: argparse.Namespace) -> int:
    page = f"journal/{_newest(port, args) if args.id is None else args.id}"
    if args.raw:
        sys.stdout.buffer.write(port.octets(f"{page}/{args.raw}"))
        return 0
    exchange = port.get(page)
    if args.format == "json":
        print(json.dumps(exchange, indent=2, ensure_ascii=False), flush=True)
    else:
        _print(explained(exchange))
    return 0


def _newest(port: Port, args: argparse.Namespace) -> int:
    found = port.get("journal", limit=1, **_filters(args))
    if not found:
        raise Failure("the journal has no such exchange")
    newest: int = found[0]["id"]
    return newest


def explained(exchange: Mapping[str, Any]) -> Iterator[str]:
    """One exchange with its checks and steps."""
    yield line_of(exchange)
    yield ""
    for name, value in exchange["facts"].items():
        yield f"  {name:<20} {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
    for name in ("request", "answer"):
        sent = exchange[name]
        cut = f", the first {sent['kept']} kept" if sent["cut"] else ""
        yield f"  {name:<20} {sent['size']} octets{cut}"
    yield ""
    yield from lines_of(exchange["checks"])
    yield from remedies_of(exchange["checks"])
    yield ""
    yield from (f"  {step['ms']:>9.1f} ms  {step['step']}" for step in exchange["steps"])


def _reset(port: Port, args: argparse.Namespace) -> int:
    page = "journal" if args.id is None else f"journal/{args.id}"
    print(f"{port.send('DELETE', page)['deleted']} forgotten")
    return 0


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(plain(line), flush=True)
