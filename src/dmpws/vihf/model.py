"""What a verified VIHF says. Only `dmpws.vihf.verify` can build one: see `VerifiedVihf`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.code import Code
from dmpws.domain.patient import Ins
from dmpws.domain.software import Software

SEAL: Final = object()
"""Held by dmpws.vihf.verify alone; `tests/test_architecture.py` fails when another module names it."""


@dataclass(frozen=True, slots=True)
class VerifiedVihf:
    """A token whose checks have all passed; every value was read from the very octets that were signed.

    issued_at: IssueInstant, aware UTC.
    """

    id: str
    issued_at: datetime
    issuer: str
    """Subject DN of the signing certificate as written in the token."""
    name_id: str
    """PS_IdNat, or `<structure>/<internal id>` in indirect mode."""
    mode: AuthMode
    version: str
    structure: str
    """Identifiant_Structure."""
    sector: str
    """Code of Secteur_Activite, `SA07`."""
    subject_id: str
    roles: tuple[Code, ...]
    patient: Ins
    purpose: Purpose
    secret_connection: bool
    reason: str
    """Mode_Acces_Raison."""
    software_id: str
    software_name: str
    software_version: str
    approval_number: str
    """LPS_ID_HOMOLOGATION_DMP."""
    signed: bool
    certificate_kind: str
    """Kind of the TLS client certificate, a `dmpws.pki.identity.CertificateKind` value."""
    certificate_serial: str
    """Hexadecimal serial number of the TLS client certificate."""
    legal_entity: str = ""
    """Structure the certificates name in the indirect modes: not `structure` when that is an EG of this EJ."""
    software: Software | None = None
    """The approved product; None where any number will do, and an approval limits nothing (DMPWS D35)."""
    warnings: tuple[str, ...] = ()
    seal: object = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.seal is not SEAL:
            raise TypeError("a VerifiedVihf is built by dmpws.vihf.verify only")

    @property
    def profession(self) -> Code:
        """First role: profession, training profession or kind of employee."""
        return self.roles[0]
