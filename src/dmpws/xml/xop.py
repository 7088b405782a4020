"""xop:Include: the place in a message where the octets of a MIME part belong (XOP 1.0)."""

from urllib.parse import quote, unquote

from lxml import etree

from dmpws.xml.names import XOP

INCLUDE = f"{{{XOP}}}Include"


def content_id_of(include: etree._Element) -> str:
    """Return the Content-ID that an xop:Include names, unquoted and without `<>`; "" when it names none.

    RFC 2392 2: the href is `cid:` and the Content-ID, %-encoded by some clients and not by others.
    """
    href = include.get("href", "").strip()
    return normal_content_id(href[4:]) if href[:4].lower() == "cid:" else ""


def normal_content_id(text: str) -> str:
    """Return a Content-ID in the one form in which both ends are compared: without `<>`, without %-escapes."""
    return unquote(text.strip().removeprefix("<").removesuffix(">"))


def href_of(content_id: str) -> str:
    """Return the href of a Content-ID, %-encoded as the DMP does (DMP-FRAME TD3.2)."""
    return "cid:" + quote(content_id, safe="@")
