"""Reading the header of a CDA document: alone, signed, or inside a self-presenting style sheet.

A signature of the document (CI-SIS SM 3.5) is left alone: it is the author's business and its readers', while the
DMP checks the signature of the lot.
"""

from collections.abc import Iterator
from dataclasses import replace

from lxml import etree

from dmpws.codec.cda_paths import H, attribute, find, find_all, text, value
from dmpws.domain.cda import CdaActor, CdaHeader, CdaId, CdaPatient
from dmpws.domain.checks import Refused, Rule, refusal
from dmpws.domain.code import Code
from dmpws.xml.names import DS
from dmpws.xml.parser import XmlLimits, parse

_REPOSITORY = "XDSRepositoryMetadataError"
FORM = Rule("CDA-FORM", "Le document est du XML bien formé", "DMPWS D17", _REPOSITORY)
ROOT = Rule("CDA-ROOT", "Le document est un ClinicalDocument", "DMPWS D17", _REPOSITORY)

LIMITS = XmlLimits(octets=32 * 1024 * 1024, tags=4_000_000, depth=200)
"""Bounds of a CDA document: it must also be canonicalised to check the lot signature."""

_DOCUMENT = f"{H}ClinicalDocument"
_STYLE_SHEET = "{http://www.w3.org/1999/XSL/Transform}stylesheet"
_CARRIERS = {
    _STYLE_SHEET: f"{{urn:asip-sante:ci-sis}}Contenu/{_DOCUMENT}",
    f"{{{DS}}}Signature": f"{{{DS}}}Object/{_DOCUMENT}",
}
"""Roots that carry a ClinicalDocument, and where."""


def parse_document(octets: bytes, limits: XmlLimits = LIMITS) -> tuple[etree._Element, bool]:
    """Parse a CDA document and return its ClinicalDocument and whether it is self-presenting.

    Raises Refused (XDSRepositoryMetadataError) when it is neither.
    """
    try:
        root = parse(octets, limits)
    except Refused as error:
        raise refusal(FORM, expected="du XML", found=error.message[:300]) from error
    if root.tag == _DOCUMENT:
        return root, False
    carried = root.findall(_CARRIERS[root.tag]) if root.tag in _CARRIERS else []
    if len(carried) != 1:
        expected = "ClinicalDocument, xsl:stylesheet ou ds:Signature qui en porte un"
        raise refusal(ROOT, expected=expected, found=str(root.tag)[:200])
    return carried[0], root.tag == _STYLE_SHEET


def read_header(document: etree._Element, *, self_presenting: bool = False) -> CdaHeader:
    """Read the header of a ClinicalDocument."""
    event = _main_event(document)
    encounter = find(document, "componentOf/encompassingEncounter")
    authenticator = find(document, "legalAuthenticator/assignedEntity")
    body = find(document, "component/nonXMLBody/text")
    return CdaHeader(
        id=next(iter(_ids(document)), CdaId()),
        code=_code(find(document, "code")),
        title=text(find(document, "title")),
        effective_time=value(find(document, "effectiveTime")),
        confidentiality=_code(find(document, "confidentialityCode")),
        language=attribute(find(document, "languageCode"), "code"),
        patient=_patient(find(document, "recordTarget/patientRole")),
        authors=tuple(_author(a) for a in find_all(document, "author")),
        legal_authenticator=_actor(authenticator) if authenticator is not None else None,
        service_start=value(find(event, "effectiveTime/low")),
        service_stop=value(find(event, "effectiveTime/high")),
        practice_setting=_code(find(event, f"performer/{_SETTING}")),
        facility_type=_code(find(encounter, "location/healthCareFacility/code")),
        templates=tuple(CdaId(t.get("root", ""), t.get("extension", "")) for t in find_all(document, "templateId")),
        media_type=attribute(body, "mediaType"),
        replaces=tuple(
            i.root
            for related in find_all(document, "relatedDocument")
            if related.get("typeCode") == "RPLC"
            for i in _ids(find(related, "parentDocument"))
        ),
        self_presenting=self_presenting,
        set_id=next((i for found in find_all(document, "setId") for i in _id(found)), CdaId()),
        version=value(find(document, "versionNumber")),
        event_codes=tuple(_event_codes(document)),
        reference_ids=(
            *(i for order in find_all(document, "inFulfillmentOf/order") for i in _ids(order)),
            *(i for order in document.iterfind(f"{H}inFulfillmentOf/{H}order/{ACCESSION_NUMBER}") for i in _id(order)),
            *(i for act in find_all(document, "documentationOf/serviceEvent") for i in _ids(act)),
        ),
    )


ACCESSION_NUMBER = "{urn:dicom-org:ps3-20}accessionNumber"
_SETTING = "assignedEntity/representedOrganization/standardIndustryClassCode"


def _main_event(document: etree._Element) -> etree._Element | None:
    """The documented act: the first whose performer has a practice setting, else the first (CI-SIS SM 3.5)."""
    events = find_all(document, "documentationOf/serviceEvent")
    with_setting = (e for e in events if find(e, f"performer/{_SETTING}") is not None)
    return next(with_setting, events[0] if events else None)


def _patient(role: etree._Element | None) -> CdaPatient:
    name = find(role, "patient/name")
    return CdaPatient(
        ids=_ids(role),
        families=tuple((f.get("qualifier", ""), text(f)) for f in find_all(name, "family")),
        givens=tuple(text(g) for g in find_all(name, "given")),
        sex=attribute(find(role, "patient/administrativeGenderCode"), "code"),
        birth_time=value(find(role, "patient/birthTime")),
    )


def _event_codes(document: etree._Element) -> Iterator[Code]:
    for found in find_all(document, "documentationOf/serviceEvent/code"):
        yield from (c for c in map(_code, (found, *find_all(found, "translation"))) if c is not None)


def _author(author: etree._Element) -> CdaActor:
    entity = find(author, "assignedAuthor")
    role = attribute(find(author, "functionCode"), "displayName")
    return replace(_actor(entity), role=role) if entity is not None else CdaActor(role=role)


def _actor(entity: etree._Element) -> CdaActor:
    organisation = find(entity, "representedOrganization")
    return CdaActor(_ids(entity), _ids(organisation), _code(find(entity, "code")))


def _ids(element: etree._Element | None) -> tuple[CdaId, ...]:
    return tuple(i for found in find_all(element, "id") for i in _id(found))


def _id(element: etree._Element) -> tuple[CdaId, ...]:
    found = CdaId(element.get("root", ""), element.get("extension", ""))
    return (found,) if found.root or found.extension else ()


def _code(element: etree._Element | None) -> Code | None:
    code = attribute(element, "code")
    return Code(code, attribute(element, "codeSystem"), attribute(element, "displayName")) if code else None
