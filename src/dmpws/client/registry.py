"""TD3.1 and ITI-62 from the client's side: stored queries and the objects they find, objects taken away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.client.errors import Problem
from dmpws.codec.ebxml.fragments import LAST_UPDATE
from dmpws.codec.ebxml.names import (
    CONFIDENTIALITY_CODE,
    FOLDER_CODE,
    FOLDER_NODE,
    FOLDER_UNIQUE_ID,
    SET_AUTHOR,
    SET_CONTENT_TYPE,
    SET_SOURCE_ID,
    SET_UNIQUE_ID,
    SUCCESS,
    TYPE_CODE,
    UNIQUE_ID,
)
from dmpws.codec.value_sets import rubriques
from dmpws.domain.code import Code
from dmpws.domain.datatypes import Cx
from dmpws.domain.document import Status
from dmpws.domain.patient import Ins
from dmpws.domain.rubriques import Espace, by_espace
from dmpws.xml.names import LCM, QUERY, RIM, RS

_Q = ElementMaker(namespace=QUERY, nsmap={"query": QUERY, None: RIM})
_L = ElementMaker(namespace=LCM, nsmap={"lcm": LCM, None: RIM})
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
class FoundSet:
    """A submission set (lot) of a TD3.1 answer. submission_time: UTC DTM. authors: XCN of the persons."""

    entry_uuid: str
    unique_id: str
    source_id: str
    status: Status
    submission_time: str
    content_type: str
    title: str
    authors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundFolder:
    """A folder of a TD3.1 answer. last_update: UTC DTM."""

    entry_uuid: str
    lid: str
    unique_id: str
    status: Status
    codes: tuple[str, ...]
    title: str
    last_update: str


@dataclass(frozen=True, slots=True)
class FoundAssociation:
    """An association of a TD3.1 answer. type: HAS_MEMBER, RPLC … of dmpws.domain.document; the ends are entryUUIDs."""

    uuid: str
    type: str
    source: str
    target: str
    status: Status


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """Answer of TD3.1: what was found (LeafClass) or only ids (ObjectRef), and the problems."""

    status: str
    documents: tuple[FoundDocument, ...] = ()
    references: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    sets: tuple[FoundSet, ...] = ()
    folders: tuple[FoundFolder, ...] = ()
    associations: tuple[FoundAssociation, ...] = ()

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


def removal_request(uuids: Sequence[str]) -> etree._Element:
    """Build a RemoveObjectsRequest (ITI-62)."""
    return _L.RemoveObjectsRequest(_R.ObjectRefList(*(_R.ObjectRef(id=uuid) for uuid in uuids)))


def query_answer(body: etree._Element) -> QueryAnswer:
    """Read an AdhocQueryResponse."""
    packages = list(body.iter(f"{_RIM}RegistryPackage"))
    folders = [p for p in packages if p.find(f"{_RIM}Classification[@classificationNode='{FOLDER_NODE}']") is not None]
    return QueryAnswer(
        body.get("status", ""),
        tuple(_document(e) for e in body.iter(f"{_RIM}ExtrinsicObject")),
        tuple(e.get("id", "") for e in body.iter(f"{_RIM}ObjectRef")),
        registry_problems(body),
        tuple(_set(p) for p in packages if p not in folders),
        tuple(map(_folder, folders)),
        tuple(map(_association, body.iter(f"{_RIM}Association"))),
    )


def registry_problems(body: etree._Element) -> tuple[Problem, ...]:
    """Read the RegistryErrors of an answer."""
    return tuple(
        Problem(e.get("errorCode", ""), e.get("codeContext", ""), e.get("location", ""))
        for e in body.iter(f"{{{RS}}}RegistryError")
    )


def _slots(item: etree._Element) -> dict[str, tuple[str, ...]]:
    return {
        slot.get("name", ""): tuple(v.text or "" for v in slot.iter(f"{_RIM}Value"))
        for slot in item.findall(f"{_RIM}Slot")
    }


def _codes(item: etree._Element, scheme: str) -> tuple[str, ...]:
    found = item.findall(f"{_RIM}Classification[@classificationScheme='{scheme}']")
    return tuple(c.get("nodeRepresentation", "") for c in found)


def _identifier(item: etree._Element, scheme: str) -> str:
    found = item.find(f"{_RIM}ExternalIdentifier[@identificationScheme='{scheme}']")
    return found.get("value", "") if found is not None else ""


def _title(item: etree._Element) -> str:
    text = item.find(f"{_RIM}Name/{_RIM}LocalizedString")
    return text.get("value", "") if text is not None else ""


def _first(values: Sequence[str] | None) -> str:
    return values[0] if values else ""


def _set(package: etree._Element) -> FoundSet:
    authors = package.findall(f"{_RIM}Classification[@classificationScheme='{SET_AUTHOR}']")
    return FoundSet(
        entry_uuid=package.get("id", ""),
        unique_id=_identifier(package, SET_UNIQUE_ID),
        source_id=_identifier(package, SET_SOURCE_ID),
        status=Status(package.get("status", "")),
        submission_time=_first(_slots(package).get("submissionTime")),
        content_type=_first(_codes(package, SET_CONTENT_TYPE)),
        title=_title(package),
        authors=tuple(person for author in authors for person in _slots(author).get("authorPerson", ())),
    )


def _folder(package: etree._Element) -> FoundFolder:
    return FoundFolder(
        entry_uuid=package.get("id", ""),
        lid=package.get("lid", ""),
        unique_id=_identifier(package, FOLDER_UNIQUE_ID),
        status=Status(package.get("status", "")),
        codes=_codes(package, FOLDER_CODE),
        title=_title(package),
        last_update=_first(_slots(package).get(LAST_UPDATE)),
    )


def _association(link: etree._Element) -> FoundAssociation:
    get = link.get
    return FoundAssociation(
        uuid=get("id", ""),
        type=get("associationType", ""),
        source=get("sourceObject", ""),
        target=get("targetObject", ""),
        status=Status(get("status", "")),
    )


def _document(entry: etree._Element) -> FoundDocument:
    slots = _slots(entry)
    version = entry.find(f"{_RIM}VersionInfo")
    return FoundDocument(
        entry_uuid=entry.get("id", ""),
        lid=entry.get("lid", ""),
        version=version.get("versionName", "") if version is not None else "",
        status=Status(entry.get("status", "")),
        unique_id=_identifier(entry, UNIQUE_ID),
        repository=_first(slots.get("repositoryUniqueId")),
        type_code=_first(_codes(entry, TYPE_CODE)),
        type_system=entry.findtext(f"{_RIM}Classification[@classificationScheme='{TYPE_CODE}']//{_RIM}Value") or "",
        title=_title(entry),
        mime_type=entry.get("mimeType", ""),
        hash=_first(slots.get("hash")),
        size=int(_first(slots.get("size")) or 0),
        creation_time=_first(slots.get("creationTime")),
        confidentiality=frozenset(_codes(entry, CONFIDENTIALITY_CODE)),
        slots=slots,
    )
