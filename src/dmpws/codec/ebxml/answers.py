"""The answers of ITI-41, ITI-18 and ITI-43, written as the official frames write them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dmpws.codec.ebxml import names
from dmpws.codec.ebxml.fragments import attribute, content
from dmpws.domain.checks import Check, Refused
from dmpws.xml.names import HL7, LCM, QUERY, RIM, RS, XDSB, XOP

_REPOSITORY_NAMESPACES = f'xmlns:ns2="{RS}" xmlns:ns3="{LCM}" xmlns:ns4="{XDSB}" xmlns:ns5="{RIM}" xmlns:ns6="{QUERY}"'
_QUERY_NAMESPACES = f'xmlns:ns2="{RS}" xmlns:ns3="{QUERY}" xmlns:ns4="{RIM}" xmlns:ns5="{LCM}" xmlns:ns6="{HL7}"'


@dataclass(frozen=True, slots=True)
class RegistryError:
    """One rs:RegistryError; `context` is French text or what the code prescribes, `location` an id."""

    code: str
    context: str
    location: str = ""

    @classmethod
    def of(cls, check: Check) -> "RegistryError":
        return cls(check.rule.code, check.message, check.where)


MOST_ERRORS = 500
"""A small message can break tens of thousands of rules; the answer does not grow with it."""


def errors_of(refused: Refused) -> list[RegistryError]:
    """One error per failed check, in their order; beyond `MOST_ERRORS`, one that counts the others."""
    errors = [RegistryError.of(check) for check in refused.checks[:MOST_ERRORS]]
    others = len(refused.checks) - len(errors)
    if others:
        errors.append(RegistryError(refused.code, f"et {others} autres erreurs"))
    return errors


@dataclass(frozen=True, slots=True)
class RetrievedDocument:
    """One document of an ITI-43 answer; `content_id` names its MIME part, without brackets."""

    repository: str
    unique_id: str
    mime_type: str
    content_id: str
    home_community: str = ""


def registry_response(errors: Sequence[RegistryError] = (), *, partly: bool = False) -> bytes:
    """ITI-41 and others: Success, or Failure with every error. partly: something was done in spite of them."""
    status = names.SUCCESS
    if errors:
        status = names.PARTIAL_SUCCESS if partly else names.FAILURE
    return _registry_response(status, errors, f" {_REPOSITORY_NAMESPACES}").encode()


def query_response(objects: Sequence[bytes] = (), errors: Sequence[RegistryError] = ()) -> bytes:
    """ITI-18: Success with objects, or Failure with every error; the object list is always there.

    objects: elements made by dmpws.codec.ebxml.fragments.
    """
    status = names.FAILURE if errors else names.SUCCESS
    opening = (
        f'<ns3:AdhocQueryResponse startIndex="0" status="{status}" totalResultCount="{len(objects)}"'
        f" {_QUERY_NAMESPACES}>{_error_list(errors)}<ns4:RegistryObjectList>"
    )
    closing = b"</ns4:RegistryObjectList></ns3:AdhocQueryResponse>"
    return b"".join([opening.encode(), *objects, closing])


def retrieve_response(documents: Sequence[RetrievedDocument] = (), errors: Sequence[RegistryError] = ()) -> bytes:
    """ITI-43: Success, PartialSuccess (documents and errors) or Failure (no document)."""
    status = names.SUCCESS
    if errors:
        status = names.PARTIAL_SUCCESS if documents else names.FAILURE
    parts = [
        f"<ns4:RetrieveDocumentSetResponse {_REPOSITORY_NAMESPACES}>",
        _registry_response(status, errors),
        *(_document(d) for d in documents),
        "</ns4:RetrieveDocumentSetResponse>",
    ]
    return "".join(parts).encode()


def _registry_response(status: str, errors: Iterable[RegistryError], namespaces: str = "") -> str:
    inside = _error_list(errors)
    opening = f'<ns2:RegistryResponse status="{status}"{namespaces}'
    return f"{opening}>{inside}</ns2:RegistryResponse>" if inside else f"{opening}/>"


def _error_list(errors: Iterable[RegistryError]) -> str:
    inside = "".join(_error(e) for e in errors)
    if not inside:
        return ""
    return f'<ns2:RegistryErrorList highestSeverity="{names.ERROR}">{inside}</ns2:RegistryErrorList>'


def _error(error: RegistryError) -> str:
    location = f' location="{attribute(error.location)}"' if error.location else ""
    return (
        f'<ns2:RegistryError codeContext="{attribute(error.context)}" errorCode="{error.code}"{location}'
        f' severity="{names.ERROR}"/>'
    )


def _document(document: RetrievedDocument) -> str:
    # urllib.parse.quote would also escape what the official frame leaves alone; only ':' and '%' matter here.
    cid = document.content_id.replace("%", "%25").replace(":", "%3A")
    home = document.home_community
    community = f"<ns4:HomeCommunityId>{content(home)}</ns4:HomeCommunityId>" if home else ""
    return (
        f"<ns4:DocumentResponse>{community}"
        f"<ns4:RepositoryUniqueId>{content(document.repository)}</ns4:RepositoryUniqueId>"
        f"<ns4:DocumentUniqueId>{content(document.unique_id)}</ns4:DocumentUniqueId>"
        f"<ns4:mimeType>{content(document.mime_type)}</ns4:mimeType>"
        f'<ns4:Document><xop:Include href="cid:{cid}" xmlns:xop="{XOP}"/></ns4:Document>'
        "</ns4:DocumentResponse>"
    )
