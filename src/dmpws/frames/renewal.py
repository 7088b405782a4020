"""Putting another VIHF into a message."""

import re

from lxml import etree

from dmpws.domain.checks import Rule, refusal
from dmpws.frames.reading import LIMITS
from dmpws.xml.names import SAML, SOAP, SOAP11, WSSE
from dmpws.xml.parser import parse

ENVELOPE = Rule("FRAME-ENVELOPE", "Le fichier est une enveloppe SOAP", "SOAP12 5.1", "DMPInvalidRequest")

_PLACE = "dmpws-token"
_HERE = re.compile(rb"<dmpws-token[^<>]*/>")


def with_token(octets: bytes, vihf: bytes) -> bytes:
    """The envelope with `vihf` as its only assertion. Raises Refused when it is no envelope.

    The token goes in as the octets that were signed: it is never moved between trees.
    """
    root = parse(octets, LIMITS)
    name = etree.QName(root)
    if name.localname != "Envelope" or name.namespace not in (SOAP, SOAP11):
        raise refusal(ENVELOPE, found=name.text)
    header = root.find(f"{{{name.namespace}}}Header")
    if header is None:
        header = etree.Element(f"{{{name.namespace}}}Header")
        root.insert(0, header)
    security = header.find(f"{{{WSSE}}}Security")
    if security is None:
        security = etree.SubElement(header, f"{{{WSSE}}}Security")
    for assertion in security.findall(f"{{{SAML}}}Assertion"):
        security.remove(assertion)
    etree.SubElement(security, _PLACE)
    return _HERE.sub(lambda _: vihf, etree.tostring(root, encoding="UTF-8"), count=1)
