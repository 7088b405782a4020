"""Certificate profiles of the test PKI: the subjects, usages and extensions of the IGC-Santé."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dmpws.pki.authority import BACKDATING, Extension, key_usage
from dmpws.pki.cards import Practice
from dmpws.pki.identity import (
    CARD_CATEGORY,
    CARD_TYPE,
    PROFESSION,
    REPLACEMENT,
    SPECIALITIES,
    TRAINEE_PROFESSION,
)

_LIFE = timedelta(days=3 * 365)
_TITLES = {
    "10": "Médecin",
    "21": "Pharmacien",
    "40": "Chirurgien-Dentiste",
    "50": "Sage-Femme",
    "60": "Infirmier",
}
"""Labels of table G15."""


class CardKind(StrEnum):
    """What `pki issue` can make. The structure kinds fill one card between them."""

    CPS = "cps"
    CPE = "cpe"
    CPF = "cpf"
    CPS_REMPLACANT = "cps-remplacant"
    ORG = "org"
    """Both pairs of a structure."""
    ORG_AUTH = "org-auth"
    ORG_SIGN = "org-sign"
    SERVER = "server"


PERSONS = frozenset({CardKind.CPS, CardKind.CPE, CardKind.CPF, CardKind.CPS_REMPLACANT})


@dataclass(frozen=True, slots=True)
class Order:
    """What to issue.

    common_name: PS_IdNat of a person, `xxxx/yyyy` of an anonymous CPE, label of a structure, name of a server.
    state: ST of a structure, `Paris (75)`. hosts: names and addresses of a server.
    """

    kind: CardKind
    common_name: str
    family: str = ""
    given: str = ""
    organisation: str = ""
    structure: str = ""
    """Struct_IdNat."""
    state: str = ""
    sector: str = ""
    profession: str = ""
    """Code of table G15, or of table G16 for a CPF; 10 when not said, except for a CPE."""
    speciality: str = ""
    title: str = ""
    """Label of the profession, when it is not one of the common ones."""
    hosts: Sequence[str] = ()
    expired: bool = False
    revoked: bool = False
    """Ten days before now."""
    wrong_usage: bool = False
    """The signing pair holds an authentication certificate."""
    unknown_ca: bool = False
    nonrepudiation_only: bool = False
    """The signing certificate has no digitalSignature bit, like the one of DMP-FRAME TD2.1."""

    def __post_init__(self) -> None:
        if not self.common_name:
            raise ValueError("il faut un nom : PS_IdNat, libellé de la structure ou nom du serveur")
        if self.kind in PERSONS - {CardKind.CPE} and not (self.family and self.given):
            raise ValueError("il faut le nom et le prénom du porteur")
        if self.profession and not (self.profession.isdecimal() and int(self.profession) < 128):
            raise ValueError(f"« {self.profession} » n'est pas un code de profession")
        if self.kind is CardKind.CPE and not self.organisation:
            raise ValueError("il faut le nom de la structure de la CPE")
        if self.kind in (CardKind.ORG, CardKind.ORG_AUTH, CardKind.ORG_SIGN) and not (
            self.organisation and self.structure
        ):
            raise ValueError("il faut l'identifiant et le nom de la structure")

    @property
    def profession_code(self) -> str:
        return self.profession or ("" if self.kind is CardKind.CPE else "10")

    @property
    def pairs(self) -> tuple[str, ...]:
        """Key pairs of the card."""
        if self.kind in (CardKind.SERVER, CardKind.ORG_AUTH):
            return ("auth",)
        return ("sign",) if self.kind is CardKind.ORG_SIGN else ("auth", "sign")

    def validity(self, now: datetime) -> tuple[datetime, datetime]:
        return (now - _LIFE, now - BACKDATING) if self.expired else (now - BACKDATING, now + _LIFE)

    @property
    def practice(self) -> Practice:
        """What the chip says; a CPF and a replacement card name no structure."""
        if self.kind not in PERSONS:
            return Practice(self.structure, self.organisation, self.sector)
        if self.kind in (CardKind.CPF, CardKind.CPS_REMPLACANT):
            return Practice(profession=self.profession_code, speciality=self.speciality)
        return Practice(self.structure, self.organisation, self.sector, self.profession_code, self.speciality)


def subject(order: Order) -> x509.Name:
    """Subject, shaped as in the frames: one multi-valued RDN for a person; CN, OU, O, ST for a structure."""
    rdns = [[(NameOID.COUNTRY_NAME, "FR")]]
    common_name = (NameOID.COMMON_NAME, order.common_name)
    if order.kind in PERSONS:
        if order.kind is CardKind.CPE:
            rdns.append([(NameOID.ORGANIZATION_NAME, order.organisation)])
        elif title := order.title or _TITLES.get(order.profession_code, ""):
            rdns.append([(NameOID.TITLE, title)])
        names = [(NameOID.SURNAME, order.family), (NameOID.GIVEN_NAME, order.given)]
        rdns.append([common_name, *(name for name in names if name[1])])
    else:
        rdns.append([(NameOID.STATE_OR_PROVINCE_NAME, order.state)])
        rdns.append([(NameOID.ORGANIZATION_NAME, order.organisation)])
        rdns.append([(NameOID.ORGANIZATIONAL_UNIT_NAME, order.structure)])
        rdns.append([common_name])
    return x509.Name(
        x509.RelativeDistinguishedName(x509.NameAttribute(oid, value) for oid, value in rdn)
        for rdn in rdns
        if all(value for _, value in rdn)
    )


def extensions(order: Order, pair: str) -> list[Extension]:
    """Extensions of the `auth` or `sign` certificate of an order."""
    if order.kind is CardKind.SERVER:
        hosts = [_host(host) for host in order.hosts or [order.common_name]]
        names = Extension(x509.SubjectAlternativeName(hosts))
        return [*_usage(ExtendedKeyUsageOID.SERVER_AUTH, "digital_signature", "key_encipherment"), names]
    if pair == "auth" or order.wrong_usage:
        usage = _usage(ExtendedKeyUsageOID.CLIENT_AUTH, "digital_signature", "key_encipherment")
    elif order.nonrepudiation_only:
        usage = _usage(ExtendedKeyUsageOID.EMAIL_PROTECTION, "content_commitment")
    else:
        usage = _usage(ExtendedKeyUsageOID.EMAIL_PROTECTION, "digital_signature", "content_commitment")
    return [*usage, *_igc(order)]


def _usage(extended: x509.ObjectIdentifier, *bits: str) -> list[Extension]:
    return [key_usage(*bits), Extension(x509.ExtendedKeyUsage([extended]))]


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _igc(order: Order) -> list[Extension]:
    """Extensions of the IGC-CPS, encoded as in the certificates of the frames."""
    if order.kind not in PERSONS:
        return [_raw(CARD_CATEGORY, b"\x04\x01\x83")]
    card_type = {CardKind.CPF: 1, CardKind.CPE: 2}.get(order.kind, 0)
    found = [_raw(CARD_CATEGORY, b"\x04\x01\x80"), _raw(CARD_TYPE, _integer(card_type))]
    if code := order.profession_code:
        oid = TRAINEE_PROFESSION if order.kind is CardKind.CPF else PROFESSION
        found.append(_raw(oid, _integer(int(code))))
    if order.speciality:
        text = order.speciality.encode()
        found.append(_raw(SPECIALITIES, bytes([0x30, len(text) + 2, 0x0C, len(text)]) + text))
    if order.kind is CardKind.CPS_REMPLACANT:
        found.append(_raw(REPLACEMENT, b"\x05\x00"))
    return found


def _integer(value: int) -> bytes:
    return bytes([0x02, 0x01, value])


def _raw(oid: x509.ObjectIdentifier, octets: bytes) -> Extension:
    return Extension(x509.UnrecognizedExtension(oid, octets))
