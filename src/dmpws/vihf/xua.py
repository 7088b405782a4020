"""Plain IHE clients: the TLS certificate, and the XUA assertion that may come with a call (ITI TF-2 3.40, DMPWS D97).

An assertion is optional, but one that comes is good or refused: signed by a trusted provider, in time, for this
audience. Everything is read from what the signature covers. A VIHF, which has no Conditions, is judged by its age.
Refusals are those of WS-Security.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from lxml import etree

from dmpws.domain.checks import Refused, Report, Rule, recoded
from dmpws.domain.code import Code
from dmpws.pki.dn import Dn
from dmpws.pki.trust import TrustStore, load_certificate
from dmpws.signature.core import verify_enveloped
from dmpws.signature.rules import ASSERTION as SIGNATURE
from dmpws.soap.message import SoapRequest
from dmpws.vihf.form import instant
from dmpws.vihf.token import PURPOSE, ROLE, SUBJECT_ID
from dmpws.vihf.xua_model import SEAL, IheClient, VerifiedXua
from dmpws.xml.names import DS, HL7, SAML
from dmpws.xml.parser import XmlLimits, parse

_XUA = "ITI TF-2 3.40.4.1.3"
CERTIFICATE = Rule("XUA-TLS", "Le client présente un certificat TLS", "ITI TF-2 3.19.6", "FailedAuthentication")
ASSERTION = Rule("XUA-ONE", "L'appel porte au plus une assertion SAML", _XUA, "InvalidSecurity")
REQUIRED = Rule("XUA-REQUIRED", "L'appel porte une assertion SAML", _XUA, "InvalidSecurity")
SIGNED = Rule("XUA-SIGNED", "L'assertion est signée", _XUA, "InvalidSecurityToken")
PROVIDER = Rule(
    "XUA-PROVIDER", "Le signataire est un fournisseur d'assertions du domaine", _XUA, "FailedAuthentication"
)
FORM = Rule("XUA-FORM", "L'assertion est en SAML 2.0 : NameID, AuthnStatement", _XUA, "InvalidSecurityToken")
EARLY = Rule("XUA-EARLY", "L'assertion est déjà valable", "SAML2 2.5.1.2", "InvalidSecurityToken")
EXPIRED = Rule("XUA-EXPIRED", "L'assertion n'est pas périmée", "SAML2 2.5.1.2", "MessageExpired")
AUDIENCE = Rule("XUA-AUDIENCE", "L'assertion est faite pour ce domaine", "SAML2 2.5.1.4", "InvalidSecurityToken")
CONDITION = Rule("XUA-CONDITION", "Les conditions de l'assertion sont connues", "SAML2 2.5.1", "InvalidSecurityToken")

LIMITS = XmlLimits(octets=256 * 1024, tags=4000, depth=30)
ORGANIZATION = "urn:oasis:names:tc:xspa:1.0:subject:organization"
ORGANIZATION_ID = "urn:oasis:names:tc:xspa:1.0:subject:organization-id"
_CODES = {"DMPInvalidCertificate": "FailedAuthentication", "DMPAuthenticationError": "FailedCheck"}
_S = f"{{{SAML}}}"
_HARMLESS = {f"{_S}OneTimeUse", f"{_S}ProxyRestriction"}


@dataclass(frozen=True, slots=True)
class XuaPolicy:
    """What is asked of a client.

    certificate, assertion: whether they are required. audience: URI that an AudienceRestriction must hold; empty: any.
    providers: subjects of the certificates that may sign; empty: whoever the trusted authorities certify.
    max_age: of an assertion without Conditions. skew: by which clocks may differ. sha1: let in, with a warning.
    """

    certificate: bool = True
    assertion: bool = False
    audience: str = ""
    providers: tuple[str, ...] = ()
    max_age: timedelta = timedelta(hours=1)
    skew: timedelta = timedelta(seconds=60)
    sha1: bool = False


def identify(request: SoapRequest, *, policy: XuaPolicy, trust: TrustStore) -> IheClient:
    """Make sure of who calls. Raises Refused with codes of WS-Security and every failed check."""
    report = Report()
    try:
        subject = _certificate(request, policy, trust, report)
        user = _assertion(request, policy, trust, report)
        report.raise_failures()
    except Refused as refused:
        raise recoded(
            refused, lambda code: _CODES.get(code, "InvalidSecurityToken" if code[:3] == "DMP" else code)
        ) from None
    return IheClient(subject, user)


def _certificate(request: SoapRequest, policy: XuaPolicy, trust: TrustStore, report: Report) -> str:
    der = request.tls.certificate if request.tls is not None else b""
    if not der:
        report.require(not policy.certificate, CERTIFICATE, expected="un certificat client", found="aucun")
        return ""
    certificate = load_certificate(der)
    trust.validate(certificate, request.received_at, report, where="certificat TLS")
    return str(Dn.of(certificate.subject))


def _assertion(request: SoapRequest, policy: XuaPolicy, trust: TrustStore, report: Report) -> VerifiedXua | None:
    assertions = request.assertions
    report.require(len(assertions) < 2, ASSERTION, expected="1", found=str(len(assertions)))
    report.require(bool(assertions) or not policy.assertion, REQUIRED, found="aucune assertion")
    if len(assertions) != 1:
        return None
    (octets,) = assertions
    root = parse(octets, LIMITS)
    if not report.require(root.find(f"{{{DS}}}Signature") is not None, SIGNED, found="aucune signature"):
        return None
    signature = verify_enveloped(octets, sha1=policy.sha1, report=report, rules=SIGNATURE)
    if signature is None:
        return None
    _check_provider(signature.certificate, policy, trust, request.received_at, report)
    _check_form(signature.signed, report)
    _check_time(signature.signed, policy, request.received_at, report)
    return _read(signature.signed) if report.ok else None


def _check_provider(
    certificate: x509.Certificate, policy: XuaPolicy, trust: TrustStore, now: datetime, report: Report
) -> None:
    trust.validate(certificate, now, report, where="certificat signataire")
    if policy.providers:
        subject = Dn.of(certificate.subject)
        ok = any(Dn.parse(provider).matches(subject) for provider in policy.providers)
        report.require(ok, PROVIDER, expected=" ou ".join(policy.providers)[:300], found=str(subject)[:300])


def _check_form(assertion: etree._Element, report: Report) -> None:
    """What XUA requires is there; repetitions are accepted (ITI TF-2 3.40.4.1.2)."""
    name_id = assertion.findtext(f"{_S}Subject/{_S}NameID", "").strip()
    contexts = assertion.findall(f"{_S}AuthnStatement/{_S}AuthnContext")
    references = [
        child.text
        for context in contexts
        for child in context
        if child.tag in (f"{_S}AuthnContextClassRef", f"{_S}AuthnContextDeclRef") and (child.text or "").strip()
    ]
    ok = assertion.get("Version") == "2.0" and bool(name_id) and bool(references)
    found = f"Version {assertion.get('Version')}, NameID {name_id[:80]!r}, {len(references)} AuthnContext"
    report.require(ok, FORM, found="" if ok else found)


def _check_time(assertion: etree._Element, policy: XuaPolicy, now: datetime, report: Report) -> None:
    conditions = assertion.findall(f"{_S}Conditions")
    if not conditions:
        issued = instant(assertion.get("IssueInstant", "").strip())
        shown = assertion.get("IssueInstant", "")[:40]
        early = issued is None or issued - now > policy.skew
        report.require(not early, EARLY, expected=now.isoformat(), found=f"IssueInstant {shown}")
        late = issued is not None and now - issued > policy.max_age
        report.require(not late, EXPIRED, expected=f"moins de {policy.max_age}", found=f"IssueInstant {shown}")
        return
    for condition in conditions:
        begins, ends = (condition.get(name, "").strip() for name in ("NotBefore", "NotOnOrAfter"))
        start, stop = instant(begins), instant(ends)
        early = bool(begins) and (start is None or now < start - policy.skew)
        report.require(not early, EARLY, expected=now.isoformat(), found=f"NotBefore {begins[:40]}")
        late = bool(ends) and (stop is None or now >= stop + policy.skew)
        report.require(not late, EXPIRED, expected=now.isoformat(), found=f"NotOnOrAfter {ends[:40]}")
        _check_audience(condition, policy, report)


def _check_audience(condition: etree._Element, policy: XuaPolicy, report: Report) -> None:
    """Each restriction must name the domain (SAML2 2.5.1.4: several are ANDed)."""
    for child in condition.iterchildren("{*}*"):
        if child.tag == f"{_S}AudienceRestriction":
            audiences = [(audience.text or "").strip() for audience in child.iter(f"{_S}Audience")]
            ok = not policy.audience or policy.audience in audiences
            report.require(ok, AUDIENCE, expected=policy.audience, found=", ".join(audiences)[:300])
        else:
            name = etree.QName(child).localname
            report.require(child.tag in _HARMLESS, CONDITION, found=name[:80])


def _read(assertion: etree._Element) -> VerifiedXua:
    attributes: dict[str, list[etree._Element]] = {}
    for attribute in assertion.iterfind(f"{_S}AttributeStatement/{_S}Attribute"):
        attributes.setdefault(attribute.get("Name", ""), []).extend(attribute.iterchildren(f"{_S}AttributeValue"))
    purpose = next(_codes(attributes.get(PURPOSE, ())), None)
    return VerifiedXua(
        issuer=assertion.findtext(f"{_S}Issuer", "").strip(),
        user=assertion.findtext(f"{_S}Subject/{_S}NameID", "").strip(),
        name=_text(attributes.get(SUBJECT_ID, ())),
        organization=_text(attributes.get(ORGANIZATION_ID, ())) or _text(attributes.get(ORGANIZATION, ())),
        roles=tuple(_codes(attributes.get(ROLE, ()))),
        purpose=purpose.code if purpose else "",
        seal=SEAL,
    )


def _text(values: Iterable[etree._Element]) -> str:
    texts = ("".join(map(str, value.itertext())).strip() for value in values)
    return next((text for text in texts if text), "")


def _codes(values: Iterable[etree._Element]) -> Iterator[Code]:
    """The HL7 CE of attribute values."""
    for value in values:
        for coded in value.iterchildren(f"{{{HL7}}}*"):
            if coded.get("code"):
                yield Code(coded.get("code", ""), coded.get("codeSystem", ""), coded.get("displayName", ""))
