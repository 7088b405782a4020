"""The parameters file, as an LPS reads it every week (GI-DMP EX_GEN-1540)."""

import urllib.error
import urllib.request
from dataclasses import dataclass
from urllib.parse import urlsplit

from dmpws.client.errors import BadAnswer, Unreachable
from dmpws.codec.parameters import read_parameters
from dmpws.domain.checks import Refused

_LARGEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Parameters:
    """What an LPS must obey. majority_age: years, a younger patient is a minor. reimbursement_months: how far back
    reimbursement data (REMB) goes. others: parameters this kit does not know, by code."""

    minors: bool
    majority_age: int
    masked_and_invisible: bool
    reimbursement_months: int
    others: dict[str, str]


def read(octets: bytes) -> Parameters:
    """Read the file. Raises BadAnswer when a parameter is missing or is not what it must be."""
    try:
        values = read_parameters(octets)
        return Parameters(
            minors=_BOOLEANS[values.pop("fonctions-gestion-mineurs")],
            majority_age=int(values.pop("age-majorite")),
            masked_and_invisible=_BOOLEANS[values.pop("cumul-invisible_patient-masque_ps")],
            reimbursement_months=int(values.pop("hr-periode-max-mois")),
            others=values,
        )
    except (Refused, KeyError, ValueError) as error:
        raise BadAnswer(f"parameters file: {error}") from None


def fetch(url: str, *, timeout: float = 30) -> Parameters:
    """Read the file at `url`, redirections followed. Raises Unreachable or BadAnswer."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise Unreachable(f"{url}: not http or https")
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:  # noqa: S310 - checked above
            return read(answer.read(_LARGEST))
    except (urllib.error.URLError, OSError) as error:
        raise Unreachable(f"{url}: {error}") from None


_BOOLEANS = {"true": True, "false": False}
