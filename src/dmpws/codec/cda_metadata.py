"""The metadata of a document, read from its CDA header (CI-SIS LM 3.1): what EX_2.1-2020 wants to be coherent."""

from collections.abc import Iterator
from datetime import UTC, datetime

from lxml import etree

from dmpws.codec.cda import ACCESSION_NUMBER, parse_document, read_header
from dmpws.codec.value_sets import value_sets
from dmpws.domain import oids
from dmpws.domain.cda import CdaHeader
from dmpws.domain.code import Code
from dmpws.domain.datatypes import Cx, Xcn, Xon, format_dtm, is_oid
from dmpws.domain.document import STABLE, Author, DocumentEntry
from dmpws.domain.producers import BY_PATIENT
from dmpws.domain.references import ACCESSION, ORDER, STUDY
from dmpws.xml.names import HL7

_H = f"{{{HL7}}}"
_IMAGING = "31"
"""classCode; the acts of other documents have identifiers of other kinds."""
_OUTSIDE_MODELS = Code("urn:asipSante:modelesHorsProfils:2011", "1.2.250.1.213.1.1.4.2.282")
_NORMAL = Code("N", oids.CONFIDENTIALITY, "Normal")
_VISIBILITY_NAMES = {
    "MASQUE_PS": "Masqué aux professionnels de santé",
    "INVISIBLE_PATIENT": "Non visible par le patient",
    "INVISIBLE_REPRESENTANTS_LEGAUX": "Non visible par les représentants légaux du patient",
}
_BY_PATIENT = f"{BY_PATIENT.code}^{BY_PATIENT.display}^{BY_PATIENT.system}"
"""authorSpecialty of a patient (CI-SIS LM 3.3)."""
_CDA_TIMES = ("%Y%m%d%H%M%S%z", "%Y%m%d%H%M%z", "%Y%m%d")


def entry_of(cda: bytes, entry_id: str, *, visibility: tuple[str, ...] = (), comments: str = "") -> DocumentEntry:
    """Return the document entry that describes a CDA document.

    visibility: masking codes added to the confidentiality of the header, which never holds them (REC_2.1-1100).
    Raises Refused when the octets are not a CDA document, ValueError when its header lacks what XDS requires.
    """
    document, self_presenting = parse_document(cda)
    header = read_header(document, self_presenting=self_presenting)
    if header.code is None:
        raise ValueError("the CDA header has no code")
    authenticator = document.find(f"{_H}legalAuthenticator/{_H}assignedEntity")
    return DocumentEntry(
        id=entry_id,
        unique_id=header.id.root,
        patient_id=_patient_id(header),
        mime_type="application/xslt+xml" if self_presenting else "text/xml",
        object_type=STABLE,
        class_code=value_sets().class_of(header.code),
        type_code=header.code,
        format_code=_format(header),
        facility_type=header.facility_type,
        practice_setting=header.practice_setting,
        confidentiality=(
            header.confidentiality or _NORMAL,
            *(Code(v, oids.VISIBILITY, _VISIBILITY_NAMES[v]) for v in visibility),
        ),
        event_codes=_event_codes(document),
        authors=tuple(_author(a) for a in document.findall(f"{_H}author/{_H}assignedAuthor")),
        legal_authenticator=str(_person(authenticator)) if authenticator is not None else "",
        creation_time=_utc(header.effective_time),
        service_start=_utc(header.service_start),
        service_stop=_utc(header.service_stop) if header.service_stop else "",
        language=header.language,
        source_patient_id=_patient_id(header),
        source_patient_info=_patient_info(header),
        reference_ids=tuple(map(str, _references(document, header.code))),
        hash="",
        size="",
        repository_unique_id="",
        lid="",
        title=header.title,
        comments=comments,
    )


def _utc(cda_time: str) -> str:
    """A CDA time, local with offset, as the UTC DTM of XDS; a bare date stays a date."""
    for form in _CDA_TIMES:
        try:
            moment = datetime.strptime(cda_time, form)
        except ValueError:
            continue
        return cda_time if moment.tzinfo is None else format_dtm(moment.astimezone(UTC))
    raise ValueError(f"{cda_time!r} is not a CDA time with its offset (CI-SIS SM 3.5.4)")


def _patient_id(header: CdaHeader) -> str:
    if not header.patient.ids:
        raise ValueError("the CDA header has no recordTarget/patientRole/id")
    ins = header.patient.ids[0]
    return str(Cx(ins.extension, ins.root, "NH"))


def _patient_info(header: CdaHeader) -> tuple[str, ...]:
    patient = header.patient
    given = patient.givens[0] if patient.givens else ""
    # XPN.7: L is the birth name, S the name in use (CI-SIS LM 3.1).
    names = [f"PID-5|{name}^{given}^^^^^{'S' if use == 'CL' else 'L'}" for use, name in patient.families]
    return (*names, f"PID-7|{patient.birth_time}", f"PID-8|{patient.sex}")


def _format(header: CdaHeader) -> Code:
    """formatCode from the media type of a level 1 body, or from a templateId of a model, or outside models."""
    formats = value_sets().formats
    keys = [header.media_type] if header.media_type else header.template_ids
    return next((formats[key] for key in keys if key in formats), _OUTSIDE_MODELS)


def _event_codes(document: etree._Element) -> tuple[Code, ...]:
    codes = document.findall(f"{_H}documentationOf/{_H}serviceEvent/{_H}code")
    return tuple(
        Code(c.get("code", ""), c.get("codeSystem", ""), c.get("displayName", "")) for c in codes if c.get("code")
    )


def _references(document: etree._Element, type_code: Code) -> Iterator[Cx]:
    """The request that the document answers, and the images it is about (CI-SIS LM 3.1)."""
    for order in document.findall(f"{_H}inFulfillmentOf/{_H}order"):
        for path, of in ((f"{_H}id", ORDER), (ACCESSION_NUMBER, ACCESSION)):
            for found in order.findall(path):
                if found.get("extension") and found.get("root"):
                    yield Cx(found.get("extension", ""), found.get("root", ""), of)
    kind = value_sets().class_of(type_code)
    if kind is not None and kind.code == _IMAGING:
        for found in document.findall(f"{_H}documentationOf/{_H}serviceEvent/{_H}id"):
            if is_oid(found.get("root", "")) and not found.get("extension"):
                yield Cx(found.get("root", ""), "", STUDY)


def _person(entity: etree._Element) -> Xcn:
    """A person, or the system that wrote the document (CI-SIS LM 3.3)."""
    identifier = entity.find(f"{_H}id")
    root, extension = ("", "") if identifier is None else (identifier.get("root", ""), identifier.get("extension", ""))
    device = entity.find(f"{_H}assignedAuthoringDevice")
    if device is not None:
        model, software = (device.findtext(f"{_H}{n}") or "" for n in ("manufacturerModelName", "softwareName"))
        return Xcn(extension or root, model, software, root, "U", "RI")
    name = f"{_H}assignedPerson/{_H}name/{_H}"
    return Xcn(
        id=extension,
        family=entity.findtext(f"{name}family") or "",
        given=entity.findtext(f"{name}given") or "",
        authority=root,
        name_type="D",
        id_type="NH" if root in oids.NIR_AUTHORITIES else "EI" if "/" in extension else "IDNPS",
    )


def _author(author: etree._Element) -> Author:
    organisation = author.find(f"{_H}representedOrganization")
    specialty = author.find(f"{_H}code")
    person = _person(author)
    if specialty is None and person.id_type == "NH":
        # A patient's header has no code, his metadata do.
        return Author(person=str(person), specialties=(_BY_PATIENT,))
    return Author(
        person=str(person),
        institutions=(str(_structure(organisation)),) if organisation is not None and _has_id(organisation) else (),
        specialties=(f"{specialty.get('code')}^{specialty.get('displayName', '')}^{specialty.get('codeSystem', '')}",)
        if specialty is not None
        else (),
    )


def _has_id(organisation: etree._Element) -> bool:
    identifier = organisation.find(f"{_H}id")
    return identifier is not None and bool(identifier.get("extension") or identifier.get("root"))


def _structure(organisation: etree._Element) -> Xon:
    identifier = organisation.find(f"{_H}id")
    return Xon(
        name=organisation.findtext(f"{_H}name") or "",
        id="" if identifier is None else identifier.get("extension", ""),
        authority="" if identifier is None else identifier.get("root", ""),
        type="IDNST",
    )
