"""What is about to be taken away for good, as its operator is told before."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Content:
    """How much a record holds: documents, and the octets of their current versions."""

    documents: int
    octets: int
