"""The cards that `dmpws.pki.demo.create` makes: people and structures of the public test cast, nobody else."""

from collections.abc import Mapping
from typing import Any

from dmpws.pki.profiles import CardKind

_VALLEES = {"organisation": "HOPITAL DES 3 VALLEES", "structure": "10B0127189", "sector": "SA01"}
_LIBRE = {
    "common_name": "899900063480",
    "family": "LIBRE",
    "given": "MAX",
    "organisation": "CABINET DR LIBRE",
    "structure": "499900063480001",
    "sector": "SA07",
    "speciality": "SM26",
}
CARDS: Mapping[str, Mapping[str, Any]] = {
    "medecin-libre": {"kind": CardKind.CPS, **_LIBRE},
    "medecin-doctorant": {
        "kind": CardKind.CPS,
        "common_name": "801234567897",
        "family": "DOCTORANT",
        "given": "Charles",
        "speciality": "SM26",
        **_VALLEES,
    },
    "medecin-camparini": {
        "kind": CardKind.CPS,
        "common_name": "801234534765",
        "family": "CAMPARINI",
        "given": "Marcel",
        "speciality": "SM26",
        **_VALLEES,
    },
    "medecin-virginie": {
        "kind": CardKind.CPS,
        "common_name": "899700433156",
        "family": "MEDECIN RPPS0043315",
        "given": "VIRGINIE",
        "speciality": "SM26",
        **_VALLEES,
    },
    "cpe-libre": {
        "kind": CardKind.CPE,
        "common_name": "499900063480001/0001",
        "organisation": "CABINET DR LIBRE",
        "structure": "499900063480001",
        "sector": "SA07",
    },
    "hopital": {
        "kind": CardKind.ORG,
        "common_name": "HOPITAL DES 3. DAMES",
        "organisation": "HOPITAL DES 3. DAMES",
        "structure": "11B0062640",
        "state": "Paris (75)",
        "sector": "SA01",
    },
    "hopital-eg": {
        "kind": CardKind.ORG,
        "common_name": "HOPITAL DES 3 VALLEES",
        "state": "Paris (75)",
        **_VALLEES,
    },
    "regulation": {
        "kind": CardKind.ORG,
        "common_name": "REGULATION CENTRE 15",
        "organisation": "HOPITAL DES 3. DAMES SITE",
        "structure": "10B0156832",
        "state": "Paris (75)",
        "sector": "SA01",
    },
    "medecin-revoque": {"kind": CardKind.CPS, **_LIBRE, "revoked": True},
    "medecin-expire": {"kind": CardKind.CPS, **_LIBRE, "expired": True},
}
"""Fields of `Order` by card name."""
