"""Reading a lot: real frames, and what hostile or careless clients send."""

import re
from pathlib import Path

import pytest
from lxml import etree
from xds_world import World, cases, errors_of, lot, placeholders, rules_of, status_of

from dmpws.cast import PATIENTS
from dmpws.codec.ebxml.answers import MOST_ERRORS
from dmpws.codec.ebxml.attachments import InlineOctets, read_documents
from dmpws.codec.ebxml.submission import read_submission
from dmpws.domain import oids
from dmpws.domain.checks import Outcome, Refused, Report
from dmpws.domain.document import SIGNS
from dmpws.domain.patient import Ins
from dmpws.transactions.deposit import LONGEST_SIGNATURE
from dmpws.xml.parser import parse


def official_body(reference: Path) -> etree._Element:
    raw = (reference / "frames" / "td2.1-request.mime").read_bytes()
    boundary = raw.split(b"\n", 1)[0]
    envelope = parse(raw.split(boundary)[1].split(b"\n\n", 1)[1])
    return envelope[1][0]


def test_the_official_frame_is_read(reference: Path) -> None:
    body, report = official_body(reference), Report()
    received = read_submission(body, report).submission
    document, signature = received.entries
    assert received.submission_set.unique_id == "1.2.250.1.999.1.1.7898.1.1622814651504"
    assert received.submission_set.title == "lot du document originel"
    assert document.unique_id == "1.2.250.1.999.1.1.7898.3.1622814651504"
    assert document.author_persons == {"899900063480"}
    assert document.author_institutions == {"499900063480001"}
    assert document.type_code is not None
    assert (document.type_code.code, document.title) == ("27899-4", "Document 1")
    assert document.source_patient_info[0] == "PID-5|patb-quatre^LAURENCE^^^^^L"
    assert signature.is_signature
    assert len(signature.confidentiality) == 3
    assert [a.type for a in received.associations][-1] == SIGNS
    parts = {f"WS_DMP_TD2.1-{n}.xml": InlineOctets(n.encode()) for n in ("DocumentME2", "SignatureXades")}
    found = read_documents(body, [e.id for e in received.entries], parts, report)
    assert set(found) == {"DocumentME2", "Signature01"}
    assert report.ok
    # The official frame names documentME2 what it declares as DocumentME2.
    assert [c.rule.id for c in report if c.outcome is Outcome.WARNED] == ["XDS-DOC-CASE"]


def test_comments_and_instructions_do_not_cut_values() -> None:
    frame = lot(change=[["<rim:Value>fr-FR</rim:Value>", "<rim:Value><!-- a -->fr<!-- b -->-<?x y?>FR\n</rim:Value>"]])
    assert read_submission(frame.body, Report()).submission.entries[0].language == "fr-FR"


@pytest.mark.parametrize("body", ["<a/>", '<a xmlns="urn:ihe:iti:xds-b:2007"><b/></a>'])
def test_a_body_without_list(body: str) -> None:
    with pytest.raises(Refused, match="XDS-LIST"):
        read_submission(parse(body.encode()), Report())


def test_inline_base64_is_a_document(world: World) -> None:
    values = placeholders()
    frame = lot(values)
    octets = frame.parts["document@example"].read()
    inline = lot(
        values,
        change=[
            [
                '<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:document@example"/>',
                _base64(octets),
            ]
        ],
    )
    parts = {"signature@example": frame.parts["signature@example"]}
    inline.parts = parts
    body = world.deposit(inline)
    assert errors_of(body) == []
    with world.store.read() as work:
        (entry,) = work.documents.by_unique_id([values["document_unique_id"]])
        assert work.documents.octets(entry).read() == octets


def _base64(octets: bytes) -> str:
    import base64

    text = base64.b64encode(octets).decode()
    return "\n".join(text[i : i + 76] for i in range(0, len(text), 76))


def test_every_error_is_in_one_answer(shared_world: World) -> None:
    """All the refused variants that touch different places of the frame, at once."""
    names = ["slot-twice", "no-source-id", "service-times", "unknown-facility", "unknown-content-type", "wrong-size",
             "not-a-member", "class-not-of-type", "no-title", "logical-id"]  # fmt: skip
    chosen = [case for case in cases("TD2.1") if case["id"] in names]
    assert len(chosen) == len(names)
    body = shared_world.deposit(lot(change=[pair for case in chosen for pair in case["change"]]), "camparini")
    assert status_of(body) == "Failure"
    assert rules_of(body) >= {case["rule"] for case in chosen} | {"LOT-AUTHOR"}
    assert all("attendu" in context or "trouvé" in context for _, context in errors_of(body))


def test_a_refused_lot_leaves_nothing(world: World) -> None:
    frame = lot(signature=b"bad")
    assert status_of(world.deposit(frame)) == "Failure"
    with world.store.read() as work:
        assert work.documents.by_unique_id(frame.values.values()) == []
        assert not work.documents.known_packages([frame.values["lot_unique_id"]])


def test_the_trace_says_what_was_deposited(world: World) -> None:
    frame = lot(change=[['<xds:Document id="document">', '<xds:Document id="DOCUMENT">']])
    world.deposit(frame)
    assert world.notes.submission_set == frame.values["lot_unique_id"]
    assert world.notes.documents == [
        {"uniqueId": frame.values["document_unique_id"], "typeCode": "11488-4"},
        {"uniqueId": frame.values["signature_unique_id"], "typeCode": "E1762"},
    ]
    assert ["XDS-DOC-CASE" in w for w in world.notes.warnings] == [True]
    assert world.notes.operation == "TD2.1 submit documents"


def test_thousands_of_slots_and_documents_are_answered(shared_world: World) -> None:
    slots = "".join(
        f'<rim:Slot name="urn:x:{i}"><rim:ValueList><rim:Value>{i}</rim:Value></rim:ValueList></rim:Slot>'
        for i in range(5000)
    )
    body = shared_world.deposit(
        lot(change=[['<rim:Slot name="languageCode">', slots + '<rim:Slot name="languageCode">']])
    )
    assert errors_of(body) == []
    entries = "".join(f'<rim:ExtrinsicObject id="d{i}"/>' for i in range(1000))
    body = shared_world.deposit(lot(change=[["</rim:RegistryObjectList>", entries + "</rim:RegistryObjectList>"]]))
    errors = errors_of(body)
    assert len(errors) == MOST_ERRORS + 1
    assert re.fullmatch(r"et \d{5} autres erreurs", errors[-1][1])


def test_a_signature_too_large_is_not_read(shared_world: World) -> None:
    class Large(InlineOctets):
        @property
        def size(self) -> int:
            return LONGEST_SIGNATURE + 1

        def read(self) -> bytes:
            raise AssertionError("read")

    frame = lot()
    frame.parts = {**frame.parts, "signature@example": Large(b"")}
    ((code, context),) = errors_of(shared_world.deposit(frame))
    assert code == "XDSRepositoryMetadataError"
    assert f"attendu : au plus {LONGEST_SIGNATURE} octets ; trouvé : {LONGEST_SIGNATURE + 1} octets" in context
    assert "[LOT-SIGNATURE-SIZE, DMPWS LIMITS]" in context


def test_an_unusual_signature_entry_is_accepted_and_said(shared_world: World) -> None:
    frame = lot(change=[['value="Source"/></rim:Name>', 'value="Signature"/></rim:Name>']])
    assert errors_of(shared_world.deposit(frame)) == []
    assert ["attendu : title Source ; trouvé : Signature" in w for w in shared_world.notes.warnings] == [True]


def test_a_former_identifier_is_the_same_patient(shared_world: World) -> None:
    """The record holds its INS-C too: documents that name it are the patient's."""
    ins_c = Ins("0529782301522593359679", oids.INS_C)
    old = f'value="{ins_c.value}^^^&amp;{ins_c.authority}&amp;ISO^INS-C"'
    change = [['registryObject="lot" value="{{patient}}"', f'registryObject="lot" {old}']]
    assert rules_of(shared_world.deposit(lot(change=change))) == {"XDS-PATIENT"}
    record = {"identifiers": (PATIENTS["pat-trois"].ins, ins_c)}
    assert errors_of(shared_world.deposit(lot(change=change), record=record)) == []
