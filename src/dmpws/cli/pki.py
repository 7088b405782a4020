"""`dmpws pki init|list|issue`: the throw-away test PKI."""

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path

from dmpws.cli import Failure
from dmpws.domain.checks import Report
from dmpws.pki.cards import P12_PASSWORD, Card
from dmpws.pki.demo import DemoPki, create, open_pki
from dmpws.pki.profiles import CardKind
from dmpws.pki.trust import TrustPolicy, TrustStore

_FIELDS = {
    "family": "family name of the holder",
    "given": "given name of the holder",
    "structure": "identifier of the structure (FINESS EJ or EG, SIRET, RPPS-rank)",
    "organisation": "name of the structure",
    "state": "department of the structure, `Paris (75)`",
    "sector": "activity sector, code of table R02 (`SA07`)",
    "profession": "code of table G15, G16 for a CPF (default: 10, doctor)",
    "speciality": "code of table R01 (`SM26`)",
    "title": "label of the profession, when it is not a common one",
}
_VARIANTS = {
    "expired": "certificates already expired",
    "revoked": "certificates revoked ten days ago",
    "wrong_usage": "the signing pair holds an authentication certificate",
    "unknown_ca": "issued by an authority nobody trusts",
    "nonrepudiation_only": "signing certificate without the digitalSignature bit",
}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("pki", help="throw-away test PKI: authorities, server and cards")
    parser.set_defaults(func=run)
    verbs = parser.add_subparsers(dest="pki_verb", required=True)
    init = verbs.add_parser("init", help="make the PKI and the cards of the public cast in DATA/pki")
    init.add_argument(
        "--server-name", dest="server_names", action="append", help="name or address of the server certificate"
    )
    verbs.add_parser("list", help="every card, its holder and whether it is good now")
    issue = verbs.add_parser("issue", help="issue a card, or a deliberately bad one")
    issue.add_argument("kind", choices=[kind.value for kind in CardKind], help="of the card")
    issue.add_argument("name", help="folder of the card, `medecin-libre`")
    issue.add_argument(
        "--id",
        dest="common_name",
        required=True,
        help="PS_IdNat of a person, STRUCTURE/NUMBER of an anonymous CPE, label of a structure, name of a server",
    )
    for field, text in _FIELDS.items():
        issue.add_argument(f"--{field}", default="", help=text)
    for variant, text in _VARIANTS.items():
        issue.add_argument(f"--{variant.replace('_', '-')}", action="store_true", help=text)
    issue.add_argument(
        "--server-name", dest="hosts", action="append", default=[], help="name or address in a server certificate"
    )


def run(args: argparse.Namespace) -> int:
    """Run one of the verbs on the PKI of the data folder."""
    folder: Path = args.config.pki_folder
    try:
        if args.pki_verb == "init":
            return _init(folder, args)
        pki = open_pki(folder)
        return _list(pki, args) if args.pki_verb == "list" else _issue(pki, args)
    except (FileExistsError, FileNotFoundError, ValueError) as error:
        raise Failure(str(error)) from None


def _init(folder: Path, args: argparse.Namespace) -> int:
    started = time.monotonic()
    folder.parent.mkdir(parents=True, exist_ok=True)
    pki = create(folder, now=datetime.now(UTC), hosts=args.server_names or ("localhost", "127.0.0.1"))
    facts = {
        "folder": str(pki.folder),
        "ca": str(pki.ca_file),
        "trust": str(pki.trust_folder),
        "cards": [card.name for card in pki.cards()],
        "p12_password": P12_PASSWORD,
    }
    if args.format == "json":
        print(json.dumps(facts, indent=2))
    else:
        print(f"PKI made in {time.monotonic() - started:.1f} s: {pki.folder}")
        print(f"authorities, for TLS clients: {pki.ca_file}")
        print(f"{len(facts['cards'])} cards in {pki.folder / 'cards'}, password of card.p12: {P12_PASSWORD}")
    return 0


def _list(pki: DemoPki, args: argparse.Namespace) -> int:
    trust = TrustStore.from_folder(pki.trust_folder, TrustPolicy(crl="tolerant"))
    rows = [_row(card, trust) for card in pki.cards()]
    if args.format == "json":
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return 0
    columns = ("name", "kind", "identifier", "holder", "until", "state")
    widths = [max(len(column), *(len(row[column]) for row in rows)) for column in columns]
    for row in [{column: column for column in columns}, *rows]:
        line = "  ".join(row[column].ljust(width) for column, width in zip(columns, widths, strict=True))
        print(line.rstrip())
    return 0


def _row(card: Card, trust: TrustStore) -> dict[str, str]:
    identity = card.identity
    report = Report()
    signs = card.sign_certificate_file.exists()
    certificate = card.signing_certificate if signs else card.auth_certificate
    trust.validate(certificate, datetime.now(UTC), report)
    return {
        "name": card.name,
        "kind": card.kind.value,
        "identifier": identity.person or identity.structure,
        "holder": f"{identity.family} {identity.given}".strip() or identity.subject.common_name,
        "until": f"{identity.not_after:%Y-%m-%d}",
        "state": next((check.text for check in report.failures), "bon"),
        "folder": str(card.folder),
    }


def _issue(pki: DemoPki, args: argparse.Namespace) -> int:
    names = ("common_name", "hosts", *_FIELDS, *_VARIANTS)
    card = pki.issue(args.kind, args.name, **{name: getattr(args, name) for name in names})
    if args.format == "json":
        print(json.dumps({"name": card.name, "folder": str(card.folder), "subject": str(card.identity.subject)}))
    else:
        print(f"{card.identity.subject}\n{card.folder}")
    return 0
