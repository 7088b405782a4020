"""Copies of a record: who gets what, and archives that can be trusted."""

import io
import re
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from acts_world import INS, LIBRE, MOTHER, World, doctor, document, refused
from sqlalchemy import update

from dmpws.acts.actor import Actor, operator, patient, representative
from dmpws.acts.copying import Recipient, copy_record
from dmpws.codec.xdm.layout import is_iso_9660
from dmpws.codec.xdm.reading import verify
from dmpws.domain import oids
from dmpws.domain.checks import Report
from dmpws.domain.code import Code
from dmpws.domain.document import (
    HAS_MEMBER,
    INVISIBLE_PATIENT,
    INVISIBLE_REPRESENTANTS_LEGAUX,
    MASQUE_PS,
    RPLC,
    Association,
    DocumentEntry,
    Folder,
)
from dmpws.soap.validation import Schemas
from dmpws.store import tables
from dmpws.testing.deposits import NORMAL, FolderDeposit, new_oid, new_uuid
from dmpws.transactions.call import Settings
from dmpws.xml.names import LCM, RIM
from dmpws.xml.parser import parse

HOST = operator("exploitation")
METADATA, FIRST = "IHE_XDM/SUBSET01/METADATA.XML", "IHE_XDM/SUBSET01/DOC00001.TXT"


def copied(
    world: World, actor: Actor = HOST, recipient: Recipient = Recipient.PATIENT, **desk: object
) -> zipfile.ZipFile:
    out = io.BytesIO()
    copy_record(world.desk(actor, **desk), INS, out, recipient)
    report = verify(out)
    assert report.ok, report.failures
    return zipfile.ZipFile(out)


def contents(archive: zipfile.ZipFile) -> list[bytes]:
    """The documents, in order."""
    return [archive.read(name) for name in sorted(archive.namelist()) if re.search(r"/DOC\d+\.", name)]


def visible(*codes: str, **values: Any) -> DocumentEntry:
    return document(
        confidentiality=(NORMAL, *(Code(code, oids.VISIBILITY, code) for code in codes)),
        mime_type="text/plain",
        **values,
    )


@pytest.fixture
def filled(world: World) -> World:
    """A record with one document of each visibility and state."""
    world.open(birth_date="20150101", representatives=(MOTHER,))
    for codes in ((), (MASQUE_PS,), (INVISIBLE_PATIENT,), (INVISIBLE_REPRESENTANTS_LEGAUX,)):
        world.deposit((visible(*codes, title=" ".join(codes) or "visible"), (" ".join(codes) or "visible").encode()))
    deleted = world.deposit((visible(title="deleted"), b"deleted")).entries[0].entry.unique_id
    world.delete(deleted)
    return world


ALL = {b"visible", b"MASQUE_PS", b"deleted"}


@pytest.mark.parametrize(
    ("actor", "recipient", "expected"),
    [
        (patient(INS), Recipient.PATIENT, ALL | {b"INVISIBLE_REPRESENTANTS_LEGAUX"}),
        (HOST, Recipient.PATIENT, ALL | {b"INVISIBLE_REPRESENTANTS_LEGAUX"}),
        (representative(MOTHER), Recipient.PATIENT, ALL),
        (HOST, Recipient.REPRESENTATIVE, ALL),
        (
            HOST,
            Recipient.LEGAL,
            ALL | {b"INVISIBLE_REPRESENTANTS_LEGAUX", b"INVISIBLE_PATIENT", b"<Signature/>"},
        ),
    ],
)
def test_each_gets_what_he_may_see(filled: World, actor: Actor, recipient: Recipient, expected: set[bytes]) -> None:
    archive = copied(filled, actor, recipient, motive="demande", proof="LR")
    assert set(contents(archive)) == expected
    page = archive.read("INDEX.HTM").decode()
    assert ("INVISIBLE_PATIENT" in page) is (b"INVISIBLE_PATIENT" in expected)
    assert (b"INVISIBLE_PATIENT" in archive.read(METADATA)) is (b"INVISIBLE_PATIENT" in expected)
    trace = filled.traces()[-1]
    assert trace["transaction"] == (f"act:copy-{recipient}" if recipient is not Recipient.PATIENT else "act:copy")
    assert len(trace["documents"]) == len(contents(archive))
    assert "changes" not in trace  # a number would tell those who read the trace what is hidden from them


@pytest.mark.parametrize(
    ("deceased", "wish", "proof", "actor", "rule"),
    [
        (True, True, "acte de notoriété", HOST, ""),
        (True, True, "", HOST, "COPY-PROOF"),
        (True, False, "acte de notoriété", HOST, "COPY-WISH"),
        (False, True, "acte de notoriété", HOST, "COPY-DECEASED"),
        (True, True, "acte de notoriété", representative(MOTHER), "ACT-ALLOWED"),
        (True, True, "acte de notoriété", doctor(), "ACT-ALLOWED"),
    ],
)
def test_a_successor_needs_a_death_a_wish_and_a_proof(
    world: World, deceased: bool, wish: bool, proof: str, actor: Actor, rule: str
) -> None:
    record = world.open(deceased=deceased, representatives=(MOTHER,))
    world.deposit((visible(title="said"), b"said"), (visible(INVISIBLE_REPRESENTANTS_LEGAUX), b"kept from parents"))
    world.authorise(LIBRE, treating_doctor=True)
    row = tables.patient.c
    world.store.database.change(update(tables.patient).where(row.id == record.id).values(successors_may_read=wish))
    desk = world.desk(actor, motive="faire valoir ses droits", proof=proof)
    out = io.BytesIO()
    if rule:
        assert refused(lambda: copy_record(desk, INS, out, Recipient.SUCCESSOR)) == rule
        assert out.getvalue() == b""
    else:
        assert copy_record(desk, INS, out, Recipient.SUCCESSOR) == 1
        assert world.traces()[-1]["proof"] == "acte de notoriété"


@pytest.mark.parametrize(("motive", "proof", "rule"), [("", "LR", "ACT-MOTIVE"), ("juge", "", "COPY-PROOF")])
def test_a_legal_copy_needs_a_motive_and_a_proof(filled: World, motive: str, proof: str, rule: str) -> None:
    desk = filled.desk(HOST, motive=motive, proof=proof)
    assert refused(lambda: copy_record(desk, INS, io.BytesIO(), Recipient.LEGAL)) == rule


def test_the_metadata_are_what_the_schemas_say_and_relate_what_is_there(world: World, schemas: Schemas) -> None:
    world.open()
    old = world.deposit((visible(title="old"), b"old"))
    with world.store.read() as work:
        (target,) = work.documents.by_entry_uuid([old.entries[0].entry_uuid])
    classeur = FolderDeposit(Folder("f", new_oid(), "", (), "Grossesse"), new_uuid(), b"</ns4:RegistryPackage>")
    new = world.deposit(
        (visible(title="new"), b"new"), (visible(INVISIBLE_PATIENT), b"hidden"),
        replaces=[(target.id, target.entry_uuid)], folders=[classeur],
    )  # fmt: skip
    shown, hidden, _ = new.entries
    inside = [Association(new_uuid(), HAS_MEMBER, classeur.uuid, e.entry_uuid) for e in (shown, hidden)]
    world.deposit((visible(), b"third"), associations=inside)
    archive = copied(world, patient(INS))
    root = parse(archive.read(METADATA))
    assert root.tag == f"{{{LCM}}}SubmitObjectsRequest"
    entries = list(root.iter(f"{{{RIM}}}ExtrinsicObject"))
    assert len(entries) == 3
    for entry in entries:
        slots = {slot.get("name"): slot.findtext(f".//{{{RIM}}}Value") for slot in entry.iter(f"{{{RIM}}}Slot")}
        assert is_iso_9660(str(slots["URI"]))
        assert archive.getinfo(f"IHE_XDM/SUBSET01/{slots['URI']}").file_size == int(str(slots["size"]))
    text = archive.read(METADATA).decode()
    assert hidden.entry_uuid not in text
    links = [
        (a.get("associationType"), a.get("sourceObject"), a.get("targetObject"))
        for a in root.iter(f"{{{RIM}}}Association")
    ]
    assert (RPLC, shown.entry_uuid, target.entry_uuid) in links
    assert (HAS_MEMBER, classeur.uuid, shown.entry_uuid) in links
    report = Report()
    schemas.check(root, report)
    assert report.ok, report.failures


HOSTILE = [
    "../../../etc/passwd", "C:\\Windows\\system32", "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>',
    "CON.TXT", "a\u202egpj.exe", "nul\u0085ligne\u2028fin", "]]>&amp;&#0;", "{{titre}}", "é" * 128, "'; DROP TABLE x",
]  # fmt: skip


def test_names_and_titles_of_senders_reach_neither_paths_nor_markup(world: World) -> None:
    world.open()
    for title in HOSTILE:
        world.deposit((visible(title=title), title.encode()))
    archive = copied(world, patient(INS), settings=Settings(institution="<b>Hôte</b>"))
    assert all(is_iso_9660(name) for name in archive.namelist())
    assert len(set(archive.namelist())) == len(archive.namelist())
    page = archive.read("INDEX.HTM").decode()
    for forbidden in ("<script", "<img", "onerror=alert(1)>", "<b>", "\u202e", "\u2028", "\u0085"):
        assert forbidden not in page
    assert "&lt;script&gt;" in page
    body = page.partition("\n")[2]  # the parser takes no DOCTYPE
    links = [a.get("href", "") for a in parse(body.encode()).iter("{http://www.w3.org/1999/xhtml}a")]
    files = {link for link in links if not link.startswith("#")}
    assert files <= set(archive.namelist())
    assert len(files) == len(HOSTILE) + 1


def test_a_signed_document_is_readable_beside_the_original(world: World) -> None:
    world.open()
    pdf = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF"
    cda = (
        b'<ClinicalDocument xmlns="urn:hl7-org:v3"><title>T</title><component><structuredBody><component><section>'
        b"<title>Histoire &lt;b&gt;</title><text><paragraph>Bonjour<br/><linkHtml href='http://x'>ici</linkHtml>"
        b"</paragraph><table onclick='x'><tr><td colspan='2' style='y'>1</td></tr></table></text></section>"
        b"</component></structuredBody></component></ClinicalDocument>"
    )
    world.deposit((document(mime_type="text/xml"), cda), (document(mime_type="application/pdf"), pdf))
    archive = copied(world, patient(INS))
    (name,) = [n for n in archive.namelist() if n.startswith("LISIBLE/")]
    page = archive.read(name).decode()
    assert "Histoire &lt;b&gt;" in page
    assert '<p>Bonjour<br/>ici</p><table><tr><td colspan="2">1</td></tr></table>' in page
    assert "http://x" not in page
    assert set(contents(archive)) == {cda, pdf, page.encode()}


def test_a_damaged_document_makes_the_copy_fail(filled: World) -> None:
    filled.damage(b"deleted")
    desk = filled.desk(patient(INS))
    assert refused(lambda: copy_record(desk, INS, io.BytesIO())) == "XDM-DAMAGED"
    assert filled.traces()[-1]["code"] == "XDSRepositoryError"


def test_a_missing_document_makes_the_copy_fail(filled: World) -> None:
    next(filled.documents.glob("??/*")).unlink()
    desk = filled.desk(HOST, motive="x", proof="y")
    assert refused(lambda: copy_record(desk, INS, io.BytesIO(), Recipient.LEGAL)) == "XDM-DAMAGED"


def test_memory_does_not_grow_with_the_documents(world: World, tmp_path: Path) -> None:
    """A document of 40 MB that is no CDA, of which a few buffers are held at a time."""
    world.open()
    block = bytes(range(256)) * 4096
    writer = world.store.blobs.writer()
    for _ in range(40):
        writer.write(block)
    octets = writer.close()
    world.deposit_octets(document(mime_type="application/dicom"), octets)
    settings = Settings()
    with (tmp_path / "copy.zip").open("w+b") as out:
        tracemalloc.start()
        copy_record(world.desk(patient(INS), settings=settings), INS, out)
        assert verify(out).ok
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert octets.size == 40 * 2**20
    assert peak < 8 * 2**20


def test_the_names_are_the_same_twice(filled: World) -> None:
    assert copied(filled).namelist() == copied(filled).namelist()


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (lambda names: {**names, FIRST: b"?" + names[FIRST][1:]}, "XDM-HASH"),
        (lambda names: {**names, FIRST: names[FIRST] + b"?"}, "XDM-SIZE"),
        (lambda names: {**names, FIRST: bytes(10_000_000)}, "XDM-SIZE"),
        (lambda names: {n: c for n, c in names.items() if "DOC00001" not in n}, "XDM-URI"),
        (
            lambda names: {**names, METADATA: names[METADATA].replace(b"DOC00001.TXT", b"../../../etc/passwd")},
            "XDM-URI",
        ),
        (lambda names: {**names, METADATA: b"<a"}, "XDM-METADATA"),
        (lambda names: {**names, METADATA: b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"}, "XDM-METADATA"),
        (lambda names: {n: c for n, c in names.items() if n != METADATA}, "XDM-METADATA"),
        (lambda names: {n: c for n, c in names.items() if n != "INDEX.HTM"}, "XDM-FILES"),
        (lambda names: {**names, "../../evil.sh": b"x"}, "XDM-NAMES"),
        (lambda names: {**names, "IHE_XDM/SUBSET01/long-name.text": b"x"}, "XDM-NAMES"),
        (lambda names: {**names, "IHE_XDM/SUBSET01/EXTRA.TXT": b"x"}, "XDM-LISTED"),
        (lambda names: {}, "XDM-FILES"),
    ],
)
def test_a_spoiled_archive_is_found_out(
    filled: World, spoil: Callable[[dict[str, bytes]], dict[str, bytes]], rule: str
) -> None:
    archive = copied(filled)
    names = {name: archive.read(name) for name in archive.namelist()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in spoil(names).items():
            made.writestr(name, content)
    assert rule in {check.rule.id for check in verify(out).failures}


@pytest.mark.parametrize("cut", [0, 10, 500, -30])
def test_an_archive_that_is_cut_or_altered(filled: World, cut: int) -> None:
    out = io.BytesIO()
    copy_record(filled.desk(HOST), INS, out)
    assert not verify(io.BytesIO(out.getvalue()[:cut])).ok
    altered = bytearray(out.getvalue())
    altered[2000] ^= 0xFF
    assert not verify(io.BytesIO(bytes(altered))).ok
