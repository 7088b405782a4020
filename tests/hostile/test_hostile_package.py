"""MTOM packages that are not what they should be: each gets the right fault, and no document is kept."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from assault import FAULT, REGISTRY, ROOT_HEADERS, Forge, Message, Part, Range

from dmpws.testing.local import LocalApp

Bend = Callable[[Message], Message]


@dataclass(frozen=True)
class Case:
    """A change of a good TD2.1 package, and the code, first rule and HTTP status of what it gets."""

    bend: Bend
    code: str
    rule: str
    status: int = 0
    carrier: str = FAULT


def bent(old: str, new: str) -> Bend:
    return lambda message: message.bent(old, new)


def typed(old: str, new: str) -> Bend:
    """A change of the Content-Type."""

    def bend(message: Message) -> Message:
        assert old in message.content_type
        return replace(message, content_type=message.content_type.replace(old, new))

    return bend


def cut(octets: int) -> Bend:
    return lambda message: replace(message, octets=message.octets[:octets])


def without_part(number: int) -> Bend:
    def bend(message: Message) -> Message:
        pieces = message.octets.split(b"--frontiere\r\n")
        return replace(message, octets=b"--frontiere\r\n".join(pieces[: number + 1] + pieces[number + 2 :]))

    return bend


def with_part(*parts: Part) -> Bend:
    def bend(message: Message) -> Message:
        more = b"".join(b"--frontiere\r\n" + part.rendered() + b"\r\n" for part in parts)
        return replace(message, octets=message.octets.replace(b"--frontiere--", more + b"--frontiere--"))

    return bend


FIRST = "uuid-1@urn:ihe:iti:xds-b:2007"
SECOND = "uuid-2@urn:ihe:iti:xds-b:2007"
HREF = "cid:uuid-1@urn%3Aihe%3Aiti%3Axds-b%3A2007"

CASES: dict[str, Case] = {
    "not MTOM": Case(lambda m: replace(m, content_type="application/soap+xml"), "DMPInvalidRequest", "XML-FORM"),
    "no boundary": Case(typed('boundary="frontiere"; ', ""), "DMPInvalidRequest", "MTOM-BOUNDARY"),
    "long boundary": Case(typed("frontiere", "x" * 300), "DMPInvalidRequest", "MTOM-BOUNDARY"),
    "other boundary": Case(typed("frontiere", "autre"), "DMPInvalidRequest", "MIME-BOUNDARY"),
    "other package": Case(typed("application/xop+xml", "text/html"), "DMPInvalidRequest", "MTOM-TYPE", 415),
    "mixed": Case(
        lambda m: replace(m, content_type=m.content_type.replace("related", "mixed")),
        "DMPInvalidRequest",
        "HTTP-TYPE",
        415,
    ),
    "no root": Case(typed("<root@test>", "<nobody@test>"), "DMPInvalidRequest", "MTOM-ROOT"),
    "root is a document": Case(typed("<root@test>", f"<{SECOND}>"), "DMPInvalidRequest", "MTOM-TYPE", 415),
    "cut in the envelope": Case(cut(2000), "DMPInvalidRequest", "MIME-TRUNCATED"),
    "cut before the end": Case(cut(-15), "DMPInvalidRequest", "MIME-TRUNCATED"),
    "empty": Case(cut(0), "DMPInvalidRequest", "MIME-BOUNDARY"),
    "missing part": Case(without_part(1), "XDSMissingDocument", "XDS-DOC-PART", carrier=REGISTRY),
    "orphan part": Case(
        with_part(Part("orphan@test", b"x")), "XDSMissingDocumentMetadata", "XDS-DOC-ORPHAN", carrier=REGISTRY
    ),
    "same Content-ID": Case(with_part(Part(FIRST, b"other content")), "DMPInvalidRequest", "MTOM-TWICE"),
    "same Content-ID, escaped": Case(
        with_part(Part(FIRST.replace(":", "%3A"), b"other content")), "DMPInvalidRequest", "MTOM-TWICE"
    ),
    "same Content-ID as the root": Case(
        with_part(Part("root@test", b"<evil/>", ROOT_HEADERS)), "DMPInvalidRequest", "MTOM-TWICE"
    ),
    "no Content-ID": Case(with_part(Part("", b"x")), "DMPInvalidRequest", "MTOM-ID"),
    "one part named twice": Case(
        lambda m: replace(m, octets=m.octets.replace(b"cid:uuid-2@", b"cid:uuid-1@")),
        "DMPInvalidRequest",
        "XOP-TWICE",
    ),
    "include of a file": Case(bent(HREF, "file:///etc/passwd"), "XDSMissingDocument", "XDS-DOC-PART", carrier=REGISTRY),
    "include of an address": Case(
        bent(HREF, "http://192.0.2.1/x"), "XDSMissingDocument", "XDS-DOC-PART", carrier=REGISTRY
    ),
    "include and text": Case(bent("<xop:Include ", "texte<xop:Include "), "DMPInvalidRequest", "XOP-ALONE"),
    "unknown encoding": Case(
        with_part(Part("x@test", b"x", ("Content-Transfer-Encoding: gzip",))), "DMPInvalidRequest", "MIME-ENCODING"
    ),
    "not base64": Case(
        with_part(Part("x@test", b"@@@@", ("Content-Transfer-Encoding: base64",))), "DMPInvalidRequest", "MIME-BASE64"
    ),
    "two encodings": Case(
        with_part(Part("x@test", b"x", ("Content-Transfer-Encoding: binary", "Content-Transfer-Encoding: base64"))),
        "DMPInvalidRequest",
        "MIME-HEADERS",
    ),
    "header without colon": Case(with_part(Part("x@test", b"x", ("evil",))), "DMPInvalidRequest", "MIME-HEADERS"),
    "another document": Case(
        bent("VG91eC4=", "VG91eC8="), "XDSRepositoryMetadataError", "LOT-EMPREINTE", carrier=REGISTRY
    ),
    "DTD in the root part": Case(bent("?>", "?><!DOCTYPE Envelope>"), "DMPInvalidRequest", "XML-DTD"),
    "root part in UTF-7": Case(bent('encoding="UTF-8"', 'encoding="UTF-7"'), "DMPInvalidRequest", "XML-ENCODING"),
    "root part not UTF-8": Case(lambda m: m.bent("<soap:Body>", b"<soap:Body>\xff"), "DMPInvalidRequest", "XML-FORM"),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(target: Range, forge: Forge, name: str) -> None:
    case = CASES[name]
    message = case.bend(forge.deposit())
    reply = target.refused(message, case.code, case.rule, status=case.status, carrier=case.carrier)
    assert reply.headers["content-type"].startswith("multipart/related"), "ITI-41, faults included"


def test_a_token_in_a_part_is_no_token(target: Range, forge: Forge) -> None:
    """Some stacks move base64 text of the header into a part; what comes back in its place is text, never XML."""
    entity = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
    include = b'<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:token@test"/>'
    for content in (forge.token(), entity):
        message = with_part(Part("token@test", content))(forge.deposit(None, include))
        target.refused(message, "DMPInvalidRequest", "VIHF-NOMBRE")
        target.refused(forge.deposit(None, b"<![CDATA[" + content + b"]]>"), "DMPInvalidRequest", "VIHF-NOMBRE")


def test_a_large_part_is_not_put_into_the_header(target: Range, forge: Forge) -> None:
    include = b'<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:token@test"/>'
    message = with_part(Part("token@test", b"x" * 70_000))(forge.deposit(None, include))
    target.refused(message, "DMPInvalidRequest", "XOP-HEADER")


@pytest.mark.parametrize(
    ("bend", "rule", "status"),
    [
        (with_part(Part("x@test", b"x" * 100_001)), "LIMIT-DOCUMENT", 413),
        (
            with_part(
                Part("x@test", base64.b64encode(b"x" * 100_001), ("Content-Transfer-Encoding: base64",)),
            ),
            "LIMIT-DOCUMENT",
            413,
        ),
        (with_part(*(Part(f"{n}@test", b"x") for n in range(5))), "LIMIT-PARTS", 413),
        (with_part(Part("x@test", b"x", (f"X: {'y' * 1000}",))), "MIME-HEADER-SIZE", 500),
        (with_part(*(Part(f"{n}@test", b"x" * 99_000) for n in range(4))), "LIMIT-BODY", 413),
        (bent("<soap:Body>", "<soap:Body>" + " " * 200_000), "LIMIT-ENVELOPE", 413),
    ],
)
def test_small_limits(small: Range, forge: Forge, bend: Bend, rule: str, status: int) -> None:
    """Whether the length is announced or not."""
    message = bend(forge.deposit())
    small.refused(message, "DMPInvalidRequest", rule, status=status)
    small.refused(message.with_environ(CONTENT_LENGTH=""), "DMPInvalidRequest", rule, status=status)


def test_the_package_itself_is_good(app: LocalApp) -> None:
    """Every refusal above is the work of its bend."""
    forge = Forge(app)
    reply = Range(app, Path()).accepted(forge.deposit(), "Success")
    assert reply.headers["content-type"].startswith("multipart/related")
