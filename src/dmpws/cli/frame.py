"""`dmpws frame check FILE`: validates a message against the schemas, with both validators and without a server.

It recognises a SOAP envelope, a MIME package, a Body alone, a VIHF, a CDA document and a lot signature.
"""

import argparse
import json
from pathlib import Path

from lxml import etree

from dmpws.cli import EXIT_FAILED, Failure
from dmpws.cli.explain import lines_of
from dmpws.client.received import ReceivedSink
from dmpws.domain.checks import Report
from dmpws.http.limits import Limits
from dmpws.http.media_type import MediaType
from dmpws.http.mtom import XOP_TYPE, PackageReader
from dmpws.soap.second_opinion import SecondOpinion
from dmpws.soap.validation import Schemas
from dmpws.xml.names import SAML, SOAP, SOAP11
from dmpws.xml.parser import XmlLimits, parse

LIMITS = XmlLimits(octets=112 * 1024 * 1024)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("frame", help="validate a frame without a server")
    verbs = parser.add_subparsers(dest="what", required=True)
    check = verbs.add_parser("check", help="schemas, by both validators")
    check.add_argument("file", type=Path, help="envelope, MIME package, Body, VIHF, CDA or lot signature")
    check.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print each check; exit status 1 when one failed."""
    try:
        octets = args.file.read_bytes()
    except OSError as error:
        raise Failure(f"{args.file}: {error.strerror}") from None
    report = Report()
    schemas, second = Schemas.load(), SecondOpinion()
    for element in _parts(parse(_envelope(octets), LIMITS)):
        _check(element, schemas, report)
        second.check(element, report)
    if args.format == "json":
        print(json.dumps([check.values() for check in report], ensure_ascii=False, indent=2))
    else:
        print("\n".join(lines_of(check.values() for check in report)))
    return 0 if report.ok else EXIT_FAILED


def _envelope(octets: bytes) -> bytes:
    """The envelope of a MIME package as captured, without its HTTP headers: the boundary is its first line."""
    if not octets.lstrip().startswith(b"--"):
        return octets
    boundary = octets.lstrip().split(b"\n", 1)[0].strip()[2:].decode("latin-1")
    media_type = MediaType("multipart/related", {"boundary": boundary, "type": XOP_TYPE})
    reader = PackageReader(media_type, ReceivedSink(), Limits())
    reader.feed(octets)
    return reader.finish().envelope


def _parts(root: etree._Element) -> list[etree._Element]:
    """What has a schema: the token and the Body of an envelope, or the document itself."""
    for namespace in (SOAP, SOAP11):
        if root.tag == f"{{{namespace}}}Envelope":
            body = root.find(f"{{{namespace}}}Body")
            return [*root.iter(f"{{{SAML}}}Assertion"), *(body if body is not None else ())]
    return [root]


def _check(element: etree._Element, schemas: Schemas, report: Report) -> None:
    by_name = {
        "Assertion": schemas.check_vihf,
        "ClinicalDocument": schemas.check_cda_header,
        "Signature": schemas.check_lot_signature,
    }
    by_name.get(etree.QName(element).localname, schemas.check)(element, report)
