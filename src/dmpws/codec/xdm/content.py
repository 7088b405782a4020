"""What a copy holds, as its writers read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dmpws.codec.ebxml.versions import read_stored
from dmpws.codec.value_sets import rubriques, value_sets
from dmpws.domain.datatypes import Xcn, Xon, parse_dtm
from dmpws.domain.document import MASQUE_PS, Association, DocumentEntry, Status, StoredEntry
from dmpws.domain.packages import StoredAssociation, StoredFolder
from dmpws.domain.patient import PatientRecord
from dmpws.domain.rubriques import Espace
from dmpws.domain.value_sets import Attribute

_STATES = {Status.ARCHIVED: "archivé", Status.DEPRECATED: "remplacé", Status.DELETED: "supprimé"}


@dataclass(frozen=True, slots=True)
class Copied:
    """A document of the copy, and where it is."""

    entry: StoredEntry
    folder: str
    name: str

    @property
    def path(self) -> str:
        return f"{self.folder}/{self.name}"


@dataclass(frozen=True, slots=True)
class Subset:
    """A submission set of the copy, made for it. folders, associations: those that concern its documents."""

    number: int
    uuid: str
    unique_id: str
    documents: Sequence[Copied]
    folders: Sequence[StoredFolder]
    memberships: Sequence[Association]
    """HasMember of the set."""
    associations: Sequence[StoredAssociation]


@dataclass(frozen=True, slots=True)
class Copy:
    """A whole copy. title: what it is, in French; made_at: aware UTC; institution: name and contact of the host."""

    record: PatientRecord
    title: str
    made_at: datetime
    institution: str
    software: str
    subsets: Sequence[Subset]

    @property
    def documents(self) -> Sequence[Copied]:
        return [document for subset in self.subsets for document in subset.documents]


@dataclass(frozen=True, slots=True)
class Line:
    """A document as the index shows it to a person."""

    title: str
    kind: str
    day: str
    authors: str
    states: Sequence[str]
    espace: Espace | None


def line_of(entry: StoredEntry) -> Line:
    """What a person reads of a document."""
    metadata, _ = read_stored(entry)
    states = [_STATES[entry.status]] if entry.status in _STATES else []
    if MASQUE_PS in entry.visibility:
        states.append("masqué aux professionnels")
    return Line(
        title=metadata.title or metadata.unique_id,
        kind=_kind(metadata),
        day=_day(metadata.service_start or metadata.creation_time),
        authors=", ".join(_authors(metadata)),
        states=states,
        espace=rubriques().espace_of(metadata.type_code),
    )


def _kind(metadata: DocumentEntry) -> str:
    code = metadata.type_code
    if code is None:
        return ""
    member = value_sets().sets[Attribute.TYPE].get((code.code, code.system))
    return (member.code.display if member is not None else "") or code.display or code.code


def _day(dtm: str) -> str:
    """JJ/MM/AAAA, or what there is of it."""
    moment = parse_dtm(dtm)
    return moment.strftime({4: "%Y", 6: "%m/%Y"}.get(len(dtm), "%d/%m/%Y")) if moment is not None else ""


def _authors(metadata: DocumentEntry) -> Sequence[str]:
    found = []
    for author in metadata.authors:
        person = Xcn.parse(author.person)
        name = f"{person.given} {person.family}".strip() or person.id
        places = [Xon.parse(institution).name for institution in author.institutions]
        found.append(" – ".join(filter(None, [name, *places])))
    return [*dict.fromkeys(filter(None, found))]
