"""What each reader finds and reads, by the state of the document (GI-DMP EX_3.1-1030, GI-DMP EX_3.1-1080).

What is hidden does not exist.
"""

from datetime import UTC, datetime

import pytest
from xds_world import (
    FIND,
    MASK,
    World,
    answer,
    entries_of,
    errors_of,
    fill,
    lot,
    query,
    status_of,
    unique_id_of,
    update_set,
)

from dmpws.client.update import status_request
from dmpws.codec.ebxml.names import FIND_DOCUMENTS
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.caller import Caller
from dmpws.domain.code import Code
from dmpws.domain.document import Status, StoredEntry
from dmpws.domain.oids import PROFESSIONS, SKILLS
from dmpws.domain.type_rights import TypeRights
from dmpws.domain.visibility import Reader, reads, sees
from dmpws.resources import folder
from dmpws.xml.names import RS

READ = (folder("transactions") / "TD3.2" / "request.xml").read_text("utf-8")
GET = (folder("transactions") / "TD3.1" / "reference.xml").read_text("utf-8").replace("ObjectRef", "LeafClass")


def retrieve(world: World, unique_id: str, caller: str = "libre") -> str:
    body, _ = world.retrieve(query(READ, {"consultation": unique_id}), caller)
    return status_of(body) + "".join(f" {code} {context}" for code, context in errors_of(body))


@pytest.fixture
def masked(world: World) -> str:
    """uniqueId of a masked document; libre and camparini may consult."""
    frame = lot(change=[["<!-- formatCode -->", MASK]])
    assert errors_of(world.deposit(frame)) == []
    world.authorise("libre")
    world.authorise("camparini")
    return frame.values["document_unique_id"]


def set_status(world: World, unique_id: str, status: Status) -> None:
    with world.store.write() as work:
        work.documents.set_status([work.documents.by_unique_id([unique_id])[0].id], status)


def test_hidden_and_absent_get_the_same_answer(world: World, masked: str) -> None:
    hidden = retrieve(world, masked, "camparini")
    assert hidden == f"Failure XDSDocumentUniqueIdError uniqueId={masked}"
    assert retrieve(world, "2.25.7", "camparini").replace("2.25.7", masked) == hidden
    found = [world.search(query(fill(GET, {"consultation": uid})), "camparini") for uid in (masked, "2.25.7")]
    assert [body.get("totalResultCount") for body in found] == ["0", "0"]


def test_nothing_of_a_hidden_document_reaches_the_trace(world: World, masked: str) -> None:
    retrieve(world, masked, "camparini")
    assert world.notes.documents == []
    retrieve(world, masked)
    assert world.notes.documents == [{"uniqueId": masked, "typeCode": "11488-4"}]


def test_the_trace_of_a_refusal_says_what_was_asked_for(world: World, masked: str) -> None:
    """Who was turned away at the door is told with what he wanted (DMPWS D22)."""
    body = world.search(query(FIND), "nobody")
    assert [code for code, _ in errors_of(body)] == ["DMPAuthorizationNotFound"]
    assert world.notes.query == FIND_DOCUMENTS
    assert list(world.notes.parameters) == ["$XDSDocumentEntryStatus"]
    assert "DMPAuthorizationNotFound" in retrieve(world, masked, "nobody")
    assert world.notes.parameters == {"DocumentUniqueId": [masked]}
    frame = lot()
    assert errors_of(world.deposit(frame)) == []
    visible = frame.values["document_unique_id"]
    with world.store.read() as work:
        entry_uuid = work.documents.by_unique_id([visible])[0].entry_uuid
    body = world.update(status_request(update_set("2.25.7"), entry_uuid, Status.APPROVED, Status.DELETED), "camparini")
    assert [e.get("location") for e in body.iter(f"{{{RS}}}RegistryError")] == [entry_uuid]
    assert world.notes.documents == [{"uniqueId": visible, "typeCode": "11488-4"}]


@pytest.mark.parametrize("status", [Status.ARCHIVED, Status.DELETED, Status.DEPRECATED])
def test_other_states_leave_the_default_search_and_are_still_read(world: World, masked: str, status: Status) -> None:
    set_status(world, masked, status)
    assert entries_of(world.search(query(FIND))) == []
    asked = FIND.replace("urn:oasis:names:tc:ebxml-regrep:StatusType:Approved", status)
    (entry,) = entries_of(world.search(query(asked)))
    assert entry.get("status") == status
    assert [unique_id_of(e) for e in entries_of(world.search(query(fill(GET, {"consultation": masked}))))] == [masked]
    assert retrieve(world, masked) == "Success"
    assert retrieve(world, masked, "camparini").startswith("Failure")


def test_erased_octets_are_unknown(world: World, masked: str) -> None:
    with world.store.read() as work:
        stored = work.documents.octets(work.documents.by_unique_id([masked])[0])
    stored.path.unlink()
    assert retrieve(world, masked) == f"Failure XDSDocumentUniqueIdError uniqueId={masked}"


def test_the_octets_are_handed_over_unread(world: World, masked: str) -> None:
    _, reply = world.retrieve(query(READ, {"consultation": masked}))
    ((content_id, octets),) = reply.attachments.items()
    assert content_id.endswith("@urn:ihe:iti:xds-b:2007")
    assert octets.size > 0
    assert type(octets).__name__ == "StoredOctets"
    include = answer(reply)[1].find(".//{*}Include")
    assert include is not None
    assert include.get("href") == "cid:" + content_id.replace(":", "%3A")


def test_the_documents_of_another_patient_do_not_exist(world: World, masked: str) -> None:
    world.open_dmp("nessi")
    world.authorise("libre", "nessi")
    world.patient = "nessi"
    assert retrieve(world, masked).startswith("Failure XDSDocumentUniqueIdError")
    assert entries_of(world.search(query(FIND))) == []
    assert entries_of(world.search(query(fill(GET, {"consultation": masked})))) == []


# ---- the function itself

DOCTOR = (Code("10", PROFESSIONS), Code("SM26", SKILLS))
OCCUPATIONAL = (Code("10", PROFESSIONS), Code("SM25", SKILLS))


def entry(*hidden: str, status: Status = Status.APPROVED) -> StoredEntry:
    return StoredEntry(
        id=1, entry_uuid="urn:uuid:1", lid="urn:uuid:1", version=1, latest=True, unique_id="1.2", patient=1,
        submission_set=1, status=status, object_type="", mime_type="text/xml", hash="", size=1, type_code="11488-4",
        type_system="", class_code="10", visibility=frozenset(hidden), author_persons=frozenset({"author"}),
        author_institutions=frozenset({"structure"}), legal_authenticator="responsable", is_signature=False,
        creation_time="2026", received_at=datetime(2026, 11, 21, tzinfo=UTC), octets="", fragment=b"",
    )  # fmt: skip


def reader(
    person: str = "other",
    *,
    structure: str = "elsewhere",
    mode: AuthMode = AuthMode.DIRECTE,
    purpose: Purpose = Purpose.NORMAL,
    roles: tuple[Code, ...] = DOCTOR,
    treating_doctor: bool = False,
    masked_in_emergency: bool = False,
) -> Reader:
    return Reader(Caller(mode, purpose, person, structure, roles), treating_doctor, masked_in_emergency, TypeRights())


EMERGENCIES = [Purpose.BRIS_DE_GLACE, Purpose.CENTRE_15]


def test_who_sees_a_masked_document() -> None:
    masked = entry("MASQUE_PS")
    assert sees(reader("author"), masked)
    assert sees(reader("responsable"), masked)
    assert sees(reader(treating_doctor=True), masked)
    assert sees(reader("author", roles=OCCUPATIONAL), masked)
    assert not sees(reader(), masked)
    assert not sees(reader(structure="structure"), masked)
    assert sees(reader(structure="structure", mode=AuthMode.INDIRECTE), masked)
    assert not sees(reader(mode=AuthMode.INDIRECTE), masked)


@pytest.mark.parametrize("purpose", EMERGENCIES)
def test_in_emergency_the_patient_decides(purpose: Purpose) -> None:
    masked = entry("MASQUE_PS")
    for who in ("author", "other"):
        for treating_doctor in (False, True):
            assert not sees(reader(who, purpose=purpose, treating_doctor=treating_doctor), masked)
            assert sees(reader(who, purpose=purpose, masked_in_emergency=True), masked)


@pytest.mark.parametrize("hidden", [(), ("INVISIBLE_PATIENT",), ("INVISIBLE_REPRESENTANTS_LEGAUX",)])
def test_what_is_hidden_from_the_patient_is_not_from_professionals(hidden: tuple[str, ...]) -> None:
    assert sees(reader(), entry(*hidden))
    assert reads(reader(), entry(*hidden))


def test_the_rights_bound_what_is_read() -> None:
    plain = entry()
    assert sees(reader(roles=OCCUPATIONAL), plain)
    assert not reads(reader(roles=OCCUPATIONAL), plain)
    assert not reads(reader(mode=AuthMode.INDIRECTE, structure="structure"), plain)
    assert not reads(reader("author", roles=OCCUPATIONAL), entry("MASQUE_PS"))
    for status in Status:
        assert reads(reader(), entry(status=status))
