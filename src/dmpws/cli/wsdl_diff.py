"""`dmpws wsdl diff URL|FOLDER|FILE`: our contracts beside those of another server, or of a folder."""

import argparse
import json
import ssl
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dmpws.cli import EXIT_FAILED, EXIT_UNREACHABLE, EXIT_USAGE, Failure
from dmpws.domain.checks import Refused
from dmpws.pki.demo import open_pki
from dmpws.resources import folder
from dmpws.soap.contracts import Contracts
from dmpws.soap.inspection.comparing import ABSENT, Contract, Difference, Kind, differences
from dmpws.soap.inspection.documents import read

_LARGEST = 20 * 1024 * 1024
_SECONDS = 30
_SHOWN = 10
_ONE_LINE = 60


@dataclass(frozen=True, slots=True)
class Comparison:
    """One contract of ours beside one of theirs; here or there is "" when a side has none."""

    here: str
    there: str
    differences: Sequence[Difference]


def add_parser(verbs: Any) -> None:
    """Add the verb `diff`."""
    parser = verbs.add_parser(
        "diff", help="compare with another server's, or with a folder of WSDL; exit status 1 when they differ"
    )
    parser.add_argument("target", metavar="URL|FOLDER|FILE", help="base of the services, one WSDL, or a folder of them")
    parser.add_argument("--service", action="append", metavar="SERVICE", help="only this one (may be repeated)")
    parser.add_argument("--only", metavar="KINDS", default="", help=f"only these: {','.join(Kind)}")
    parser.add_argument("--all", action="store_true", help=f"every difference, not the first {_SHOWN} of a kind")
    parser.add_argument("--card", default="medecin-libre", help="opens the connection (default: %(default)s)")
    parser.add_argument("--pki", type=Path, help="folder of the demo PKI (default: in the data folder)")
    parser.add_argument("--ca", type=Path, help="authorities of the server (default: those of the demo PKI)")


def run(contracts: Contracts, args: argparse.Namespace) -> int:
    """Compare and print; exit status 1 when there is a difference."""
    services = args.service or list(contracts.services)
    if unknown := set(services) - set(contracts.services):
        raise Failure(f"no service {', '.join(sorted(unknown))}; there are {', '.join(contracts.services)}", EXIT_USAGE)
    only = set(args.only.split(",")) if args.only else {kind.value for kind in Kind}
    if strange := only - {kind.value for kind in Kind}:
        raise Failure(f"--only: no kind {', '.join(sorted(strange))}; there are {', '.join(Kind)}", EXIT_USAGE)
    compared = [
        Comparison(c.here, c.there, [d for d in c.differences if d.kind in only])
        for c in _compare(contracts, services, args)
        if (c.here and c.there) or Kind.SERVICE in only
    ]
    if args.format == "json":
        print(json.dumps([asdict(c) for c in compared], indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(compared, most=None if args.all else _SHOWN)))
    return EXIT_FAILED if any(c.differences for c in compared) else 0


def _compare(contracts: Contracts, services: Sequence[str], args: argparse.Namespace) -> Iterator[Comparison]:
    fetcher = _Fetcher(args)
    if urlsplit(args.target).scheme not in ("http", "https"):
        yield from _with_files(contracts, services, Path(args.target), fetcher)
    elif "?" in args.target or args.target.endswith(".wsdl"):
        yield from _with_set(contracts, services, [args.target], fetcher)
    else:
        yield from _with_server(contracts, services, args.target.rstrip("/"), fetcher)


def _with_server(contracts: Contracts, services: Sequence[str], base: str, fetcher: "_Fetcher") -> Iterator[Comparison]:
    """Each service by its name; one the server has not is a difference."""
    found = 0
    for service in services:
        url = f"{base}/{service}?wsdl"
        try:
            theirs = fetcher.contract(url)
        except urllib.error.HTTPError as error:
            yield _alone(here=service, there="", missing=f"{ABSENT} (HTTP {error.code})")
            continue
        found += 1
        yield Comparison(service, url, list(differences(_ours(contracts, service, fetcher), theirs)))
    if not found:
        raise Failure(f"{base}: there is no contract of the DMP at this address")


def _with_files(contracts: Contracts, services: Sequence[str], path: Path, fetcher: "_Fetcher") -> Iterator[Comparison]:
    files = sorted(path.glob("*.wsdl")) if path.is_dir() else [path]
    if not files:
        raise Failure(f"{path}: there is no WSDL in this folder")
    yield from _with_set(contracts, services, [file.resolve().as_uri() for file in files], fetcher)


def _with_set(
    contracts: Contracts, services: Sequence[str], addresses: Sequence[str], fetcher: "_Fetcher"
) -> Iterator[Comparison]:
    """By namespace and port type, whatever the files are called. One WSDL is compared alone: it says nothing of the
    other services."""
    files = {contracts.contract(service).file: service for service in reversed(services)}
    theirs = {address: fetcher.contract(address) for address in addresses}
    for service in reversed(files.values()):
        ours = _ours(contracts, service, fetcher)
        twins = {a: list(differences(ours, c)) for a, c in theirs.items() if c.describes == ours.describes}
        if twins:
            closest = min(twins, key=lambda address: len(twins[address]))
            del theirs[closest]
            yield Comparison(service, closest, twins[closest])
        elif len(addresses) > 1:
            yield _alone(here=service, there="", missing=ABSENT)
    if len(services) == len(contracts.services):
        yield from (_alone(here="", there=address, missing=ABSENT) for address in theirs)


def _alone(*, here: str, there: str, missing: str) -> Comparison:
    sides = ("present", missing) if here else (missing, "present")
    return Comparison(here, there, [Difference(Kind.SERVICE, here or _name(there), *sides)])


def _name(address: str) -> str:
    return address.rpartition("/")[2]


def _ours(contracts: Contracts, service: str, fetcher: "_Fetcher") -> Contract:
    return fetcher.contract((folder("wsdl") / contracts.contract(service).file).resolve().as_uri())


class _Fetcher:
    """Reads contracts from files and from servers, over mutual TLS where the address is https."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._context: ssl.SSLContext | None = None
        self._remote = urlsplit(args.target).scheme in ("http", "https")

    def contract(self, address: str) -> Contract:
        """Raises HTTPError for what a server has not, Failure for what cannot be read."""
        try:
            return Contract.of(read(address, self._octets))
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError as error:
            status = EXIT_UNREACHABLE if self._remote else EXIT_FAILED
            raise Failure(f"{address}: {error.reason}", status) from None
        except OSError as error:
            raise Failure(f"{address}: {error}", EXIT_UNREACHABLE) from None
        except (Refused, ValueError) as error:
            raise Failure(f"{address}: not a contract that can be read: {error}") from None

    def _octets(self, address: str) -> bytes:
        scheme = urlsplit(address).scheme
        allowed = ("http", "https") if self._remote else ("file",)
        if scheme not in allowed and not self._is_ours(address):
            # A document of a server must not make this program read files of this machine.
            raise ValueError(f"{address}: an address that a contract of this origin may not name")
        context = self._tls() if scheme == "https" else None
        with urllib.request.urlopen(address, timeout=_SECONDS, context=context) as answer:  # noqa: S310 - checked above
            octets: bytes = answer.read(_LARGEST + 1)
        if len(octets) > _LARGEST:
            raise ValueError(f"{address}: longer than {_LARGEST} octets")
        return octets

    def _is_ours(self, address: str) -> bool:
        return any(address.startswith(folder(name).resolve().as_uri()) for name in ("wsdl", "schemas"))

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            try:
                pki = open_pki(self._args.pki or self._args.config.pki_folder)
                card = pki.card(self._args.card)
            except FileNotFoundError as error:
                raise Failure(str(error)) from None
            self._context = ssl.create_default_context(cafile=str(self._args.ca or pki.ca_file))
            self._context.load_cert_chain(card.auth_certificate_file, card.auth_key_file)
        return self._context


def _lines(compared: Iterable[Comparison], most: int | None) -> Iterator[str]:
    total: Counter[str] = Counter()
    same = 0
    for one in compared:
        same += not one.differences
        total.update(difference.kind.value for difference in one.differences)
        yield f"{one.here or ABSENT}  |  {_name(one.there) or ABSENT}"
        if not one.differences:
            yield "  the same"
        order = list(Kind)
        for kind, group in groupby(sorted(one.differences, key=lambda d: order.index(d.kind)), key=lambda d: d.kind):
            found = list(group)
            yield f"  {kind} ({len(found)})"
            for difference in found[:most]:
                yield from _shown(difference)
            if most is not None and len(found) > most:
                yield f"    … {len(found) - most} more (--all)"
        yield ""
    numbers = ", ".join(f"{kind} {total[kind]}" for kind in Kind if total[kind])
    differ = f"{_counted(sum(total.values()), 'difference')} ({numbers})" if total else "no difference"
    yield f"{_counted(same, 'contract')} the same; {differ}"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _shown(difference: Difference) -> Iterator[str]:
    if len(difference.here) + len(difference.there) <= _ONE_LINE:
        yield f"    {difference.where}   here {difference.here}   there {difference.there}"
        return
    yield f"    {difference.where}"
    yield f"      here   {difference.here}"
    yield f"      there  {difference.there}"
