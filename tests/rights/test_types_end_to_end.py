"""Document-type rights through the application: what a profession may not read does not exist for it."""

import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree

from dmpws import cast
from dmpws.client import Actor, Attachment, ClinicalDocument, Deposit, LpsSession
from dmpws.client.registry import query_request, quoted
from dmpws.codec.ebxml import names
from dmpws.domain import oids
from dmpws.domain.access import Purpose
from dmpws.domain.code import Code
from dmpws.domain.document import Status
from dmpws.pki.cards import Card
from dmpws.pki.demo import DemoPki
from dmpws.testing.local import LocalApp, in_air

PATIENT = cast.PATIENTS["nessi"]
INS = PATIENT.ins
LOINC = "2.16.840.1.113883.6.1"
DELIVERY, ADMISSION, REPORT = "15508-5", "67851-6", "11488-4"
"""Of the public cells a nurse reads the first two, an orthoptist (91) the second; nothing public on the third."""
NURSE, ORTHOPTIST, SPEECH = (Code(code, oids.PROFESSIONS) for code in ("60", "91", "80"))
DOCTOR = (Code("10", oids.PROFESSIONS), Code("SM26", oids.SKILLS))


class Ward:
    """One record with a document of each type, written by Dr LIBRE; who reads it has an authorisation."""

    def __init__(self, app: LocalApp) -> None:
        self.app = app
        self.author = app.session("medecin-libre")
        assert self.author.add_authorisation(INS).ok
        self.documents = {code: self.deposit(self.author, code) for code in (DELIVERY, ADMISSION, REPORT)}

    def deposit(self, lps: LpsSession, type_code: str) -> str:
        """uniqueId of a new document of this type."""
        yesterday = self.app.now - timedelta(days=1)
        body = Attachment("text/plain", b"RAS")
        kind = Code(type_code, LOINC, type_code)
        document = ClinicalDocument(INS, PATIENT.traits, lps.actor, kind, "CR", body, self.app.now, yesterday)
        lot = lps.build_lot(INS, [Deposit(document)])
        answer = lps.send_lot(INS, lot)
        assert answer.ok, answer.problems
        return lot.document_ids[0]

    def reader(self, *roles: Code, purpose: Purpose = Purpose.NORMAL, air: bool = False) -> LpsSession:
        """A professional of the hospital with these roles."""
        card = card_of(self.app.pki, roles[0])
        actor = replace(Actor.of_card(card), roles=roles)
        name = "hopital-eg" if air else card.name
        actor = in_air(actor) if air else actor
        reason = "urgence" if purpose is Purpose.BRIS_DE_GLACE else ""
        lps = self.app.session(name, actor, purpose=purpose, reason=reason)
        if purpose is Purpose.NORMAL:
            assert lps.add_authorisation(INS).ok
        return lps

    def listed(self, lps: LpsSession) -> set[str]:
        answer = lps.find_documents(INS)
        assert answer.ok, answer.problems
        codes = {unique_id: code for code, unique_id in self.documents.items()}
        return {codes.get(document.unique_id, document.unique_id) for document in answer.documents}

    def read(self, lps: LpsSession) -> set[str]:
        return {code for code, unique_id in self.documents.items() if lps.retrieve(INS, [unique_id]).ok}


def card_of(pki: DemoPki, profession: Code) -> Card:
    """CAMPARINI's card, as it would be in another profession."""
    name = f"camparini-{profession.code}"
    try:
        return pki.card(name)
    except FileNotFoundError:
        own = pki.card("medecin-camparini").practice
        return pki.issue(
            "cps",
            name,
            common_name="801234534765",
            family="CAMPARINI",
            given="Marcel",
            organisation=own.structure_name,
            structure=own.structure,
            sector=own.sector,
            profession=profession.code,
        )


def ward_of(app: LocalApp, **options: str) -> Ward:
    return Ward(LocalApp(app.store, app.pki, app.now, **options))


@pytest.fixture
def strict(app: LocalApp) -> Ward:
    return ward_of(app, matrix="strict")


@pytest.mark.parametrize("air", [False, True], ids=["directe", "air"])
@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ((NURSE,), {DELIVERY, ADMISSION}),
        ((ORTHOPTIST,), {ADMISSION}),
        ((SPEECH,), set()),
        (DOCTOR, {DELIVERY, ADMISSION, REPORT}),
    ],
    ids=["nurse", "orthoptist", "speech therapist", "doctor"],
)
def test_what_each_profession_finds_and_reads(
    strict: Ward, roles: tuple[Code, ...], expected: set[str], air: bool
) -> None:
    assert strict.listed(strict.reader(*roles, air=air)) == expected
    assert strict.read(strict.reader(*roles, air=air)) == expected


@pytest.mark.parametrize("purpose", [Purpose.BRIS_DE_GLACE, Purpose.CENTRE_15])
def test_an_emergency_shows_no_more_types(strict: Ward, purpose: Purpose) -> None:
    nurse = strict.reader(NURSE, purpose=purpose)
    assert strict.listed(nurse) == strict.read(nurse) == {DELIVERY, ADMISSION}


def test_where_the_matrix_is_open_only_what_is_refused_is_hidden(app: LocalApp) -> None:
    ward = ward_of(app, matrix="open")
    assert ward.listed(ward.reader(ORTHOPTIST)) == ward.read(ward.reader(ORTHOPTIST)) == {ADMISSION, REPORT}


def test_ones_own_table(app: LocalApp, tmp_path: Path) -> None:
    table = tmp_path / "matrice.tsv"
    table.write_text(f"profession\ttypeCode\tread\n60\t{REPORT}\tyes\n10\t{DELIVERY}\tno\n")
    ward = ward_of(app, matrix="strict", matrix_file=str(table))
    assert ward.listed(ward.reader(NURSE)) == ward.read(ward.reader(NURSE)) == {REPORT}
    assert ward.listed(ward.reader(*DOCTOR)) == {ADMISSION, REPORT}
    assert ward.listed(ward.author) == {DELIVERY, ADMISSION, REPORT}


def test_who_wrote_a_document_reads_it_whatever_its_type(strict: Ward) -> None:
    nurse = strict.reader(NURSE)
    own = "34112-3"
    strict.documents[own] = strict.deposit(nurse, own)
    assert strict.listed(nurse) == strict.read(nurse) == {DELIVERY, ADMISSION, own}
    assert nurse.archive(INS, strict.documents[own]).ok
    assert strict.listed(strict.reader(NURSE)) == {DELIVERY, ADMISSION}
    assert nurse.delete(INS, strict.documents[own], archived=True).ok


def test_the_structure_finds_the_references_of_its_own(strict: Ward) -> None:
    """Whoever the user is: he acts for the structure, which wrote it (PDT-INF-526 note 5)."""
    employee = strict.app.session("cpe-libre")
    found = employee.get_documents(INS, unique_ids=[strict.documents[REPORT]], return_type="ObjectRef")
    assert len(found.references) == 1


def octets_of(lps: LpsSession, query: str, **parameters: str) -> str:
    """The answer to a stored query, as it is sent."""
    slots = {f"${name}": [value] for name, value in parameters.items()}
    return etree.tostring(lps._call("TD3.1", INS, query_request(query, slots)).body, encoding="unicode")


def test_the_answers_are_those_about_what_was_never_there(strict: Ward) -> None:
    """TD3.1 by any identifier, TD3.2, TD3.3 and the count of results; see also tests/xds/test_nothing_leaks.py."""
    nurse, hidden, absent = strict.reader(NURSE), strict.documents[REPORT], f"2.25.{uuid.uuid4().int}"
    (document,) = strict.author.get_documents(INS, unique_ids=[hidden]).documents
    for parameter, real, invented in (
        ("XDSDocumentEntryUniqueId", hidden, absent),
        ("XDSDocumentEntryEntryUUID", document.entry_uuid, f"urn:uuid:{uuid.uuid4()}"),
    ):
        for query in (names.GET_DOCUMENTS, names.GET_DOCUMENTS_AND_ASSOCIATIONS):
            answers = [octets_of(nurse, query, **{parameter: quoted([value])}) for value in (real, invented)]
            assert answers[0] == answers[1]
            assert 'totalResultCount="0"' in answers[0] or "ExtrinsicObject" not in answers[0]
    problems = [nurse.retrieve(INS, [unique_id]).problems for unique_id in (hidden, absent)]
    assert [[p.code for p in found] for found in problems] == [["XDSDocumentUniqueIdError"]] * 2
    assert [[p.text for p in found] for found in problems] == [[f"uniqueId={hidden}"], [f"uniqueId={absent}"]]
    with pytest.raises(LookupError):
        nurse.archive(INS, hidden)


def test_mixed_reads_give_what_may_be_read(strict: Ward) -> None:
    answer = strict.reader(NURSE).retrieve(INS, [strict.documents[DELIVERY], strict.documents[REPORT]])
    assert [d.unique_id for d in answer.documents] == [strict.documents[DELIVERY]]
    assert [p.code for p in answer.problems] == ["XDSDocumentUniqueIdError"]


def test_every_status_and_version_is_filtered(strict: Ward) -> None:
    author, nurse = strict.author, strict.reader(NURSE)
    assert author.archive(INS, strict.documents[REPORT]).ok
    assert author.archive(INS, strict.documents[DELIVERY]).ok
    found = nurse.find_documents(INS, statuses=tuple(Status)).documents
    assert {d.unique_id for d in found} == {strict.documents[DELIVERY], strict.documents[ADMISSION]}
