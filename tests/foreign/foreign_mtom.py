"""MTOM for clients that have none, with the standard library alone: what zeep and suds users add."""

import base64
import email
import email.policy
import urllib.parse
import uuid
from collections.abc import Mapping

from lxml import etree

XDSB = "urn:ihe:iti:xds-b:2007"
XOP = "http://www.w3.org/2004/08/xop/include"


def pack(envelope: bytes, action: str) -> tuple[dict[str, str], bytes]:
    """Take the base64 documents out of an envelope. Returns the HTTP headers and the package."""
    root = etree.fromstring(envelope)
    boundary = f"uuid:{uuid.uuid4()}"
    parts: dict[str, bytes] = {}
    for document in root.iter(f"{{{XDSB}}}Document"):
        name = f"{uuid.uuid4()}@example.org"
        parts[name] = base64.b64decode(document.text or "")
        document.text = None
        etree.SubElement(document, f"{{{XOP}}}Include", href=f"cid:{name}")
    soap_type = 'application/xop+xml; charset=UTF-8; type="application/soap+xml"'
    octets = b"".join(
        f"--{boundary}\r\nContent-Type: {kind}\r\n".encode()
        + f"Content-Transfer-Encoding: binary\r\nContent-ID: <{name}>\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, kind, content in [
            ("root@example.org", soap_type, etree.tostring(root)),
            *((name, "application/octet-stream", content) for name, content in parts.items()),
        ]
    )
    content_type = (
        f'multipart/related; type="application/xop+xml"; boundary="{boundary}"; start="<root@example.org>"; '
        f'start-info="application/soap+xml"; action="{action}"'
    )
    return {"Content-Type": content_type}, octets + f"--{boundary}--\r\n".encode()


def unpack(headers: Mapping[str, str], octets: bytes) -> bytes:
    """The envelope of an answer, its documents in base64 where their xop:Include was."""
    head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + octets, policy=email.policy.HTTP)
    if not message.is_multipart():
        return octets
    parts = {part["Content-ID"]: part.get_payload(decode=True) for part in message.iter_parts()}
    root = etree.fromstring(parts[message.get_param("start")])
    for include in list(root.iter(f"{{{XOP}}}Include")):
        document = include.getparent()
        assert document is not None
        document.remove(include)
        name = urllib.parse.unquote(include.get("href", "").removeprefix("cid:"))
        document.text = base64.b64encode(parts[f"<{name}>"]).decode()
    return etree.tostring(root)
