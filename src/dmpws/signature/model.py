"""What goes into the verification of a lot signature and what comes out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from dmpws.domain.octets import Octets

SEAL: Final = object()
"""Held by dmpws.signature.verify_lot alone; `tests/test_architecture.py` fails when another module names it."""


@dataclass(frozen=True, slots=True)
class LotDocument:
    """A document of the lot as received: its uniqueId (OID) and its octets. The signature itself is not one."""

    unique_id: str
    octets: Octets


@dataclass(frozen=True, slots=True)
class ReceivedLot:
    """Everything the rules of a lot signature look at.

    submission_time: UTC DTM string of the submission set. received_at: aware UTC.
    signature_unique_id: uniqueId of the signature entry.
    """

    signature: bytes
    signature_unique_id: str
    submission_set_unique_id: str
    submission_time: str
    documents: Sequence[LotDocument]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class LotEvidence:
    """What is kept so that `audit verify --lot` can show years later that the lot was good on reception."""

    signature: bytes
    chain: tuple[bytes, ...]
    """DER, signing certificate first, anchor last."""
    crl_numbers: tuple[tuple[str, int], ...]
    """(issuer DN, CRL number) of each list consulted."""
    received_at: datetime
    verdict: str
    """JSON list of the checks made."""


@dataclass(frozen=True, slots=True)
class VerifiedLot:
    """A lot whose signature, references and signer are good."""

    signer_subject: str
    signing_time: datetime
    document_ids: tuple[str, ...]
    evidence: LotEvidence
    seal: object = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.seal is not SEAL:
            raise TypeError("a VerifiedLot is built by dmpws.signature.verify_lot only")
