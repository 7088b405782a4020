"""What the checks of a VIHF demand, as one frozen value. Every field says what loosening it costs."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class DirectoryPolicy(StrEnum):
    """What happens to a structure or a person the directory does not know (DMPWS D8)."""

    STRICT = "strict"
    OPEN = "open"


class SoftwarePolicy(StrEnum):
    """Which `LPS_ID_HOMOLOGATION_DMP` are accepted (DMPWS D9)."""

    LISTED = "listed"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class VihfPolicy:
    """The rules a deployment may move. The defaults are those of `production`."""

    max_age: timedelta = timedelta(minutes=60)
    """Age of IssueInstant outside AIR. Longer: a stolen token is useful longer (DMPWS D2)."""

    max_future: timedelta = timedelta(seconds=60)
    """Clock difference tolerated. Longer: a token dated ahead outlives `max_age` (DMPWS D2)."""

    air_max_age: timedelta = timedelta(seconds=30)
    """Life of an AIR token (GI-DMP EX_AIR-040). Longer: the memory of used IDs grows with it."""

    versions: frozenset[str] = frozenset({"3.0", "4.0"})
    """Accepted VIHF_Version (DMPWS D1)."""

    sha1: bool = False
    """True lets RSA-SHA1 signatures in, with a warning: collisions are affordable (DMPWS D4)."""

    unsigned_direct: bool = True
    """True lets a DIRECTE token come unsigned; the TLS card alone then says who calls (DMPWS D3)."""

    tls_certificate: bool = True
    """False accepts a call without client certificate: only the signature then says who calls."""

    air_client_certificate: bool = True
    """True lets AIR tokens be signed with an organisation's clientAuth certificate (DMPWS D5)."""

    directory: DirectoryPolicy = DirectoryPolicy.STRICT
    """`open` believes the token about people and structures the directory does not know."""

    software: SoftwarePolicy = SoftwarePolicy.LISTED
    """`any` accepts every number that is not a revoked one: the approval proves nothing then."""

    sector_of_structure: bool = True
    """False accepts a Secteur_Activite that is not one of the structure's."""

    listed_roles: bool = True
    """False accepts roles outside JDV_J65; the rights table then treats them as `ps`."""

    profession_of_card: bool = True
    """False believes the token about the profession: any card then opens what a doctor's does (DMPWS D144)."""

    reason_for_bris_de_glace: bool = True
    """False lets an emergency access through without Mode_Acces_Raison: its trace will not say why."""

    secret_connection: bool = True
    """Parameter fonctions-gestion-mineurs. False refuses tokens with a confidentiality-code."""
