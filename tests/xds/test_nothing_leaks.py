"""The same record with and without hidden documents: whoever may not know of them gets the same octets, up to UUIDs.

Hypothesis makes the record: visible documents and hidden ones, masked at once or later or of a type that the reader's
profession may not read, in one lot or several, in folders, tied to each other, archived or deleted. Every query, read
and update is then tried with every identifier.
"""

import itertools
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from lxml import etree
from xds_lots import LIST_END, TYPE, Document, lot_of
from xds_world import FOLDER, NURSE, REPLACE, World, errors_of, lot, placeholders, query, update_set

from dmpws.client.update import metadata_request, status_request
from dmpws.codec.ebxml.query_forms import FORMS
from dmpws.domain.access import Purpose
from dmpws.domain.document import APND, HAS_MEMBER, INVISIBLE_PATIENT, MASQUE_PS, RPLC, Status
from dmpws.domain.type_rights import TypeRights
from dmpws.resources import folder
from dmpws.store import open_store
from dmpws.transactions.call import Settings
from dmpws.xml.names import RIM

QUERY = (folder("transactions") / "TD3.1" / "query.xml").read_text("utf-8")
READ = (folder("transactions") / "TD3.2" / "request.xml").read_text("utf-8")
QUERIES = {form.name: identifier for identifier, form in FORMS.items()}
EVERY = "(" + ",".join(f"'{status}'" for status in Status) + ")"
STATUSES = dict.fromkeys(("XDSDocumentEntryStatus", "XDSSubmissionSetStatus", "XDSFolderStatus"), EVERY)
READERS: dict[str, tuple[str, dict[str, Any]]] = {
    "another doctor": ("camparini", {}),
    "a nurse": ("virginie", {"roles": NURSE}),
    "no authorisation": ("nobody", {}),
    "bris de glace": ("camparini", {"purpose": Purpose.BRIS_DE_GLACE}),
    "régulation": ("nobody", {"purpose": Purpose.CENTRE_15}),
    "another structure": ("vallees", {}),
}
FILED = FOLDER[: FOLDER.index('<rim:Association id="in-folder"')]
BY_REFERENCE = (
    '<rim:Slot name="SubmissionSetStatus"><rim:ValueList><rim:Value>Reference</rim:Value></rim:ValueList></rim:Slot>'
)
TYPES = f"('{APND}','{RPLC}','{HAS_MEMBER}')"
HIDDEN_TYPE = "15508-5"
NO_PROFESSION = TypeRights({(profession, HIDDEN_TYPE): False for profession in ("10", "60")})
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Plan:
    """One document. tie: to the earlier document `target`; after: what happens to it once all are there."""

    number: int
    hidden: bool
    masked_later: bool
    tie: str
    target: int
    filed: bool
    after: str

    @property
    def lot(self) -> int:
        return self.number // 2

    @property
    def unique_id(self) -> str:
        return f"1.2.250.1.999.7.{self.number + 1}"


@st.composite
def records(draw: st.DrawFn) -> list[Plan]:
    """One to five documents in lots of two, some of them hidden."""
    found: list[Plan] = []
    replaced: set[int] = set()
    for number, hidden in enumerate(draw(st.permutations([True, False, *draw(st.lists(st.booleans(), max_size=3))]))):
        targets = [p for p in found if p.lot < number // 2 and p.number not in replaced]
        tie, target = draw(st.sampled_from(["", "APND", "reference", "RPLC"])), 0
        if targets and tie:
            target = draw(st.sampled_from(targets)).number
        # A visible document that a hidden one replaces is obsolete for everybody: that is seen (DMPWS D86).
        if not targets or (tie == "RPLC" and (hidden or found[target].hidden)):
            tie = ""
        # It is the lot that refers to a document, for whatever else it holds.
        if targets and tie == "reference" and hidden and not found[target].hidden:
            tie = ""
        if tie == "RPLC":
            replaced.add(target)
        later = hidden and draw(st.booleans())
        after = draw(st.sampled_from(["", "", "archive", "delete"]))
        found.append(Plan(number, hidden, later, tie, target, draw(st.booleans()), after))
    return [replace(p, after="" if p.number in replaced else p.after) for p in found]


@dataclass
class Made:
    """A record as it was made. uuids: by name, those of what is not there invented."""

    world: World
    uuids: dict[str, str] = field(default_factory=dict)
    by_type: bool = False

    def at(self, minute: int) -> World:
        """The world at a minute, however many calls came before."""
        self.world._minutes = itertools.count(minute)
        return self.world

    def uuid(self, name: str) -> str:
        return self.uuids.setdefault(name, f"urn:uuid:{uuid.uuid4()}")


def make(world: World, record: Sequence[Plan], *, with_hidden: bool, by_type: bool) -> Made:
    """by_type: what is hidden is so by its type and not by a mask."""
    made = Made(world, by_type=by_type)
    for caller in ("libre", "camparini", "virginie"):
        world.authorise(caller)
    for number in sorted({p.lot for p in record}):
        if here := [p for p in record if p.lot == number and (with_hidden or not p.hidden)]:
            deposit(made, here, record, with_hidden)
    for plan in record:
        if with_hidden or not plan.hidden:
            change(made, plan)
    return made


def link(identifier: str, kind: str, source: str, target: str, slots: str = "") -> str:
    ends = f'sourceObject="{source}" targetObject="{target}"'
    return f'<rim:Association id="{identifier}" associationType="{kind}" {ends}>{slots}</rim:Association>'


def deposit(made: Made, here: Sequence[Plan], record: Sequence[Plan], with_hidden: bool) -> None:
    number = here[0].lot
    objects = []
    for plan in here:
        if plan.tie and (with_hidden or not record[plan.target].hidden):
            source, kind, slots = f"d{plan.number}", {"APND": APND, "RPLC": RPLC}.get(plan.tie, HAS_MEMBER), ""
            if plan.tie == "reference":
                source, slots = "lot", BY_REFERENCE
            objects.append(link(f"t{plan.number}", kind, source, made.uuid(f"d{plan.target}"), slots))
    if filed := [plan.number for plan in here if plan.filed]:
        objects.append(FILED)
        objects += [link(f"m{n}", HAS_MEMBER, "classeur", f"d{n}") for n in filed]
        objects += [link(f"l{n}", HAS_MEMBER, "lot", f"m{n}") for n in filed]
    values = placeholders(folder_unique_id=f"1.2.250.1.999.9.{number + 1}") | {
        "lot_unique_id": f"1.2.250.1.999.8.{number + 1}",
        "signature_unique_id": f"1.2.250.1.999.6.{number + 1}",
    }
    documents = [document(made, plan) for plan in here]
    assert errors_of(made.at(number * 10).deposit(lot_of(documents, "".join(objects), values))) == []
    with made.world.store.read() as work:
        for plan in here:
            (entry,) = work.documents.by_unique_id([plan.unique_id])
            made.uuids[f"d{plan.number}"] = entry.entry_uuid
        (package,) = work.packages.sets(unique_ids=[values["lot_unique_id"]])
        made.uuids[f"lot{number}"] = package.uuid
        for found in work.packages.folders(unique_ids=[values["folder_unique_id"]]):
            made.uuids[f"f{number}"] = found.uuid


def document(made: Made, plan: Plan) -> Document:
    if made.by_type:
        return Document(f"d{plan.number}", plan.unique_id, type_code=HIDDEN_TYPE if plan.hidden else TYPE)
    return Document(f"d{plan.number}", plan.unique_id, plan.hidden and not plan.masked_later)


def change(made: Made, plan: Plan) -> None:
    """Mask it, archive it, delete it, as its author."""
    if plan.masked_later and not made.by_type:
        entry = entry_of(made, plan)
        made.uuids[f"d{plan.number}-masked"] = ""
        done(
            made,
            100 + plan.number,
            metadata_request(update_set(f"1.2.250.1.999.5.{plan.number + 1}"), entry, [MASQUE_PS]),
        )
        made.uuids[f"d{plan.number}-masked"] = entry_of(made, plan).get("id", "")
    if plan.after:
        new = {"archive": Status.ARCHIVED, "delete": Status.DELETED}[plan.after]
        current = entry_of(made, plan).get("id", "")
        done(
            made,
            200 + plan.number,
            status_request(update_set(f"1.2.250.1.999.5.{plan.number + 51}"), current, Status.APPROVED, new),
        )


def done(made: Made, minute: int, body: etree._Element, caller: str = "libre", **token: Any) -> None:
    assert errors_of(made.at(minute).update(body, caller, **token)) == []


def entry_of(made: Made, plan: Plan) -> etree._Element:
    body = made.world.search(asked("GetDocuments", XDSDocumentEntryUniqueId=f"('{plan.unique_id}')"))
    return next(body.iter(f"{{{RIM}}}ExtrinsicObject"))


def asked(name: str, *, references: bool = False, **parameters: str) -> etree._Element:
    slots = "".join(
        f'<rim:Slot name="${key}"><rim:ValueList><rim:Value>{value}</rim:Value></rim:ValueList></rim:Slot>'
        for key, value in parameters.items()
    )
    text = QUERY.replace("</rim:AdhocQuery>", f"{slots}</rim:AdhocQuery>")
    text = text.replace("LeafClass", "ObjectRef") if references else text
    return query(text, {"query": QUERIES[name]})


def questions(record: Sequence[Plan], names: Sequence[str], made: Made) -> Iterator[tuple[str, dict[str, str]]]:
    """Every stored query, with every identifier of the record with the hidden documents."""
    yield "FindDocuments", STATUSES
    yield "FindDocumentsByReferenceId", {**STATUSES, "XDSDocumentEntryReferenceIdList": "('%')"}
    yield "FindSubmissionSets", STATUSES
    yield "FindFolders", STATUSES
    yield "FindFolders", {**STATUSES, "XDSFolderLastUpdateTimeFrom": "20261121120500"}
    yield "GetAll", STATUSES
    every = "(" + ",".join(f"'{made.uuid(name)}'" for name in names) + ")"
    unique_ids = "(" + ",".join(f"'{plan.unique_id}'" for plan in record) + ")"
    for level in ("1", "2"):
        more = {"MetadataLevel": level}
        yield "GetDocuments", {"XDSDocumentEntryEntryUUID": every, **more}
        yield "GetDocuments", {"XDSDocumentEntryLogicalID": every, **more}
        yield "GetDocuments", {"XDSDocumentEntryUniqueId": unique_ids, **more}
        yield "GetFolders", {"XDSFolderEntryUUID": every, **more}
        yield "GetDocumentsAndAssociations", {"XDSDocumentEntryEntryUUID": every, **more}
        yield "GetAssociations", {"uuid": every, **more}
        yield "GetSubmissionSets", {"uuid": every, **more}
    for name in names:
        one = f"'{made.uuid(name)}'"
        if name.startswith("lot"):
            yield "GetSubmissionSetAndContents", {"XDSSubmissionSetEntryUUID": one}
        elif name.startswith("f"):
            yield "GetFolderAndContents", {"XDSFolderEntryUUID": one}
        else:
            yield "GetFoldersForDocument", {"XDSDocumentEntryEntryUUID": one}
            yield "GetRelatedDocuments", {"XDSDocumentEntryEntryUUID": one, "AssociationTypes": TYPES}


def answers(record: Sequence[Plan], names: Sequence[str], made: Made, reader: str) -> Iterator[str]:
    """What a reader is answered to everything, UUIDs numbered as they come."""
    caller, token = READERS[reader]
    world = made.at(300)
    for name, parameters in questions(record, names, made):
        given = {key: text for key, text in parameters.items() if f"${key}" in FORMS[QUERIES[name]].parameters}
        for references in (False, True) if name.startswith("Find") else (False,):
            yield shown(world.search(asked(name, references=references, **given), caller, **token), name)
    few = replace(world, settings=replace(world.settings, max_results=2))
    yield shown(few.search(asked("GetAll", **{**STATUSES, "patientId": ""}), caller, **token), "few")
    for plan in record:
        body, reply = world.retrieve(query(READ, {"consultation": plan.unique_id}), caller, **token)
        yield shown(body, "retrieve") + str(len(reply.attachments))
    for plan in record:
        if plan.hidden:
            yield from attempts(made, plan, names, caller, token)


def attempts(made: Made, plan: Plan, names: Sequence[str], caller: str, token: dict[str, Any]) -> Iterator[str]:
    """Changes of a hidden document, and lots tied to it, by who may not know of it."""
    world, swap = made.world, [["899900063480", "801234534765"]]
    for name in (n for n in names if n.split("-")[0] == f"d{plan.number}"):
        target = made.uuid(name)
        for new in (Status.ARCHIVED, Status.DELETED):
            body = status_request(update_set("1.2.250.1.999.5.71"), target, Status.APPROVED, new)
            yield shown(world.update(body, caller, **token), f"status {new.name}")
        for codes in ([], [MASQUE_PS], [INVISIBLE_PATIENT]):
            body = metadata_request(update_set("1.2.250.1.999.5.71"), any_entry(target), codes)
            yield shown(world.update(body, caller, **token), f"visibility {codes}")
        for kind in (RPLC, APND):
            objects = REPLACE.replace(RPLC, kind)
            frame = lot(placeholders(target=target), change=[[LIST_END, objects]], replace_all=swap)
            yield shown(world.deposit(frame, caller, **token), f"deposit {kind}")


def any_entry(lid: str) -> etree._Element:
    """Metadata of a document under a logical id."""
    frame = lot()
    entry = next(frame.body.iter(f"{{{RIM}}}ExtrinsicObject"))
    entry.set("lid", lid)
    entry.append(etree.Element(f"{{{RIM}}}VersionInfo", versionName="1"))
    return entry


def shown(body: etree._Element, name: str) -> str:
    numbers: dict[str, str] = {}

    def numbered(match: re.Match[str]) -> str:
        return numbers.setdefault(match.group(), f"uuid{len(numbers)}")

    return f"{name}: " + UUID.sub(numbered, etree.tostring(body, encoding="unicode"))


@contextmanager
def opened(migrated: Path) -> Iterator[World]:
    """A DMP of its own for one record."""
    with tempfile.TemporaryDirectory() as place:
        shutil.copyfile(migrated, Path(place) / "dmpws.sqlite")
        store = open_store(f"sqlite:///{place}/dmpws.sqlite", Path(place) / "documents")
        world = World(store, settings=Settings(cda="off", type_rights=NO_PROFESSION))
        world.open_dmp()
        yield world
        store.close()


@settings(max_examples=14, derandomize=True, phases=[Phase.generate])
@given(record=records(), reader=st.sampled_from(list(READERS)), by_type=st.booleans())
def test_with_and_without(_migrated_sqlite: Path, record: list[Plan], reader: str, by_type: bool) -> None:
    with opened(_migrated_sqlite) as one, opened(_migrated_sqlite) as other:
        hiding = make(one, record, with_hidden=True, by_type=by_type)
        plain = make(other, record, with_hidden=False, by_type=by_type)
        names = sorted(hiding.uuids)
        for with_hidden, without in zip(
            answers(record, names, hiding, reader), answers(record, names, plain, reader), strict=True
        ):
            assert with_hidden == without
