"""TD2.1, TD3.2 and ITI-86 from the client's side: what the repository is asked, and its answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.client.errors import BadAnswer, Problem
from dmpws.client.registry import registry_problems
from dmpws.codec.ebxml.attachments import InlineOctets
from dmpws.codec.ebxml.names import SUCCESS
from dmpws.domain import oids
from dmpws.domain.octets import Octets
from dmpws.xml.names import RMD, RS, XDSB
from dmpws.xml.xop import INCLUDE, content_id_of

_X = ElementMaker(namespace=XDSB, nsmap={None: XDSB})
_RMD = ElementMaker(namespace=RMD, nsmap={"rmd": RMD, None: XDSB})
_XDSB = f"{{{XDSB}}}"


@dataclass(frozen=True, slots=True)
class SubmissionAnswer:
    """Answer of TD2.1 and of everything else that gets a RegistryResponse."""

    status: str
    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        return self.status == SUCCESS


@dataclass(frozen=True, slots=True)
class RetrievedDocument:
    """One document of a TD3.2 answer. octets are valid while the answer is open."""

    repository: str
    unique_id: str
    mime_type: str
    octets: Octets


@dataclass(frozen=True, slots=True)
class RetrieveAnswer:
    """Answer of TD3.2; some documents and some problems when the status is PartialSuccess."""

    status: str
    documents: tuple[RetrievedDocument, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        return self.status == SUCCESS


def submission_answer(body: etree._Element) -> SubmissionAnswer:
    """Read a RegistryResponse."""
    return SubmissionAnswer(body.get("status", ""), registry_problems(body))


def retrieve_request(unique_ids: Sequence[str], repository: str = oids.REPOSITORY) -> etree._Element:
    """Build a RetrieveDocumentSetRequest."""
    return _X.RetrieveDocumentSetRequest(*_documents(unique_ids, repository))


def removal_request(unique_ids: Sequence[str], repository: str = oids.REPOSITORY) -> etree._Element:
    """Build a RemoveDocumentsRequest (ITI-86)."""
    return _RMD.RemoveDocumentsRequest(*_documents(unique_ids, repository))


def _documents(unique_ids: Sequence[str], repository: str) -> list[etree._Element]:
    return [
        _X.DocumentRequest(_X.RepositoryUniqueId(repository), _X.DocumentUniqueId(unique_id))
        for unique_id in unique_ids
    ]


def retrieve_answer(body: etree._Element, parts: Mapping[str, Octets]) -> RetrieveAnswer:
    """Read a RetrieveDocumentSetResponse and its parts. Raises BadAnswer when one of them is missing."""
    response = body.find(f"{{{RS}}}RegistryResponse")
    status = response.get("status", "") if response is not None else ""
    documents = tuple(_document(d, parts) for d in body.findall(f"{_XDSB}DocumentResponse"))
    return RetrieveAnswer(status, documents, registry_problems(body))


def _document(response: etree._Element, parts: Mapping[str, Octets]) -> RetrievedDocument:
    include = response.find(f"{_XDSB}Document/{INCLUDE}")
    octets = parts.get(content_id_of(include)) if include is not None else InlineOctets(b"")
    if octets is None:
        raise BadAnswer("the answer names a document part that it does not have")
    return RetrievedDocument(
        response.findtext(f"{_XDSB}RepositoryUniqueId") or "",
        response.findtext(f"{_XDSB}DocumentUniqueId") or "",
        response.findtext(f"{_XDSB}mimeType") or "",
        octets,
    )
