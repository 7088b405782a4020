"""Making an old frame new: a VIHF of today, identifiers never used, a lot signed again."""

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from lxml import etree

from dmpws.client.cda import new_oid
from dmpws.codec.ebxml.attachments import InlineOctets
from dmpws.codec.ebxml.names import FOLDER_UNIQUE_ID, SET_UNIQUE_ID, UNIQUE_ID
from dmpws.domain.access import AuthMode
from dmpws.domain.checks import Refused, Rule, refusal
from dmpws.domain.datatypes import format_dtm
from dmpws.domain.octets import Octets
from dmpws.domain.patient import Ins
from dmpws.frames.callers import ins_in, request_of
from dmpws.frames.reading import LIMITS, Frame, Kind
from dmpws.frames.renewal import with_token
from dmpws.pki.cards import Card
from dmpws.pki.identity import PERSON_KINDS
from dmpws.signature.make_lot import sign_lot
from dmpws.vihf import token
from dmpws.vihf.issue import Lps, make, request_for
from dmpws.xml.names import DS, HL7, RIM, SAML, WSA, XDSB, XOP
from dmpws.xml.parser import parse
from dmpws.xml.xop import content_id_of

ENVELOPE = Rule("FRAME-SENDABLE", "Le fichier est un message entier", "SOAP12 5.1", "DMPInvalidRequest")
UNSIGNED = Rule(
    "FRAME-LOT", "Le lot à signer a une fiche de signature et son document", "DMP-FRAME TD2.1", "XDSMissingDocument"
)

_UNIQUE_IDS = frozenset({UNIQUE_ID, SET_UNIQUE_ID, FOLDER_UNIQUE_ID})
_XML_TYPES = frozenset({"text/xml", "application/xslt+xml"})
_SIGNATURE = f"{{{DS}}}Signature"


class Part(StrEnum):
    """What of a frame is made new."""

    VIHF = "vihf"
    IDS = "ids"
    LOT = "lot"


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A message ready to be sent."""

    envelope: bytes
    parts: Mapping[str, Octets]


def refresh(
    frame: Frame, parts: frozenset[Part], *, card: Card, now: datetime, patient: Ins | None = None
) -> Refreshed:
    """Return the message of a frame with the chosen parts made new.

    vihf: a token of the holder of `card`, for the same patient, access mode and software. ids: message identifiers
    and dates, uniqueIds and setIds, and the identifiers a lot gives its objects. lot: submissionTime and the
    signature, by `card`. patient: put in the place of the frame's. now: aware. Raises Refused when the frame is no
    envelope, or has no lot to sign.
    """
    if frame.kind not in (Kind.ENVELOPE, Kind.PACKAGE):
        raise refusal(ENVELOPE, found=str(frame.kind))
    envelope = frame.octets
    documents = {name: _octets(part) for name, part in frame.parts.items()}
    old = _patient_of(frame)
    if patient is not None and old is not None:
        change = _patient_change(old, patient)
        envelope, documents = change(envelope), {name: change(octets) for name, octets in documents.items()}
    if Part.IDS in parts:
        envelope, documents = _new_ids(envelope, documents, now)
    if Part.LOT in parts:
        envelope, documents = _signed_again(envelope, documents, card, now)
    if Part.VIHF in parts:
        envelope = with_token(envelope, _token(frame, card, patient or old, now))
    return Refreshed(envelope, {name: InlineOctets(octets) for name, octets in documents.items()})


def _octets(part: Octets) -> bytes:
    with part.open() as stream:
        return stream.read()


def _token(frame: Frame, card: Card, patient: Ins | None, now: datetime) -> bytes:
    """What the frame's VIHF said of patient, access and software, said by the holder of the card."""
    assertion = next(frame.root.iter(f"{{{SAML}}}Assertion"), None)
    read = None if assertion is None else token.read(assertion)
    before = request_of(read)
    mode = None if card.kind in PERSON_KINDS or before.mode is AuthMode.DIRECTE else before.mode
    software = before.lps
    if read is not None and read.has(token.LPS_NAME):
        names = (token.LPS_NAME, token.LPS_VERSION, token.APPROVAL, token.LPS_ID)
        software = Lps(*(read.text(name) for name in names))
    request = request_for(card, patient or before.patient, software, mode)
    request = replace(
        request,
        name_id=request.name_id or before.name_id,
        subject_id=request.subject_id or before.subject_id,
        sector=request.sector or before.sector,
        roles=before.roles if before.name_id == request.name_id or not request.roles else request.roles,
        purpose=before.purpose,
        reason=read.text(token.REASON) if read else "",
        secret_connection=before.secret_connection,
    )
    return make(request, card=card, now=now)


def _patient_of(frame: Frame) -> Ins | None:
    return ins_in(etree.tostring(frame.root, encoding="unicode"))


def _patient_change(old: Ins, new: Ins) -> Callable[[bytes], bytes]:
    """Replaces identifier and authority wherever they stand."""
    value = re.compile(rb"(?<![0-9A-Z])" + old.value.encode() + rb"(?![0-9A-Z])")
    authority = re.compile(rb"(?<![0-9.])" + re.escape(old.authority.encode()) + rb"(?![0-9.])")

    def change(octets: bytes) -> bytes:
        return authority.sub(new.authority.encode(), value.sub(new.value.encode(), octets))

    return change


# Identifiers


def _new_ids(envelope: bytes, documents: dict[str, bytes], now: datetime) -> tuple[bytes, dict[str, bytes]]:
    """Replace what must be unique, everywhere it is named; the VIHF and the signature of a lot are left alone."""
    root = parse(envelope, LIMITS)
    for header in root.iter(f"{{{WSA}}}MessageID"):
        header.text = f"urn:uuid:{uuid.uuid4()}"
    body = next(root.iterchildren("{*}Body"))
    _new_message_id(body, now)
    names = {old: new_oid() for old in _unique_ids(body, documents)}
    objects = {
        element.get("id", ""): f"urn:uuid:{uuid.uuid4()}"
        for element in body.iter(f"{{{RIM}}}ExtrinsicObject", f"{{{RIM}}}RegistryPackage", f"{{{RIM}}}Association")
        if element.get("id", "").startswith("urn:uuid:")
    }
    change = _renaming({**names, **objects})
    body_octets = change(etree.tostring(body, with_tail=False))
    parent = body.getparent()
    assert parent is not None
    parent.replace(body, parse(body_octets, LIMITS))
    changed = {name: change(octets) if _is_document(octets) else octets for name, octets in documents.items()}
    _measure(root, changed)
    return etree.tostring(root, encoding="UTF-8"), changed


def _new_message_id(body: etree._Element, now: datetime) -> None:
    """The identifier and the creation time of an HL7 v3 message."""
    for message in body.iterchildren("{*}*"):
        for created in message.iterchildren(f"{{{HL7}}}creationTime"):
            created.set("value", now.strftime("%Y%m%d%H%M%S"))
        for identifier in message.iterchildren(f"{{{HL7}}}id"):
            where = "extension" if identifier.get("extension") else "root"
            identifier.set(where, str(uuid.uuid4()))


def _unique_ids(body: etree._Element, documents: Mapping[str, bytes]) -> set[str]:
    """uniqueIds of the metadata, and setIds of the documents."""
    found = {
        element.get("value", "")
        for element in body.iter(f"{{{RIM}}}ExternalIdentifier")
        if element.get("identificationScheme") in _UNIQUE_IDS
    }
    for octets in documents.values():
        if _is_document(octets):
            found |= {e.get("root", "") for e in parse(octets, LIMITS).iterchildren(f"{{{HL7}}}setId")}
    return found - {""}


def _renaming(names: Mapping[str, str]) -> Callable[[bytes], bytes]:
    if not names:
        return lambda octets: octets
    longest_first = sorted(names, key=len, reverse=True)
    any_of = b"|".join(re.escape(name.encode()) for name in longest_first)
    pattern = re.compile(rb"(?<![0-9A-Za-z.:-])(?:" + any_of + rb")(?![0-9A-Za-z.-])|(?<=urn:oid:)(?:" + any_of + rb")")
    return lambda octets: pattern.sub(lambda match: names[match[0].decode()].encode(), octets)


def _is_document(octets: bytes) -> bool:
    """A CDA, and not the signature, which is made again or must stay what it was."""
    return b"ClinicalDocument" in octets[:4096]


def _measure(root: etree._Element, documents: Mapping[str, bytes]) -> None:
    """Give the entries that say hash or size those of the octets they have now."""
    for entry, octets in _entries(root, documents):
        told = {slot.get("name"): slot for slot in entry.iterchildren(f"{{{RIM}}}Slot")}
        part = InlineOctets(octets)
        for name, value in (("hash", part.sha1), ("size", str(part.size))):
            for element in told[name].iter(f"{{{RIM}}}Value") if name in told else ():
                element.text = value


def _entries(root: etree._Element, documents: Mapping[str, bytes]) -> list[tuple[etree._Element, bytes]]:
    """The document entries of a lot and their octets, where these came as MIME parts."""
    contents = {}
    for document in root.iter(f"{{{XDSB}}}Document"):
        include = document.find(f"{{{XOP}}}Include")
        if include is not None and (octets := documents.get(content_id_of(include))) is not None:
            contents[document.get("id", "").casefold()] = octets
    found = [(entry, contents.get(entry.get("id", "").casefold())) for entry in root.iter(f"{{{RIM}}}ExtrinsicObject")]
    return [(entry, octets) for entry, octets in found if octets is not None]


# The lot


def _signed_again(
    envelope: bytes, documents: dict[str, bytes], card: Card, now: datetime
) -> tuple[bytes, dict[str, bytes]]:
    root = parse(envelope, LIMITS)
    for slot in root.iter(f"{{{RIM}}}Slot"):
        if slot.get("name") == "submissionTime":
            for value in slot.iter(f"{{{RIM}}}Value"):
                value.text = format_dtm(now)
    entries = _entries(root, documents)
    signatures = [(entry, octets) for entry, octets in entries if _is_signature(octets)]
    sets = [e.get("value", "") for e in root.iter(f"{{{RIM}}}ExternalIdentifier") if _scheme(e) == SET_UNIQUE_ID]
    if len(signatures) != 1 or len(sets) != 1:
        raise refusal(UNSIGNED, expected="une", found=str(len(signatures)))
    [(signature, old)] = signatures
    signed = [
        (_unique_id(entry), octets, entry.get("mimeType", "") in _XML_TYPES)
        for entry, octets in entries
        if entry is not signature
    ]
    new = sign_lot(
        signature_id=_unique_id(signature),
        submission_set_unique_id=sets[0],
        documents=signed,
        card=card,
        signing_time=now,
    )
    changed = {name: new if octets == old else octets for name, octets in documents.items()}
    _measure(root, changed)
    return etree.tostring(root, encoding="UTF-8"), changed


def _is_signature(octets: bytes) -> bool:
    try:
        return parse(octets, LIMITS).tag == _SIGNATURE
    except Refused:
        return False


def _scheme(element: etree._Element) -> str:
    return element.get("identificationScheme", "")


def _unique_id(entry: etree._Element) -> str:
    identifiers = entry.iterchildren(f"{{{RIM}}}ExternalIdentifier")
    return next((e.get("value", "") for e in identifiers if _scheme(e) == UNIQUE_ID), "")
