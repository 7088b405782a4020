"""`dmpws frame check FILE`: what a frame is, and every rule it keeps or breaks, without a running server.
`dmpws frame send FILE`: sends it as it is or made new, and compares the answer with the expected one.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dmpws import cast
from dmpws.cli import EXIT_FAILED, EXIT_UNREACHABLE, EXIT_USAGE, Failure
from dmpws.cli.explain import lines_of, remedies_of
from dmpws.cli.instants import instant_of
from dmpws.client import Unreachable
from dmpws.client.transport import HttpsTransport
from dmpws.domain.checks import Outcome, Refused
from dmpws.domain.patient import Ins
from dmpws.frames.comparing import Difference, differences
from dmpws.frames.reading import read
from dmpws.frames.refreshing import Part, refresh
from dmpws.frames.sending import Answered, body_of, operation_of, reasons, send
from dmpws.http import SERVICES_PATH
from dmpws.pki.demo import open_pki
from dmpws.pki.trust_folder import TrustFolderError
from dmpws.testing.tokens import ins

if TYPE_CHECKING:
    from dmpws.frames.judging import Judgement


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("frame", help="judge a frame without a server; send one")
    verbs = parser.add_subparsers(dest="what", required=True)
    check = verbs.add_parser("check", help="every rule, kept or broken; exit status 1 when one is broken")
    check.add_argument("file", type=Path, help="envelope, MIME package, Body, VIHF, CDA or lot signature")
    check.add_argument("--at", metavar="INSTANT", help="judge as of this instant; default: when the VIHF was issued")
    check.add_argument(
        "--dmp",
        choices=("active", "closed", "none"),
        default="",
        help="state of the patient's DMP; default: what suits",
    )
    check.add_argument("--failures", action="store_true", help="show only what is wrong")
    check.set_defaults(func=_run_check)

    sender = verbs.add_parser("send", help="send a frame; exit status 1 when the answer is not the expected one")
    sender.add_argument("file", type=Path, help="envelope or MIME package, as captured")
    sender.add_argument("--url", help="base of the services (default: the configured host and port)")
    sender.add_argument("--card", default="medecin-libre", help="opens the connection (default: %(default)s)")
    sender.add_argument("--pki", type=Path, help="folder of the demo PKI (default: in the data folder)")
    sender.add_argument("--ca", type=Path, help="authorities of the server (default: those of the demo PKI)")
    sender.add_argument("--refresh", default="", metavar="PARTS", help="what is made new: vihf,ids,lot")
    sender.add_argument("--patient", metavar="INS^OID|KEY", help="patient put in the place of the frame's")
    sender.add_argument("--expect", type=Path, metavar="FILE", help="the answer wanted, identifiers and dates aside")
    sender.add_argument("--output", type=Path, metavar="FILE", help="where the answer is kept")
    sender.set_defaults(func=_run_send)


def _run_check(args: argparse.Namespace) -> int:
    """Print each check; exit status 1 when one failed."""
    from dmpws.frames.judging import Judgement, judge  # noqa: PLC0415 - the whole server is slow to import; `send` does without

    try:
        judgement = judge(read(args.file), args.config, at=instant_of(args.at), state=args.dmp)
    except TrustFolderError as error:
        raise Failure(str(error)) from None
    except Refused as refused:
        judgement = Judgement("ni XML ni paquet MIME lisible", datetime.now(UTC), {"Fichier": refused.checks})
    if args.format == "json":
        rows = [{"section": name, **check.values()} for name, checks in judgement.sections.items() for check in checks]
        print(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        print("\n".join(report(args.file.name, judgement, only_failures=args.failures)))
    return EXIT_FAILED if judgement.failures else 0


def report(name: str, judgement: "Judgement", *, only_failures: bool = False) -> Iterator[str]:
    """The lines of the report."""
    yield f"{name} : {judgement.what}"
    yield f"jugé comme reçu le {judgement.at.astimezone(UTC):%d/%m/%Y à %H:%M:%S} UTC"
    for section, checks in judgement.sections.items():
        shown = [c for c in checks if not only_failures or c.outcome in (Outcome.FAILED, Outcome.WARNED)]
        if shown:
            yield ""
            yield section
            yield from (f"  {line}" for line in lines_of(check.values() for check in shown))
    made = sum(len(checks) for checks in judgement.sections.values())
    failures = judgement.failures
    yield ""
    if failures:
        yield from remedies_of(check.values() for check in failures)
        yield ""
        codes = ", ".join(dict.fromkeys(check.rule.code for check in failures))
        plural = f"{len(failures)} règles sur {made} ne sont pas respectées"
        broken = plural if len(failures) > 1 else f"1 règle sur {made} n'est pas respectée"
        yield f"{broken} ; le DMP répondrait {codes.partition(', ')[0]}"
    else:
        yield f"{made} règles respectées"


def _run_send(args: argparse.Namespace) -> int:
    """Print the verdict of the server, and every difference from the expected answer."""
    parts = _parts(args.refresh)
    try:
        frame = read(args.file)
        found = operation_of(frame)
        if found is None:
            raise Failure(f"{args.file}: {frame.kind}: only a whole message of the DMP can be sent")
        pki = open_pki(args.pki or args.config.pki_folder)
        card = pki.card(args.card)
        message = refresh(frame, parts, card=card, now=datetime.now(UTC), patient=_patient(args.patient))
        expected = body_of(read(args.expect)) if args.expect else None
        url = args.url or f"https://localhost:{args.config.port}{SERVICES_PATH}"
        with closing(HttpsTransport(url, card, args.ca or pki.ca_file)) as transport:
            answer = send(transport, found, message.envelope, message.parts)
    except Unreachable as error:
        raise Failure(str(error), EXIT_UNREACHABLE) from None
    except ValueError as error:
        raise Failure(str(error)) from None
    if args.output:
        args.output.write_bytes(answer.octets)
    different = list(differences(expected, answer.body)) if expected is not None else []
    if args.format == "json":
        shown = {"status": answer.status, "carrier": answer.carrier, "code": answer.code}
        print(json.dumps({**shown, "differences": [asdict(d) for d in different]}, ensure_ascii=False, indent=2))
    else:
        print("\n".join(_answered(found.title, answer, different, compared=expected is not None)))
    return EXIT_FAILED if different else 0


def _answered(title: str, answer: Answered, different: Sequence[Difference], *, compared: bool) -> Iterator[str]:
    yield f"{title} : {answer.code} (HTTP {answer.status}, {answer.carrier})"
    yield from (f"  {line}" for line in reasons(answer.body))
    if compared and not different:
        yield "la réponse est celle attendue"
    for difference in different:
        yield f"  ✗ {difference.place}"
        yield f"      attendu : {difference.expected or 'rien'}"
        yield f"      trouvé : {difference.found or 'rien'}"


def _parts(text: str) -> frozenset[Part]:
    try:
        return frozenset(Part(word.strip()) for word in text.split(",") if word.strip())
    except ValueError as error:
        raise Failure(f"--refresh: {error}; it is made of {', '.join(Part)}", EXIT_USAGE) from None


def _patient(text: str | None) -> Ins | None:
    if text is None:
        return None
    if text not in cast.PATIENTS and not all(text.partition("^")):
        raise Failure(f"--patient: {text}: neither a patient of the cast nor INS^OID", EXIT_USAGE)
    return cast.PATIENTS[text].ins if text in cast.PATIENTS else ins(text)
