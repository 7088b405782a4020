"""`dmpws audit purge`: traces whose retention is over, in two steps, and the certificates that vouch for it."""

import argparse
import json
from pathlib import Path
from typing import Any

from cryptography import x509

from dmpws.acts.trace_retention import plan_trace_purge, purge_traces
from dmpws.audit.checkpoint import Signer, signer
from dmpws.cli import Failure
from dmpws.cli.desk import add_reasons, operator_desk
from dmpws.cli.patient_end import AGAIN
from dmpws.config import Config
from dmpws.pki.demo import open_pki


def add_parser(verbs: Any) -> None:
    """Add the verb."""
    text = "take away the traces whose retention is over, under a signed checkpoint"
    purge = verbs.add_parser("purge", help=text, description=f"{text}; without --confirm, only tell what would go")
    purge.set_defaults(func=_purge)
    add_reasons(purge, motive=True)
    purge.add_argument("--confirm", metavar="PHRASE", help="the phrase that the dry run printed")


def _purge(args: argparse.Namespace) -> int:
    with operator_desk(args) as desk:
        if args.confirm:
            span, phrase = purge_traces(desk, confirmed=args.confirm, sign=_signer(args.config)), ""
        else:
            span, phrase = plan_trace_purge(desk)
    if args.format == "json":
        rows = {"first": span.first, "last": span.last} if span else {}
        print(json.dumps({**rows, "purged": bool(args.confirm and span), **({"confirm": phrase} if phrase else {})}))
    elif span is None:
        print("no trace")
    else:
        gone = "gone" if args.confirm else f"nothing is gone yet; {AGAIN} {phrase}"
        print(f"traces {span.first} to {span.last}: {gone}")
    return 0


def checkpoint_certificates(config: Config) -> list[x509.Certificate]:
    """The certificates whose checkpoints are good, the one that signs first; none when there is no PKI at all."""
    try:
        return x509.load_pem_x509_certificates(_files(config)[0].read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise Failure(f"{_files(config)[0]}: {error}") from None


def _signer(config: Config) -> Signer:
    certificates = checkpoint_certificates(config)
    try:
        certificate, key = _files(config)
        if not certificates:
            raise FileNotFoundError(f"{certificate}: no certificate to sign the checkpoint with")
        return signer(certificates[0], key.read_bytes())
    except (OSError, ValueError) as error:
        raise Failure(str(error)) from None


def _files(config: Config) -> tuple[Path, Path]:
    """Certificates and key: those configured, of the server, or of the demo PKI."""
    for certificate, key in (
        (config.checkpoint_certificate, config.checkpoint_key),
        (config.tls_certificate, config.tls_key),
    ):
        if certificate:
            return Path(certificate), Path(key)
    pki = open_pki(config.pki_folder)
    return pki.server_certificate_file, pki.server_key_file
