"""RetrieveDocumentSetRequest (ITI TF-2 3.43.4.1.2)."""

from dataclasses import dataclass

from lxml import etree

from dmpws.xml.names import XDSB
from dmpws.xml.text import text_of

_NS = f"{{{XDSB}}}"


@dataclass(frozen=True, slots=True)
class DocumentRequest:
    """One document asked for."""

    repository: str
    unique_id: str
    home_community: str = ""


def read_retrieve(body: etree._Element) -> tuple[DocumentRequest, ...]:
    """The documents asked for, in their order; what is absent is empty."""
    return tuple(
        DocumentRequest(
            _child(request, "RepositoryUniqueId"),
            _child(request, "DocumentUniqueId"),
            _child(request, "HomeCommunityId"),
        )
        for request in body.iterchildren(f"{_NS}DocumentRequest")
    )


def _child(request: etree._Element, name: str) -> str:
    element = request.find(f"{_NS}{name}")
    return text_of(element) if element is not None else ""
