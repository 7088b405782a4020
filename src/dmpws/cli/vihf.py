"""`dmpws vihf make|check|examples`: issue a token, explain one check by check, list the examples."""

import argparse
import json
import sys
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from dmpws import cast
from dmpws.cli import EXIT_FAILED, Failure
from dmpws.cli.explain import lines_of
from dmpws.client.actor import DOCTOR, GENERAL_PRACTICE
from dmpws.config import Config
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.checks import Report
from dmpws.pki.cards import Card
from dmpws.pki.demo import DemoPki, open_pki
from dmpws.pki.dn import Dn
from dmpws.pki.trust import TrustFolderError, TrustPolicy, TrustStore
from dmpws.soap.message import TlsFacts
from dmpws.testing.tokens import LPS, CastDirectory, examples, ins, render, role, tls_of
from dmpws.transactions.ports import StorageError
from dmpws.vihf import roles
from dmpws.vihf.form import instant
from dmpws.vihf.issue import TokenRequest, make, request_for
from dmpws.vihf.verify import examine


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("vihf", help="issue a token; explain one, check by check")
    parser.set_defaults(func=run)
    verbs = parser.add_subparsers(dest="vihf_verb", required=True)

    maker = verbs.add_parser("make", help="issue a signed token with a card of DATA/pki")
    maker.add_argument("--card", default="medecin-libre", help="who signs (dmpws pki list); default: %(default)s")
    maker.add_argument("--patient", default="conteste", help="patient of the cast, or INS^OID; default: %(default)s")
    maker.add_argument("--mode", choices=list(AuthMode), help="default: DIRECTE for a person's card, else INDIRECTE")
    maker.add_argument("--purpose", choices=list(Purpose), default=Purpose.NORMAL.value, help="default: %(default)s")
    maker.add_argument("--reason", default="", help="Mode_Acces_Raison, for a bris de glace")
    maker.add_argument("--secret", action="store_true", help="secret connection of a minor")
    maker.add_argument("--name-id", help="PS_IdNat, or STRUCTURE/INTERNAL-ID in indirect mode")
    maker.add_argument("--subject-id", help="name of the user")
    maker.add_argument("--structure", help="Identifiant_Structure")
    maker.add_argument("--sector", help="SA07")
    maker.add_argument("--role", action="append", help="CODE^SYSTEM, profession first; repeat for the specialty")
    maker.add_argument("--approval", help="LPS_ID_HOMOLOGATION_DMP")
    maker.add_argument("--vihf-version", help="3.0 or 4.0")
    maker.add_argument("--unsigned", action="store_true", help="DIRECTE without signature")
    maker.add_argument("--example", metavar="NAME", help="render an example of vihf/examples instead")
    maker.add_argument("--at", metavar="INSTANT", help="IssueInstant; default: now")
    maker.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")

    checker = verbs.add_parser("check", help="explain a token; exit status 1 when it is refused")
    checker.add_argument("file", metavar="FILE", help="one saml2:Assertion, - for standard input")
    checker.add_argument("--tls", dest="peer", metavar="CARD|FILE", help="card or PEM certificate of the connection")
    checker.add_argument("--at", metavar="INSTANT", help="moment of reception; default: now")

    verbs.add_parser("examples", help="the example tokens and the verdict each gets")


def run(args: argparse.Namespace) -> int:
    """Run one of the verbs."""
    try:
        return {"make": _make, "check": _check, "examples": _examples}[args.vihf_verb](args)
    except (StorageError, TrustFolderError, ValueError) as error:
        raise Failure(str(error)) from None


def _make(args: argparse.Namespace) -> int:
    pki = open_pki(args.config.pki_folder)
    now = _instant(args.at)
    if args.example:
        octets = _example(args.example, pki, now)
    else:
        card = pki.card(args.card)
        request = _request(args, card)
        if args.unsigned:
            request = replace(request, issuer=str(Dn.of(card.auth_certificate.subject)))
        octets = make(request, card=None if args.unsigned else card, now=now)
    if args.output:
        args.output.write_bytes(octets)
    elif args.format == "json":
        print(json.dumps({"assertion": octets.decode("utf-8")}, ensure_ascii=False))
    else:
        print(octets.decode("utf-8"))
    return 0


def _example(name: str, pki: DemoPki, now: datetime) -> bytes:
    example = next((example for example in examples() if example.name == name), None)
    if example is None:
        raise Failure(f"pas d'exemple {name} (dmpws vihf examples en donne la liste)")
    print(f"{example.title} : {example.rule or 'accepté'} {example.code}".rstrip(), file=sys.stderr)
    return render(example, pki, now)


def _request(args: argparse.Namespace, card: Card) -> TokenRequest:
    """What the card says, completed from the public cast, then what the command line says."""
    patient = cast.PATIENTS[args.patient].ins if args.patient in cast.PATIENTS else ins(args.patient)
    request = _completed(request_for(card, patient, LPS, args.mode and AuthMode(args.mode)))
    given = {
        "name_id": args.name_id,
        "subject_id": args.subject_id,
        "structure": args.structure,
        "sector": args.sector,
        "version": args.vihf_version,
        "roles": tuple(role(text) for text in args.role) if args.role else None,
        "lps": replace(LPS, approval_number=args.approval) if args.approval else None,
    }
    return replace(
        request,
        purpose=Purpose(args.purpose),
        reason=args.reason,
        secret_connection=args.secret,
        **{name: value for name, value in given.items() if value is not None},
    )


def _completed(request: TokenRequest) -> TokenRequest:
    """Some cards of the cast name no structure, and those of a structure nobody who works there."""
    structure = cast.STRUCTURES.get(request.structure)
    if not request.name_id and structure:
        places = {structure.identifier, structure.parent}
        person = next((p for p in cast.PROFESSIONALS.values() if places & p.structures), None)
        if person:
            name = f"{person.given} {person.family}"
            request = replace(request, name_id=person.identifier, subject_id=name)
    known = cast.PROFESSIONALS.get(request.name_id)
    if not request.structure and known:
        request = replace(request, structure=min(known.structures))
    if not request.sector and request.structure in cast.STRUCTURES:
        request = replace(request, sector=min(cast.STRUCTURES[request.structure].sectors))
    if not request.roles or (len(request.roles) == 1 and roles.is_doctor(request.roles[0])):
        request = replace(request, roles=(*(request.roles or (DOCTOR,)), GENERAL_PRACTICE))
    return request


def _check(args: argparse.Namespace) -> int:
    from dmpws import app  # noqa: PLC0415 - the whole server is slow to import, and `make` does without

    config: Config = args.config
    octets = sys.stdin.buffer.read() if args.file == "-" else Path(args.file).read_bytes()
    stored = bool(config.database) or (config.data_folder / "dmpws.sqlite").is_file()
    with ExitStack() as opened:
        # The server's directory, or the public cast where there is no server yet.
        store = opened.enter_context(closing(app.store_of(config))) if stored else None
        report, _ = examine(
            octets,
            tls=_tls(args.peer, config),
            policy=replace(app.vihf_policy(config), tls_certificate=False),
            trust=TrustStore.from_folder(app.trust_folder(config), TrustPolicy(crl=config.crl)),
            directory=store.directory if store else CastDirectory(),
            memory=None,
            now=_instant(args.at),
        )
    if args.format == "json":
        print(json.dumps([check.values() for check in report], indent=2, ensure_ascii=False))
    else:
        _explain(report)
    return 0 if report.ok else EXIT_FAILED


def _tls(given: str | None, config: Config) -> TlsFacts | None:
    if not given:
        return None
    if Path(given).is_file():
        certificate = x509.load_pem_x509_certificate(Path(given).read_bytes())
        return TlsFacts(certificate.public_bytes(Encoding.DER))
    return tls_of(open_pki(config.pki_folder).card(given))


def _explain(report: Report) -> None:
    for line in lines_of(check.values() for check in report):
        print(line)
    print("accepté" if report.ok else f"refusé : {report.failures[0].rule.code}")


def _examples(args: argparse.Namespace) -> int:
    found = list(examples())
    if args.format == "json":
        rows = [{"name": e.name, "title": e.title, "rule": e.rule, "code": e.code, "text": e.text} for e in found]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        for example in found:
            print(f"{example.name:30}  {example.rule or 'accepté':24}  {example.title}")
    return 0


def _instant(given: str | None) -> datetime:
    if not given:
        return datetime.now(UTC)
    moment = instant(given)
    if moment is None:
        raise ValueError(f"{given} n'est pas un instant UTC (2026-11-21T12:00:00Z)")
    return moment
