"""Making a VIHF, for the client kit, the command line and the tests. Nothing is checked here: bad tokens have
to be made too."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from lxml import etree

from dmpws.domain import oids
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.code import Code
from dmpws.domain.patient import Ins
from dmpws.pki.cards import Card
from dmpws.pki.dn import Dn
from dmpws.pki.identity import PERSON_KINDS, CertificateKind
from dmpws.signature.core import sign_enveloped
from dmpws.vihf import roles, token
from dmpws.vihf.access import SECRET_CONNECTION
from dmpws.vihf.content import RESOURCE_URN
from dmpws.vihf.identity import SMARTCARD, X509_SUBJECT_NAME
from dmpws.xml import names

PASSWORD: Final = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"  # noqa: S105 - an authentication class
AIR_METHOD: Final = "CONF_EXI_PGSSIS"
"""GI-DMP EX_AIR-050."""

_PURPOSE_NAMES = {
    Purpose.NORMAL: "Accès normal",
    Purpose.BRIS_DE_GLACE: "Bris de Glace",
    Purpose.CENTRE_15: "Centre 15",
}
_SYSTEM_NAMES = {
    oids.PROFESSIONS: "G15",
    oids.TRAINEE_PROFESSIONS: "G16",
    oids.SKILLS: "R01",
    oids.PHARMACIST_SECTIONS: "G05",
    oids.NON_PROFESSIONALS: "A00",
    oids.CARE_ROLES: "R85",
}
_HL7 = {None: names.HL7}
_SECRETARY = Code("SECRETARIAT_MEDICAL", oids.NON_PROFESSIONALS, "Secrétariat médical")


@dataclass(frozen=True, slots=True)
class Lps:
    """The software that calls. approval_number: `LPS_ID_HOMOLOGATION_DMP`."""

    name: str
    version: str
    approval_number: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """Everything a token says.

    name_id: PS_IdNat, or `<structure>/<internal id>`. sector: `SA07`. roles: profession first, then specialty.
    An empty string leaves the attribute out; `class_ref`, `issuer` and `assertion_id` have a default instead:
    the usual class of the mode, the subject of the signing certificate, and a new `_<uuid>`.
    """

    mode: AuthMode
    name_id: str
    structure: str
    sector: str
    roles: tuple[Code, ...]
    patient: Ins
    lps: Lps
    purpose: Purpose = Purpose.NORMAL
    subject_id: str = ""
    version: str = "4.0"
    reason: str = ""
    secret_connection: bool = False
    class_ref: str = ""
    declaration: str = AIR_METHOD
    """AuthnContextDecl, written in AIR only."""
    issuer: str = ""
    assertion_id: str = ""


def request_for(card: Card, patient: Ins, lps: Lps, mode: AuthMode | None = None) -> TokenRequest:
    """What the holder of `card` says of himself, read on the card; change the rest with `dataclasses.replace`.

    A person's card calls in DIRECTE, a structure's in INDIRECTE unless `mode` says otherwise. A structure's card
    does not say who works there: `name_id`, `subject_id` and `roles` are then empty.
    """
    person, practice = card.identity, card.practice
    is_person = card.kind in PERSON_KINDS
    return TokenRequest(
        mode=mode or (AuthMode.DIRECTE if is_person else AuthMode.INDIRECTE),
        name_id=person.person,
        structure=practice.structure or person.structure,
        sector=practice.sector,
        roles=roles_of(card) if is_person else (),
        patient=patient,
        lps=lps,
        subject_id=f"{person.given} {person.family}".strip() if is_person else "",
    )


def roles_of(card: Card) -> tuple[Code, ...]:
    """The VIHF roles of the holder of a person's card, profession first."""
    if card.kind is CertificateKind.CPE:
        return (_SECRETARY,)
    trainee = card.kind is CertificateKind.CPF
    profession = Code(card.practice.profession, oids.TRAINEE_PROFESSIONS if trainee else oids.PROFESSIONS)
    if not card.practice.speciality:
        return (profession,)
    return profession, Code(card.practice.speciality, roles.second_system(profession) or oids.SKILLS)


def make(request: TokenRequest, *, card: Card | None, now: datetime) -> bytes:
    """Return the assertion, signed with the signature key of `card`, or unsigned without one.

    now: IssueInstant, aware. Without card, `request.issuer` must be given: the subject of the TLS certificate.
    """
    if card is None:
        return etree.tostring(build(request, issuer=request.issuer, now=now), encoding="UTF-8")
    issuer = request.issuer or str(Dn.of(card.signing_certificate.subject))
    return sign_enveloped(build(request, issuer=issuer, now=now), card.signing_key, card.signing_certificate)


def build(request: TokenRequest, *, issuer: str, now: datetime) -> etree._Element:
    """Return the unsigned assertion, in the order of the official frames."""
    written = now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assertion = etree.Element(_saml("Assertion"), nsmap={"saml2": names.SAML, "xsi": names.XSI})
    assertion.set("ID", request.assertion_id or f"_{uuid4()}")
    assertion.set("IssueInstant", written)
    assertion.set("Version", "2.0")
    _add(assertion, "Issuer", issuer, Format=X509_SUBJECT_NAME)
    _add(_add(assertion, "Subject"), "NameID", request.name_id)
    context = _add(_add(assertion, "AuthnStatement", AuthnInstant=written), "AuthnContext")
    direct = request.mode is AuthMode.DIRECTE
    _add(context, "AuthnContextClassRef", request.class_ref or (SMARTCARD if direct else PASSWORD))
    if request.mode is AuthMode.INDIRECTE_RENFORCEE:
        _add(context, "AuthnContextDecl", request.declaration)
    statement = _add(assertion, "AttributeStatement")
    for name, values in _attributes(request):
        attribute = _add(statement, "Attribute", Name=name)
        for value in values:
            if isinstance(value, Code):
                _coded(_add(attribute, "AttributeValue"), name, value)
            else:
                _add(attribute, "AttributeValue", value)
    return assertion


def _attributes(request: TokenRequest) -> list[tuple[str, tuple[token.Value, ...]]]:
    purpose = Code(request.purpose, oids.PURPOSES, _PURPOSE_NAMES[request.purpose])
    secret = f"{SECRET_CONNECTION.code}^{SECRET_CONNECTION.system}" if request.secret_connection else ""
    values: list[tuple[str, tuple[token.Value, ...]]] = [
        (token.STRUCTURE, (request.structure,)),
        (token.SECTOR, (f"{request.sector}^{oids.SECTORS}" if request.sector else "",)),
        (token.SUBJECT_ID, (request.subject_id,)),
        (token.ROLE, request.roles),
        (token.VERSION, (request.version,)),
        (token.MODE, (str(request.mode),)),
        (token.RESOURCE_ID, (f"{request.patient.value}^^^&{request.patient.authority}&ISO^NH",)),
        (token.URN, (RESOURCE_URN,)),
        (token.PURPOSE, (purpose,)),
        (token.CONFIDENTIALITY, (secret,)),
        (token.REASON, (request.reason,)),
        (token.LPS_ID, (request.lps.id,)),
        (token.LPS_NAME, (request.lps.name,)),
        (token.LPS_VERSION, (request.lps.version,)),
        (token.APPROVAL, (request.lps.approval_number,)),
    ]
    return [(name, found) for name, found in values if any(found)]


def _coded(parent: etree._Element, name: str, value: Code) -> None:
    """An HL7 CE element, as the frames write it: its own default namespace, xsi:type without prefix."""
    element_name = "Role" if name == token.ROLE else "PurposeOfUse"
    element = etree.SubElement(parent, f"{{{names.HL7}}}{element_name}", nsmap=_HL7)  # type: ignore[arg-type]
    element.set("code", value.code)
    element.set("codeSystem", value.system)
    if system_name := _SYSTEM_NAMES.get(value.system, ""):
        element.set("codeSystemName", system_name)
    elif value.system == oids.PURPOSES:
        element.set("codeSystemName", "mode acces VIHF 2.0")
    element.set("displayName", value.display or value.code)
    element.set(f"{{{names.XSI}}}type", "CE")


def _saml(name: str) -> str:
    return f"{{{names.SAML}}}{name}"


def _add(parent: etree._Element, name: str, text: str = "", **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, _saml(name), attributes)
    element.text = text or None
    return element
