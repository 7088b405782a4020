"""Revocation lists (CRL) read from files."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from dmpws.pki.dn import Dn
from dmpws.pki.path import WEAK_HASHES

_REASONS = {
    x509.ReasonFlags.key_compromise: "compromission de la clé",
    x509.ReasonFlags.ca_compromise: "compromission de l'autorité",
    x509.ReasonFlags.affiliation_changed: "changement de rattachement",
    x509.ReasonFlags.superseded: "certificat remplacé",
    x509.ReasonFlags.cessation_of_operation: "cessation d'activité",
    x509.ReasonFlags.certificate_hold: "suspension",
    x509.ReasonFlags.privilege_withdrawn: "retrait des droits",
    x509.ReasonFlags.aa_compromise: "compromission de l'autorité d'attributs",
}
_UNSTATED = "non précisé"


@dataclass(frozen=True)
class RevocationList:
    """One list, complete for its issuer. Its signature is for the caller to check (`crl`)."""

    crl: x509.CertificateRevocationList
    number: int
    """0 when the list has none."""
    stale_from: datetime
    """nextUpdate, aware UTC; a list without one is stale from its birth."""
    dates: Mapping[int, datetime]
    """Revocation date, aware UTC, by serial number."""

    @classmethod
    def load(cls, octets: bytes) -> "RevocationList":
        """Read a PEM or DER list, once for all look-ups.

        Raises ValueError, in French, for octets that are no list, and for partial lists: delta, indirect, or
        restricted to some certificates or reasons (RFC 5280 5.2.4, 5.2.5).
        """
        try:
            pem = octets.lstrip().startswith(b"-----")
            crl = x509.load_pem_x509_crl(octets) if pem else x509.load_der_x509_crl(octets)
            _refuse_partial(crl.extensions)
            dates = {entry.serial_number: entry.revocation_date_utc for entry in crl}
        except _PartialListError as partial:
            raise ValueError(str(partial)) from None
        except (ValueError, x509.InvalidVersion, x509.DuplicateExtension) as error:
            raise ValueError(f"liste de révocation illisible ({error})") from None
        return cls(crl, _number(crl), crl.next_update_utc or crl.last_update_utc, dates)

    @property
    def age(self) -> tuple[datetime, int]:
        """What grows with each list an authority publishes: thisUpdate, then number."""
        return self.crl.last_update_utc, self.number

    @cached_property
    def issuer(self) -> str:
        return str(Dn.of(self.crl.issuer))

    def reason(self, serial: int) -> str:
        """Why a certificate is in the list, in French."""
        entry = self.crl.get_revoked_certificate_by_serial_number(serial)
        try:
            assert entry is not None
            reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
        except (x509.ExtensionNotFound, ValueError):
            return _UNSTATED
        return _REASONS.get(reason, _UNSTATED)

    def signed_by(self, authority: x509.Certificate) -> bool:
        """True when `authority` may sign lists and signed this one (RFC 5280 6.3.3 f, g)."""
        try:
            may_sign = authority.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
        except x509.ExtensionNotFound:
            may_sign = True
        try:
            algorithm = self.crl.signature_hash_algorithm
            if not may_sign or (algorithm is not None and algorithm.name in WEAK_HASHES):
                return False
            return self.crl.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
        except (TypeError, UnsupportedAlgorithm):  # a key or an algorithm that signs nothing here
            return False


class _PartialListError(ValueError):
    pass


def _refuse_partial(extensions: x509.Extensions) -> None:
    for extension in extensions:
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            if _restricts(extension.value):
                raise _PartialListError("liste de révocation partielle : une liste complète est nécessaire")
        elif isinstance(extension.value, x509.DeltaCRLIndicator):
            raise _PartialListError("liste de révocation delta : une liste complète est nécessaire")
        elif extension.critical:
            oid = extension.oid.dotted_string
            raise _PartialListError(f"extension critique inconnue dans la liste de révocation : {oid}")


def _restricts(point: x509.IssuingDistributionPoint) -> bool:
    return bool(
        point.only_contains_user_certs
        or point.only_contains_ca_certs
        or point.only_contains_attribute_certs
        or point.indirect_crl
        or point.only_some_reasons
    )


def _number(crl: x509.CertificateRevocationList) -> int:
    try:
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    except x509.ExtensionNotFound:
        return 0
