"""Who finds and who reads what: every reader × visibility × status × access mode against a literal table.

Twenty documents, one per visibility and status, all authored by CAMPARINI in the practice of LIBRE, who is their legal
authenticator. Each reader searches, asks for references and reads, through the transactions.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from xds_world import (
    DOCTOR,
    FIND,
    MASK,
    NURSE,
    SECRETARY,
    World,
    entries_of,
    errors_of,
    fill,
    lot,
    query,
    unique_id_of,
)

from dmpws.domain import oids
from dmpws.domain.access import Purpose
from dmpws.domain.code import Code
from dmpws.domain.document import Status
from dmpws.domain.visibility import Owner, reads, sees
from dmpws.resources import folder
from dmpws.transactions.call import Settings
from dmpws.transactions.reading import reader_of
from dmpws.transactions.record_index import record_index
from dmpws.xml.names import RIM, XDSB

OCCUPATIONAL = (Code("10", oids.PROFESSIONS), Code("SM25", oids.SKILLS))
BDG, C15 = {"purpose": Purpose.BRIS_DE_GLACE}, {"purpose": Purpose.CENTRE_15}
SHOWN: dict[str, Any] = {"record": {"masked_visible_in_emergency": True}}
READERS: dict[str, tuple[str, dict[str, Any]]] = {
    "author": ("camparini", {}),
    "authenticator": ("libre", {}),
    "médecin traitant": ("doctorant", {}),
    "other doctor": ("virginie", {"roles": DOCTOR}),
    "nurse": ("virginie", {"roles": NURSE}),
    "not authorised": ("nobody", {}),
    "author, bdg": ("camparini", BDG),
    "author, bdg, shown": ("camparini", BDG | SHOWN),
    "médecin traitant, bdg": ("doctorant", BDG),
    "médecin traitant, bdg, shown": ("doctorant", BDG | SHOWN),
    "other doctor, bdg": ("nobody", BDG),
    "other doctor, bdg, shown": ("nobody", BDG | SHOWN),
    "nurse, bdg, shown": ("virginie", BDG | SHOWN),
    "doctor, régulation": ("nobody", C15),
    "doctor, régulation, shown": ("nobody", C15 | SHOWN),
    "author, régulation": ("camparini", C15),
    "opposed to bdg": ("nobody", BDG | {"record": {"opposes_bris_de_glace": True}}),
    "médecin du travail": ("virginie", {"roles": OCCUPATIONAL}),
    "médecin du travail, author": ("camparini", {"roles": OCCUPATIONAL}),
    "authenticator, shown": ("libre", SHOWN),
    "AIR, authenticator": ("air", {}),
    "AIR, other doctor": ("air", {"name_id": "899700433156"}),
    "AIR, employee": ("air", {"roles": SECRETARY}),
    "CPE": ("cpe", {}),
    "CPE, other structure": ("cpe", {"structure": "10B0127189"}),
    "structure": ("cabinet", {}),
    "structure, régulation": ("cabinet", C15),
    "other structure": ("vallees", {}),
}

# V visible, M masked, P invisible to the patient, R to the representatives, B masked and invisible.
# A approved, R archived, D obsolete (Deprecated), X deleted; - none; refused: the whole call is.
TABLE = """
reader                       | search TD3.1a                  | references TD3.1b        | read TD3.2
                             | V    M    P    R    B          | V    M    P    R    B    | V    M    P    R    B
author                       | ARDX ARDX ARDX ARDX ARDX       | ARDX ARDX ARDX ARDX ARDX | ARDX ARDX ARDX ARDX ARDX
authenticator                | ARDX ARDX ARDX ARDX ARDX       | ARDX ARDX ARDX ARDX ARDX | ARDX ARDX ARDX ARDX ARDX
authenticator, shown         | ARDX ARDX ARDX ARDX ARDX       | ARDX ARDX ARDX ARDX ARDX | ARDX ARDX ARDX ARDX ARDX
médecin traitant             | ARDX ARDX ARDX ARDX ARDX       | ARDX ARDX ARDX ARDX ARDX | ARDX ARDX ARDX ARDX ARDX
other doctor                 | ARDX -    ARDX ARDX -          | ARDX -    ARDX ARDX -    | ARDX -    ARDX ARDX -
nurse                        | ARDX -    ARDX ARDX -          | ARDX -    ARDX ARDX -    | ARDX -    ARDX ARDX -
not authorised               | refused                        | ARDX -    ARDX ARDX -    | refused
author, bdg                  | ARDX -    ARDX ARDX -          | ARDX -    ARDX ARDX -    | ARDX -    ARDX ARDX -
author, bdg, shown           | ARDX ARDX ARDX ARDX ARDX       | ARDX ARDX ARDX ARDX ARDX | ARDX ARDX ARDX ARDX ARDX
médecin traitant, bdg        | ARDX -    ARDX ARDX -          | ARDX -    ARDX ARDX -    | ARDX -    ARDX ARDX -
médecin traitant, bdg, shown | ARDX ARDX ARDX ARDX ARDX       | ARDX ARDX ARDX ARDX ARDX | ARDX ARDX ARDX ARDX ARDX
other doctor, bdg            | ARDX -    ARDX ARDX -          | ARDX -    ARDX ARDX -    | ARDX -    ARDX ARDX -
other doctor, bdg, shown     | ARDX ARDX ARDX ARDX ARDX       | ARDX ARDX ARDX ARDX ARDX | ARDX ARDX ARDX ARDX ARDX
nurse, bdg, shown            | ARDX ARDX ARDX ARDX ARDX       | ARDX ARDX ARDX ARDX ARDX | ARDX ARDX ARDX ARDX ARDX
author, régulation           | ARDX -    ARDX ARDX -          | ARDX -    ARDX ARDX -    | ARDX -    ARDX ARDX -
doctor, régulation           | ARDX -    ARDX ARDX -          | ARDX -    ARDX ARDX -    | ARDX -    ARDX ARDX -
doctor, régulation, shown    | ARDX ARDX ARDX ARDX ARDX       | ARDX ARDX ARDX ARDX ARDX | ARDX ARDX ARDX ARDX ARDX
opposed to bdg               | refused                        | refused                  | refused
médecin du travail           | ARDX -    ARDX ARDX -          | ARDX -    ARDX ARDX -    | refused
médecin du travail, author   | ARDX ARDX ARDX ARDX ARDX       | ARDX ARDX ARDX ARDX ARDX | refused
AIR, authenticator           | ARDX ARDX ARDX ARDX ARDX       | ARDX ARDX ARDX ARDX ARDX | ARDX ARDX ARDX ARDX ARDX
AIR, other doctor            | ARDX -    ARDX ARDX -          | ARDX -    ARDX ARDX -    | ARDX -    ARDX ARDX -
AIR, employee                | refused                        | ARDX ARDX ARDX ARDX ARDX | refused
CPE                          | refused                        | ARDX ARDX ARDX ARDX ARDX | refused
CPE, other structure         | refused                        | -    -    -    -    -    | refused
structure                    | refused                        | ARDX ARDX ARDX ARDX ARDX | refused
structure, régulation        | refused                        | ARDX ARDX ARDX ARDX ARDX | refused
other structure              | refused                        | -    -    -    -    -    | refused
"""
OWNERS = """
                             | V    M    P    R    B
patient                      | ARDX ARDX -    ARDX -
representative               | ARDX ARDX -    -    -
"""
VISIBILITIES = {
    "V": (),
    "M": ("MASQUE_PS",),
    "P": ("INVISIBLE_PATIENT",),
    "R": ("INVISIBLE_REPRESENTANTS_LEGAUX",),
    "B": ("MASQUE_PS", "INVISIBLE_PATIENT"),
}
STATUSES = {"A": Status.APPROVED, "R": Status.ARCHIVED, "D": Status.DEPRECATED, "X": Status.DELETED}
EVERY_STATUS = "".join(f"<rim:Value>('{status}')</rim:Value>" for status in Status)
BY_LIBRE = 'authorPerson"><rim:ValueList><rim:Value>899900063480^LIBRE^MAX'
AUTHOR = [BY_LIBRE, BY_LIBRE.replace("899900063480^LIBRE^MAX", "801234534765^CAMPARINI^Marcel")]


def rows(table: str) -> dict[str, list[str]]:
    """The groups of cells of each reader; the letters of a group are the documents, as `M.X`."""
    lines = [line.split("|") for line in table.strip("\n").splitlines()]
    return {line[0].strip(): [cell.strip() for cell in line[1:]] for line in lines if "V    M" not in "".join(line)}


def documents(group: str) -> str | set[str]:
    if group == "refused":
        return group
    cells = zip(VISIBILITIES, group.split(), strict=True)
    return {f"{visibility}.{status}" for visibility, statuses in cells for status in statuses if status != "-"}


EXPECTED = {reader: cells for reader, cells in rows(TABLE).items() if reader != "reader"}


class Shelf:
    """The twenty documents; names: by uniqueId and by entryUUID."""

    def __init__(self, world: World) -> None:
        self.names: dict[str, str] = {}
        self.world = replace(world, settings=Settings(masked_and_invisible=True, majority_age=60))
        for visibility, codes in VISIBILITIES.items():
            for letter, status in STATUSES.items():
                masks = "".join(
                    MASK.replace("MASQUE_PS", code).replace('"m1"', f'"m{n}"') for n, code in enumerate(codes)
                )
                change = [["<!-- formatCode -->", masks], AUTHOR, AUTHOR]
                frame = lot(change=change, change_document=[['extension="899900063480"', 'extension="801234534765"']])
                assert errors_of(self.world.deposit(frame)) == []
                self._put(frame.values["document_unique_id"], f"{visibility}.{letter}", status)
        for caller in ("libre", "camparini", "virginie"):
            world.authorise(caller)
        world.authorise("doctorant", treating_doctor=True)

    def _put(self, unique_id: str, name: str, status: Status) -> None:
        with self.world.store.write() as work:
            (entry,) = work.documents.by_unique_id([unique_id])
            work.documents.set_status([entry.id], status)
        self.names |= {unique_id: name, entry.entry_uuid: name}

    @property
    def unique_ids(self) -> list[str]:
        return [key for key in self.names if not key.startswith("urn:uuid:")]

    def search(self, caller: str, token: dict[str, Any]) -> str | set[str]:
        text = FIND.replace("('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')", "@", 1)
        text = text.replace("<rim:Value>@</rim:Value>", EVERY_STATUS)
        body = self.world.search(query(text), caller, **token)
        found = {self.names[unique_id_of(entry)] for entry in entries_of(body)}
        assert body.get("totalResultCount") == str(len(found))
        return "refused" if errors_of(body) else found

    def references(self, caller: str, token: dict[str, Any]) -> str | set[str]:
        template = (folder("transactions") / "TD3.1" / "reference.xml").read_text("utf-8")
        found: set[str] = set()
        for unique_id in self.unique_ids:
            body = self.world.search(query(fill(template, {"consultation": unique_id})), caller, **token)
            if errors_of(body):
                return "refused"
            found |= {self.names[ref.get("id", "")] for ref in body.iter(f"{{{RIM}}}ObjectRef")}
        return found

    def read(self, caller: str, token: dict[str, Any]) -> str | set[str]:
        head, request, tail = (
            (folder("transactions") / "TD3.2" / "request.xml").read_text("utf-8").partition("  <xds:DocumentRequest>")
        )
        one, end, _ = (request + tail).partition("</xds:DocumentRequest>")
        asked = "".join(fill(one + end, {"consultation": unique_id}) for unique_id in self.unique_ids)
        body, _ = self.world.retrieve(query(f"{head}{asked}</xds:RetrieveDocumentSetRequest>"), caller, **token)
        got = {self.names[e.text or ""] for e in body.findall(f"{{{XDSB}}}DocumentResponse/{{{XDSB}}}DocumentUniqueId")}
        errors = errors_of(body)
        # What cannot be read is said as of a document that does not exist.
        assert all(c == "XDSDocumentUniqueIdError" for c, _ in errors) or not got
        if errors and errors[0][0] != "XDSDocumentUniqueIdError":
            return "refused"
        hidden = sorted(context for _, context in errors)
        assert hidden == sorted(f"uniqueId={u}" for u in self.unique_ids if self.names[u] not in got)
        return got


@pytest.fixture(scope="module")
def shelf(shared_record: World) -> Iterator[Shelf]:
    return Shelf(shared_record)


@pytest.mark.parametrize("reader", READERS)
def test_reader(reader: str, shelf: Shelf) -> None:
    search, references, read = map(documents, EXPECTED[reader])
    assert shelf.search(*READERS[reader]) == search
    assert shelf.references(*READERS[reader]) == references
    assert shelf.read(*READERS[reader]) == read


@pytest.mark.parametrize("reader", [name for name in READERS if EXPECTED[name][0] != "refused"])
def test_the_index_shows_what_the_search_finds(reader: str, shelf: Shelf) -> None:
    caller, token = READERS[reader]
    with shelf.world.call(caller, {}, write=False, **token) as call:
        assert call.patient is not None
        found = record_index(call, call.patient, reader_of(call, call.patient), tuple(Status))
    assert {shelf.names[e.unique_id] for e in found["Comptes rendus"]} == documents(EXPECTED[reader][0])
    assert list(found) == ["Comptes rendus"]


def test_the_table_is_whole() -> None:
    assert EXPECTED.keys() == READERS.keys()


@pytest.mark.parametrize("owner", list(Owner))
def test_the_patient_and_his_representatives(owner: Owner, shelf: Shelf) -> None:
    with shelf.world.store.read() as work:
        entries = {shelf.names[e.unique_id]: e for e in work.documents.by_unique_id(shelf.unique_ids)}
        lots = {e.submission_set for e in entries.values()}
        record = next(iter(entries.values())).patient
        assert len(lots) == len(entries) == 20
        assert record
    with shelf.world.call("libre", {}, write=False) as call:
        assert call.patient is not None
        index = record_index(call, call.patient, owner, tuple(Status))
    assert {shelf.names[e.unique_id] for e in index["Comptes rendus"]} == documents(rows(OWNERS)[owner][0])
    assert {name for name, entry in entries.items() if sees(owner, entry)} == documents(rows(OWNERS)[owner][0])
    assert all(reads(owner, entry) == sees(owner, entry) for entry in entries.values())
    assert not any(sees(owner, entry._replace(is_signature=True)) for entry in entries.values())
