"""Who calls profile `ihe`: the TLS certificate (ITI TF-2 3.19.6), and an XUA assertion (ITI TF-2 3.40.4.1.2) that is
good or refused.
"""

import base64
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from ihe_world import Lab, MakeLab, envelope
from lxml import etree

from dmpws.cast import PATIENTS
from dmpws.client.errors import ServerFault
from dmpws.client.transport import WsgiTransport
from dmpws.domain.checks import Report
from dmpws.pki.authority import key_usage
from dmpws.pki.demo import DemoPki
from dmpws.signature.core import sign_enveloped, verify_enveloped
from dmpws.vihf.issue import Lps, make, request_for
from dmpws.vihf.xua_model import VerifiedXua
from dmpws.xml.names import HL7, SAML, WSSE
from dmpws.xml.parser import parse

ACTION = "urn:ihe:iti:2007:RetrieveDocumentSet"
ASK = (
    '<RetrieveDocumentSetRequest xmlns="urn:ihe:iti:xds-b:2007"><DocumentRequest><RepositoryUniqueId>1.2.3'
    "</RepositoryUniqueId><DocumentUniqueId>1.2.3.4</DocumentUniqueId></DocumentRequest></RetrieveDocumentSetRequest>"
)
QUERY_ACTION = "urn:ihe:iti:2007:RegistryStoredQuery"
QUERY = (
    '<q:AdhocQueryRequest xmlns:q="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"><q:ResponseOption/><AdhocQuery'
    ' xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0" id="urn:uuid:x"/></q:AdhocQueryRequest>'
)
DOMAIN = "urn:oid:1.3.6.1.4.1.21367.1"


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def assertion(now: datetime, **changes: str) -> str:
    """An XUA assertion as an STS of a public test suite writes it."""
    values = {
        "begins": stamp(now - timedelta(seconds=5)),
        "ends": stamp(now + timedelta(minutes=5)),
        "audience": DOMAIN,
        "authn": '<saml2:AuthnStatement AuthnInstant="{issued}"><saml2:AuthnContext><saml2:AuthnContextClassRef>'
        "urn:oasis:names:tc:SAML:2.0:ac:classes:X509</saml2:AuthnContextClassRef></saml2:AuthnContext>"
        "</saml2:AuthnStatement>",
        "more": "",
        "conditions": '<saml2:Conditions NotBefore="{begins}" NotOnOrAfter="{ends}"><saml2:AudienceRestriction>'
        "<saml2:Audience>{audience}</saml2:Audience></saml2:AudienceRestriction></saml2:Conditions>",
        "issued": stamp(now),
        **changes,
    }
    text = (
        f'<saml2:Assertion xmlns:saml2="{SAML}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xmlns:xs="http://www.w3.org/2001/XMLSchema" ID="_5d1f0c1a9e7c4b2f8a3e" IssueInstant="{issued}" Version="2.0">'
        "<saml2:Issuer>https://sts.example.org</saml2:Issuer><saml2:Subject><saml2:NameID>mlibre</saml2:NameID>"
        '<saml2:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"/></saml2:Subject>{conditions}{authn}'
        '<saml2:AttributeStatement><saml2:Attribute Name="urn:oasis:names:tc:xspa:1.0:subject:subject-id">'
        '<saml2:AttributeValue xsi:type="xs:string">MAX LIBRE</saml2:AttributeValue></saml2:Attribute>'
        '<saml2:Attribute Name="urn:oasis:names:tc:xspa:1.0:subject:organization-id"><saml2:AttributeValue>'
        "urn:oid:1.2.3.4</saml2:AttributeValue></saml2:Attribute>"
        '<saml2:Attribute Name="urn:oasis:names:tc:xacml:2.0:subject:role"><saml2:AttributeValue>'
        f'<Role xmlns="{HL7}" xsi:type="CE" code="46255001" codeSystem="2.16.840.1.113883.6.96"/>'
        "</saml2:AttributeValue></saml2:Attribute>{more}</saml2:AttributeStatement></saml2:Assertion>"
    )
    for _ in range(2):
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
    return text


def signed(lab: Lab, card: str = "hopital", **changes: str) -> bytes:
    signer = lab.pki.card(card)
    root = parse(assertion(lab.now, **changes).encode())
    return sign_enveloped(root, signer.signing_key, signer.signing_certificate)


def call(lab: Lab, token: bytes = b"") -> str:
    """Code of the fault, empty when the call came in."""
    try:
        lab.soap("repository", ACTION, ASK, assertion=token)
    except ServerFault as fault:
        return fault.subcode
    return ""


@pytest.fixture(scope="module")
def lab(make_lab: MakeLab) -> Lab:
    return make_lab(f'uri = "{DOMAIN}"\n')


def test_without_assertion_the_certificate_is_who_calls(lab: Lab) -> None:
    assert call(lab) == ""
    trace = lab.traces()[-1]
    assert trace["transaction"] == "ITI-43"
    assert trace["verified"]
    assert "CN=" in trace["person"]
    assert trace["certificate_serial"]
    assert trace["peer"] == "127.0.0.1"


def test_the_user_of_a_good_assertion_is_traced(lab: Lab) -> None:
    assert call(lab, signed(lab)) == ""
    trace = lab.traces()[-1]
    assert (trace["person"], trace["person_name"], trace["structure"]) == ("mlibre", "MAX LIBRE", "urn:oid:1.2.3.4")
    assert trace["roles"] == ["46255001^2.16.840.1.113883.6.96"]


REPEATED = (
    '<saml2:Attribute Name="urn:oasis:names:tc:xacml:2.0:subject:role"><saml2:AttributeValue>'
    f'<Role xmlns="{HL7}" code="2" codeSystem="1.2"/></saml2:AttributeValue></saml2:Attribute>'
    '<saml2:Attribute Name="urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"><saml2:AttributeValue>'
    f'<PurposeOfUse xmlns="{HL7}" code="TREATMENT" codeSystem="1.2"/></saml2:AttributeValue></saml2:Attribute>'
)
TWO_CONTEXTS = (
    '<saml2:AuthnStatement AuthnInstant="{issued}"><saml2:AuthnContext><saml2:AuthnContextClassRef>a'
    "</saml2:AuthnContextClassRef></saml2:AuthnContext></saml2:AuthnStatement>"
) * 2
AT = datetime.fromisoformat("2026-11-21T12:00:00+00:00")
ACCEPTED: dict[str, dict[str, str]] = {
    "second role and purpose": {"more": REPEATED},
    "second authentication context": {"authn": TWO_CONTEXTS},
    "clock a little late": {"begins": stamp(AT + timedelta(seconds=30))},
    "no audience restriction": {"conditions": '<saml2:Conditions NotBefore="{begins}" NotOnOrAfter="{ends}"/>'},
    "one time use": {"conditions": '<saml2:Conditions NotOnOrAfter="{ends}"><saml2:OneTimeUse/></saml2:Conditions>'},
}
REFUSED: dict[str, tuple[str, dict[str, str]]] = {
    "expired": ("MessageExpired", {"ends": stamp(AT - timedelta(minutes=5))}),
    "not yet valid": ("InvalidSecurityToken", {"begins": stamp(AT + timedelta(minutes=5))}),
    "another audience": ("InvalidSecurityToken", {"audience": "urn:oid:1.2.3"}),
    "no authentication": ("InvalidSecurityToken", {"authn": ""}),
    "no context": (
        "InvalidSecurityToken",
        {"authn": '<saml2:AuthnStatement AuthnInstant="{issued}"><saml2:AuthnContext/></saml2:AuthnStatement>'},
    ),
    "unknown condition": (
        "InvalidSecurityToken",
        {"conditions": "<saml2:Conditions><saml2:Other/></saml2:Conditions>"},
    ),
    "unreadable end": ("MessageExpired", {"ends": "tomorrow"}),
    "old, without conditions": ("MessageExpired", {"conditions": "", "issued": stamp(AT - timedelta(hours=2))}),
    "two restrictions, one of them another's": (
        "InvalidSecurityToken",
        {
            "conditions": "<saml2:Conditions><saml2:AudienceRestriction><saml2:Audience>{audience}</saml2:Audience>"
            "</saml2:AudienceRestriction><saml2:AudienceRestriction><saml2:Audience>urn:x</saml2:Audience>"
            "</saml2:AudienceRestriction></saml2:Conditions>"
        },
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str, lab: Lab) -> None:
    assert call(lab, signed(lab, **ACCEPTED[name])) == ""


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, lab: Lab) -> None:
    code, changes = REFUSED[name]
    assert call(lab, signed(lab, **changes)) == code
    trace = lab.traces()[-1]
    assert (trace["outcome"], trace["code"]) == ("refused", code)
    assert "person_name" not in trace


def test_unsigned_and_tampered(lab: Lab) -> None:
    good = signed(lab)
    assert call(lab, assertion(lab.now).encode()) == "InvalidSecurityToken"
    assert call(lab, good.replace(b"mlibre", b"autre")) == "FailedCheck"
    assert call(lab, good + good) == "InvalidSecurity"


def test_signed_by_somebody_nobody_trusts(lab: Lab) -> None:
    names = {"organisation": "STS", "structure": "110000000000", "common_name": "STS INCONNU"}
    stranger = lab.pki.issue("org", "sts-inconnu", unknown_ca=True, **names)
    assert call(lab, signed(lab, card=stranger.name)) == "FailedAuthentication"


def elliptic(pki: DemoPki, curve: ec.EllipticCurve) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """The key and the certificate of a provider of assertions, as an STS of today makes them."""
    key, like = ec.generate_private_key(curve), pki.card("hopital").signing_certificate
    certificate = pki.authority("elementaire-organisations").issue(
        like.subject,
        key.public_key(),  # type: ignore[arg-type]
        validity=(like.not_valid_before_utc, like.not_valid_after_utc),
        extensions=[key_usage("digital_signature", "content_commitment")],
    )
    return key, certificate


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_signed_by_an_elliptic_curve(lab: Lab, pki: DemoPki, curve: ec.EllipticCurve) -> None:
    key, certificate = elliptic(pki, curve)
    good = sign_enveloped(parse(assertion(lab.now).encode()), key, certificate)
    assert call(lab, good) == ""
    assert lab.traces()[-1]["person"] == "mlibre"
    assert call(lab, good.replace(b"mlibre", b"autre")) == "FailedCheck"
    assert call(lab, changed(good, b"ecdsa-sha256", b"rsa-sha256")) == "FailedCheck"


def changed(token: bytes, old: bytes, new: bytes) -> bytes:
    assert token.count(old) == 1
    return token.replace(old, new)


def test_elliptic_signatures_that_are_none(lab: Lab, pki: DemoPki) -> None:
    key, certificate = elliptic(pki, ec.SECP256R1())
    good = sign_enveloped(parse(assertion(lab.now).encode()), key, certificate)
    [value] = [e.text for e in parse(good).iter("{*}SignatureValue")]
    assert value is not None
    for wrong in ("", "AA==", base64.b64encode(bytes(64)).decode(), base64.b64encode(b"\xff" * 64).decode()):
        assert call(lab, good.replace(value.encode(), wrong.encode())) == "FailedCheck"
    other, _ = elliptic(pki, ec.SECP256R1())
    assert call(lab, sign_enveloped(parse(assertion(lab.now).encode()), other, certificate)) == "FailedCheck"
    small, of_small = elliptic(pki, ec.SECP224R1())
    token = sign_enveloped(parse(assertion(lab.now).encode()), small, of_small)
    assert call(lab, token) == "FailedAuthentication"


def test_a_vihf_is_never_signed_so(pki: DemoPki) -> None:
    """What XUA lets in changes nothing for the DMP."""
    key, certificate = elliptic(pki, ec.SECP256R1())
    report = Report()
    assert (
        verify_enveloped(sign_enveloped(parse(assertion(AT).encode()), key, certificate), sha1=False, report=report)
        is None
    )
    assert {check.rule.id for check in report.failures} == {"SIG-ALGO", "SIG-CLE"}


def test_a_key_value_beside_the_certificate(lab: Lab) -> None:
    """Some providers send both; the certificate counts, and the other must be its key."""
    token = signed(lab)
    numbers = lab.pki.card("hopital").signing_certificate.public_key().public_numbers()  # type: ignore[union-attr]
    for modulus, code in ((numbers.n, ""), (numbers.n + 2, "FailedCheck")):
        value = (
            f"<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{number(modulus)}</ds:Modulus><ds:Exponent>"
            f"{number(numbers.e)}</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>"
        )
        assert call(lab, changed(token, b"<ds:KeyInfo>", b"<ds:KeyInfo>" + value.encode())) == code


def number(value: int) -> str:
    return base64.b64encode(value.to_bytes((value.bit_length() + 7) // 8)).decode()


def test_a_vihf_is_an_assertion_too(lab: Lab) -> None:
    card = lab.pki.card("medecin-libre")
    token = make(request_for(card, PATIENTS["pat-trois"].ins, Lps("kit", "1", "X")), card=card, now=lab.now)
    assert call(lab, token) == ""
    assert lab.traces()[-1]["person"] == card.identity.person


def test_only_the_providers_of_the_domain(make_lab: MakeLab, lab: Lab) -> None:
    subject = lab.pki.card("hopital").signing_certificate.subject.rfc4514_string()
    strict = make_lab(f"assertion_providers = ['{subject}']\n", xua="required")
    assert call(strict, signed(strict)) == ""
    assert call(strict, signed(strict, card="medecin-libre")) == "FailedAuthentication"
    assert call(strict) == "InvalidSecurity"


def test_refusals_are_faults_of_the_sender_and_400(lab: Lab) -> None:
    answer = lab.send(
        "repository",
        "application/soap+xml; charset=UTF-8",
        b"<x/>",
    )
    assert answer.status == 400
    with pytest.raises(ServerFault) as fault:
        lab.soap("repository", ACTION, ASK, assertion=assertion(lab.now).encode())
    assert fault.value.code == "Sender"
    assert [d.rule for d in fault.value.details] == ["XUA-SIGNED"]


class _Nobody:
    """A TLS connection without client certificate."""

    def getpeercert(self, binary_form: bool = False) -> bytes | None:
        return None


def test_a_client_without_certificate(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = WsgiTransport.__init__

    def without(self: WsgiTransport, *args: Any) -> None:
        plain(self, *args)
        self._peer = _Nobody()  # type: ignore[assignment]

    required, optional = make_lab(), make_lab(client_certificate="optional")
    monkeypatch.setattr(WsgiTransport, "__init__", without)
    assert call(required) == "FailedAuthentication"
    assert call(optional) == ""
    trace = optional.traces()[-1]
    assert trace["peer"] == "127.0.0.1"
    assert "verified" not in trace
    assert call(optional, signed(optional)) == ""
    assert optional.traces()[-1]["person"] == "mlibre"
    dmp = make_lab(profile="test", client_certificate="optional")
    with pytest.raises(ServerFault) as fault:
        dmp.soap("repository", ACTION, ASK)
    assert fault.value.subcode.startswith("DMP")


def test_a_revoked_client(make_lab: MakeLab, pki: DemoPki) -> None:
    revoked = make_lab()
    revoked.card = "medecin-revoque"
    assert call(revoked) == "FailedAuthentication"


def test_only_the_verifier_makes_one() -> None:
    with pytest.raises(TypeError):
        VerifiedXua("i", "u", "n", "o", (), "")


def test_the_namespace_of_the_code(lab: Lab) -> None:
    token = b"<x/>" + assertion(lab.now).encode()
    answer = lab.send("registry", "application/soap+xml", envelope(QUERY_ACTION, QUERY, token))
    root = parse(answer.stream.read())
    [value] = root.xpath("//*[local-name()='Subcode']/*[local-name()='Value']")
    prefix, _, _name = (value.text or "").partition(":")
    assert value.nsmap[prefix] == WSSE
    assert etree.QName(root).localname == "Envelope"
