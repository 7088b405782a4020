"""TD3.1 from the client's side: stored queries and the entries they find."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.client.errors import Problem
from dmpws.codec.ebxml.names import CONFIDENTIALITY_CODE, SUCCESS, TYPE_CODE, UNIQUE_ID
from dmpws.codec.value_sets import rubriques
from dmpws.domain.code import Code
from dmpws.domain.datatypes import Cx
from dmpws.domain.document import Status
from dmpws.domain.patient import Ins
from dmpws.domain.rubriques import Espace, by_espace
from dmpws.xml.names import QUERY, RIM, RS

_Q = ElementMaker(namespace=QUERY, nsmap={"query": QUERY, None: RIM})
_R = ElementMaker(namespace=RIM, nsmap={None: RIM})
_RIM = f"{{{RIM}}}"


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """An entry of a TD3.1 answer. size in octets, hash is SHA-1 in hexadecimal, times are UTC DTM strings."""

    entry_uuid: str
    lid: str
    version: str
    status: Status
    unique_id: str
    repository: str
    type_code: str
    type_system: str
    title: str
    mime_type: str
    hash: str
    size: int
    creation_time: str
    confidentiality: frozenset[str]
    slots: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def espace(self) -> Espace | None:
        """Where people find it; None for types that no espace shows."""
        return rubriques().espace_of(Code(self.type_code, self.type_system))


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """Answer of TD3.1: the entries (LeafClass) or only their ids (ObjectRef), and the problems."""

    status: str
    documents: tuple[FoundDocument, ...] = ()
    references: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        return self.status == SUCCESS

    @property
    def by_espace(self) -> dict[str, list[FoundDocument]]:
        """The documents under the headings people read, in the order of the record (DMPWS D94)."""
        return by_espace(self.documents, lambda document: document.espace)


def cx(ins: Ins) -> str:
    """Return the patient identifier as a CX, `<INS>^^^&<OID>&ISO^NH`."""
    return str(Cx(ins.value, ins.authority, "NH"))


def quoted(values: Sequence[str]) -> str:
    """Return a list parameter, `('a','b')`, quotes doubled (ITI TF-2 3.18.4.1.2.3.5)."""
    return "(" + ",".join("'" + v.replace("'", "''") + "'" for v in values) + ")"


def query_request(
    query: str, parameters: Mapping[str, Sequence[str]], *, return_type: str = "LeafClass"
) -> etree._Element:
    """Build an AdhocQueryRequest; parameter values are already in stored query coding."""
    slots = (_R.Slot(_R.ValueList(*(_R.Value(v) for v in values)), name=name) for name, values in parameters.items())
    return _Q.AdhocQueryRequest(
        _Q.ResponseOption(returnComposedObjects="true", returnType=return_type),
        _R.AdhocQuery(*slots, id=query),
    )


def query_answer(body: etree._Element) -> QueryAnswer:
    """Read an AdhocQueryResponse."""
    return QueryAnswer(
        body.get("status", ""),
        tuple(_document(e) for e in body.iter(f"{_RIM}ExtrinsicObject")),
        tuple(e.get("id", "") for e in body.iter(f"{_RIM}ObjectRef")),
        registry_problems(body),
    )


def registry_problems(body: etree._Element) -> tuple[Problem, ...]:
    """Read the RegistryErrors of an answer."""
    return tuple(
        Problem(e.get("errorCode", ""), e.get("codeContext", ""), e.get("location", ""))
        for e in body.iter(f"{{{RS}}}RegistryError")
    )


def _document(entry: etree._Element) -> FoundDocument:
    slots = {
        slot.get("name", ""): tuple(v.text or "" for v in slot.iter(f"{_RIM}Value"))
        for slot in entry.findall(f"{_RIM}Slot")
    }

    def single(name: str) -> str:
        return (slots.get(name) or ("",))[0]

    def codes(scheme: str) -> list[str]:
        found = entry.findall(f"{_RIM}Classification[@classificationScheme='{scheme}']")
        return [c.get("nodeRepresentation", "") for c in found]

    unique = entry.find(f"{_RIM}ExternalIdentifier[@identificationScheme='{UNIQUE_ID}']")
    title = entry.find(f"{_RIM}Name/{_RIM}LocalizedString")
    version = entry.find(f"{_RIM}VersionInfo")
    return FoundDocument(
        entry_uuid=entry.get("id", ""),
        lid=entry.get("lid", ""),
        version=version.get("versionName", "") if version is not None else "",
        status=Status(entry.get("status", "")),
        unique_id=unique.get("value", "") if unique is not None else "",
        repository=single("repositoryUniqueId"),
        type_code=(codes(TYPE_CODE) or [""])[0],
        type_system=entry.findtext(f"{_RIM}Classification[@classificationScheme='{TYPE_CODE}']//{_RIM}Value") or "",
        title=title.get("value", "") if title is not None else "",
        mime_type=entry.get("mimeType", ""),
        hash=single("hash"),
        size=int(single("size") or 0),
        creation_time=single("creationTime"),
        confidentiality=frozenset(codes(CONFIDENTIALITY_CODE)),
        slots=slots,
    )
