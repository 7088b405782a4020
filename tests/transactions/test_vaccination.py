"""Vaccination notes and the historique the DMP keeps of them, on the whole server in this process."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree

from dmpws.cast import PATIENTS
from dmpws.client import LpsSession
from dmpws.client.cda import ClinicalDocument
from dmpws.client.lot import Deposit
from dmpws.client.vaccination import Vaccination, vaccination_note
from dmpws.codec.cda import parse_document, read_header
from dmpws.codec.vaccination import read_note, sections
from dmpws.domain.checks import Report
from dmpws.domain.document import Status
from dmpws.domain.vaccination import HISTORY_TYPE, NOTE_TYPE
from dmpws.pki.demo import DemoPki
from dmpws.soap.official_cda import cda_checker
from dmpws.soap.validation import Schemas
from dmpws.store import Store
from dmpws.testing.local import LocalApp
from dmpws.xml.names import HL7
from dmpws.xml.parser import parse

PATIENT = PATIENTS["pat-trois"]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TETANUS = Vaccination("68747507", "VACCIN TETANIQUE PASTEUR", date(2026, 9, 28), lot="4456672", rank=2)
MEASLES = Vaccination("61234567", "VACCIN ROUGEOLEUX", date(2026, 10, 1))
Notes = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def libre(app: LocalApp) -> LpsSession:
    session = app.session("medecin-libre")
    assert session.add_authorisation(PATIENT.ins).ok
    return session


def note(session: LpsSession, vaccination: Vaccination, **version: object) -> ClinicalDocument:
    effective = NOW - timedelta(hours=1)
    return vaccination_note(PATIENT.ins, PATIENT.traits, session.actor, vaccination, effective=effective, **version)


def send(session: LpsSession, *deposits: Deposit | ClinicalDocument) -> list[tuple[str, str]]:
    """(code, context) of each error."""
    lot = [d if isinstance(d, Deposit) else Deposit(d) for d in deposits]
    return [(p.code, p.text) for p in session.submit(PATIENT.ins, lot).problems]


def histories(session: LpsSession, *statuses: Status) -> list[str]:
    """uniqueIds of the historiques, newest first."""
    slots = {"$XDSDocumentEntryTypeCode": [f"('{HISTORY_TYPE.code}^^{HISTORY_TYPE.system}')"]}
    answer = session.find_documents(PATIENT.ins, statuses=statuses or (Status.APPROVED,), parameters=slots)
    assert answer.ok, answer.problems
    return [d.unique_id for d in answer.documents]


def read(session: LpsSession, unique_id: str) -> etree._Element:
    answer = session.retrieve(PATIENT.ins, [unique_id])
    assert answer.ok, answer.problems
    document, _ = parse_document(answer.documents[0].octets.read())
    return document


def history(session: LpsSession) -> etree._Element:
    """The one historique in force."""
    [unique_id] = histories(session)
    return read(session, unique_id)


def vaccines(document: etree._Element) -> list[str]:
    return [v.cis for v in read_note(document).vaccinations]


def test_the_first_note_creates_the_historique(app: LocalApp, libre: LpsSession) -> None:
    assert send(libre, note(libre, TETANUS)) == []
    document = history(libre)
    header = read_header(document)
    assert vaccines(document) == [TETANUS.cis]
    assert (header.version, header.replaces) == ("1", ())
    assert header.id.root.startswith("1.2.250.1.213.4.1.1.1.4.")
    assert header.authors[0].names == {"1.2.250.1.213.4.1"}
    assert header.code is not None and header.code.same(HISTORY_TYPE)
    assert "VACCIN TETANIQUE PASTEUR" in " ".join(map(str, document.itertext()))
    # No signature entry: the lot is the DMP's own.
    with app.store.read() as work:
        [entry] = work.documents.by_unique_id([header.id.root])
        assert entry.author_persons == {"1.2.250.1.213.4.1"}
        assert [e.type_code for e in work.documents.by_unique_id([header.id.root])] == [HISTORY_TYPE.code]
        assert not work.documents.lot(header.id.root)


def test_each_note_makes_a_new_version(libre: LpsSession) -> None:
    assert send(libre, note(libre, TETANUS)) == []
    [first] = histories(libre)
    assert send(libre, note(libre, MEASLES)) == []
    document = history(libre)
    assert vaccines(document) == [MEASLES.cis, TETANUS.cis]
    old, new = read_header(read(libre, first)), read_header(document)
    assert (new.version, new.replaces, new.set_id) == ("2", (first,), old.set_id)
    assert histories(libre, Status.DEPRECATED) == [first]
    references = [r.get("value") for s in sections(document) for r in s.iter(f"{{{HL7}}}reference") if not len(r)]
    ids = {e.get("ID") for e in document.iter(f"{{{HL7}}}content")}
    assert {str(r).removeprefix("#") for r in references} == {"v1", "v2"} <= ids


def test_several_notes_in_one_lot(libre: LpsSession) -> None:
    assert send(libre, note(libre, TETANUS), note(libre, MEASLES)) == []
    assert vaccines(history(libre)) == [MEASLES.cis, TETANUS.cis]
    assert read_header(history(libre)).version == "1"


def test_a_replaced_note_is_replaced_in_the_historique(libre: LpsSession) -> None:
    first = note(libre, TETANUS)
    assert send(libre, first) == []
    target = stored(libre, first.unique_id)
    corrected = note(libre, replace(TETANUS, lot="999"), set_id=first.set_id, version=2, replaces=first.unique_id)
    assert send(libre, Deposit(corrected, replaces=target)) == []
    document = history(libre)
    assert vaccines(document) == [TETANUS.cis]
    assert document.findtext(f".//{{{HL7}}}lotNumberText") == "999"
    assert read_header(document).version == "2"


def stored(session: LpsSession, unique_id: str) -> str:
    """entryUUID."""
    found = session.get_documents(PATIENT.ins, unique_ids=[unique_id]).documents
    return found[0].entry_uuid


def test_a_deleted_note_leaves_the_historique(libre: LpsSession) -> None:
    first, second = note(libre, TETANUS), note(libre, MEASLES)
    assert send(libre, first, second) == []
    answer = libre.delete(PATIENT.ins, first.unique_id)
    assert answer.ok, answer.problems
    assert vaccines(history(libre)) == [MEASLES.cis]
    assert libre.delete(PATIENT.ins, second.unique_id).ok
    document = history(libre)
    assert vaccines(document) == [""]
    assert document.find(f".//{{{HL7}}}code[@code='no-immunization-info']") is not None
    assert read_header(document).version == "3"
    # The same vaccination may be reported again.
    assert send(libre, note(libre, TETANUS)) == []
    assert (vaccines(history(libre)), read_header(history(libre)).version) == ([TETANUS.cis], "4")


def test_an_archived_note_stays(libre: LpsSession) -> None:
    first = note(libre, TETANUS)
    assert send(libre, first) == []
    assert libre.archive(PATIENT.ins, first.unique_id).ok
    assert read_header(history(libre)).version == "1"
    assert send(libre, note(libre, MEASLES)) == []
    assert vaccines(history(libre)) == [MEASLES.cis, TETANUS.cis]


def test_an_archived_historique_is_followed_by_one_in_force(libre: LpsSession) -> None:
    """Not by a second one beside it, which unarchiving would bring back."""
    assert libre.add_authorisation(PATIENT.ins, treating_doctor=True).ok
    assert send(libre, note(libre, TETANUS)) == []
    [first] = histories(libre)
    assert libre.archive(PATIENT.ins, first).ok
    assert send(libre, note(libre, MEASLES)) == []
    header = read_header(history(libre))
    assert (header.version, header.replaces) == ("2", (first,))
    assert histories(libre, Status.ARCHIVED) == []
    assert histories(libre, Status.DEPRECATED) == [first]


def test_the_same_vaccination_twice(libre: LpsSession) -> None:
    assert send(libre, note(libre, TETANUS)) == []
    [(code, context)] = send(libre, note(libre, replace(TETANUS, lot="1", id=MEASLES.id)))
    assert code == "DMPFragmentCVAError"
    assert context.startswith("La date et le code CIS de cette vaccination sont deja presents dans le CVA complet")
    assert f"CIS {TETANUS.cis}, 20260928" in context
    assert read_header(history(libre)).version == "1"
    assert send(libre, note(libre, replace(TETANUS, day=date(2026, 9, 29)))) == []


def test_the_same_vaccination_twice_in_one_lot(libre: LpsSession) -> None:
    errors = send(libre, note(libre, TETANUS), note(libre, replace(TETANUS, id=MEASLES.id)))
    assert [code for code, _ in errors] == ["DMPFragmentCVAError"]
    assert histories(libre) == []


def test_two_notes_at_once(store: Store, pki: DemoPki, now: datetime) -> None:
    """Both are in one historique; of two same ones, one is refused."""
    app = LocalApp(store, pki, now)
    libre = app.session("medecin-libre")
    assert libre.add_authorisation(PATIENT.ins).ok
    results: list[list[tuple[str, str]]] = []

    def deposit(vaccination: Vaccination) -> None:
        results.append(send(app.session("medecin-libre"), note(libre, vaccination)))

    for vaccinations in ([TETANUS, MEASLES], [replace(TETANUS, cis="1"), replace(TETANUS, cis="1", id=MEASLES.id)]):
        threads = [threading.Thread(target=deposit, args=(v,)) for v in vaccinations]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(code for errors in results for code, _ in errors) == ["DMPFragmentCVAError"]
    assert sorted(vaccines(history(libre))) == sorted(["1", MEASLES.cis, TETANUS.cis])
    assert read_header(history(libre)).version == "3"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ((b'extension="2023.01"', b'extension="2022.01"'), "VAC-VERSION"),
        ((b'<templateId root="1.2.250.1.213.1.1.1.46" extension="2023.01"/>', b""), "VAC-VERSION"),
        ((TETANUS.id.encode(), b"1.2.3"), "VAC-ENTRY-ID"),
        ((b'<performer typeCode="PRF"><assignedEntity><id root="1.2.250.1.71.4.2.1" extension="899900063480"/><code',
          b'<performer typeCode="PRF"><assignedEntity><id root="1.2.250.1.71.4.2.1" extension="801234534765"/><code'),
         "VAC-AUTHORS"),
        ((b'<performer typeCode="PRF"><assignedEntity><id root="1.2.250.1.71.4.2.1" extension="899900063480"/><ass',
          b'<performer typeCode="PRF"><assignedEntity><id root="1.2.250.1.71.4.2.1" extension="801234534765"/><ass'),
         "VAC-PERFORMER"),
    ],
)  # fmt: skip
def test_rules_of_a_note(libre: LpsSession, change: tuple[bytes, bytes], rule: str) -> None:
    octets = note(libre, TETANUS).to_xml()
    assert change[0] in octets, octets
    errors = send(libre, Deposit(octets.replace(change[0], change[1], 1)))
    assert any(f"[{rule}, GI-DMP EX_2.1-" in context for _, context in errors), errors
    assert histories(libre) == []


def test_two_vaccinations_in_one_note(libre: LpsSession) -> None:
    octets = note(libre, TETANUS).to_xml()
    start, end = octets.index(b"<entry>"), octets.index(b"</entry>") + len(b"</entry>")
    errors = dict(send(libre, Deposit(octets[:end] + octets[start:end] + octets[end:])))
    assert "attendu : 1 vaccination ; trouvé : 2 [VAC-ONE, GI-DMP EX_2.1-2010]" in errors["XDSRepositoryMetadataError"]
    assert "VAC-SAME" in errors["DMPFragmentCVAError"]


def test_not_in_secret_connection(libre: LpsSession) -> None:
    errors = send(libre, Deposit(note(libre, TETANUS), visibility=("MASQUE_PS",)))
    assert any("MASK-VACCINATION" in context for _, context in errors)


def test_a_note_is_not_masked_afterwards(libre: LpsSession) -> None:
    """What may not be sent at deposit may not be sent later (GI-DMP EX_2.1-2005)."""
    made = note(libre, TETANUS)
    assert send(libre, made) == []
    [problem] = libre.mask(PATIENT.ins, made.unique_id).problems
    assert problem.code == "XDSRegistryMetadataError"
    assert "attendu : N ; trouvé : MASQUE_PS [MASK-VACCINATION, GI-DMP EX_2.1-2005]" in problem.text
    assert vaccines(history(libre)) == [TETANUS.cis]


def test_without_the_option(app: LocalApp, libre: LpsSession) -> None:
    plain = LocalApp(app.store, app.pki, app.now, vaccination_history=False)
    session = plain.session("medecin-libre")
    assert send(session, note(libre, TETANUS)) == []
    assert send(session, note(libre, replace(TETANUS, id=MEASLES.id))) == []
    assert histories(session) == []


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_historique_follows_the_official_schema(reference: Path, libre: LpsSession, count: int) -> None:
    check = cda_checker("xsd", str(reference / "cda"), Schemas.load())
    notes = [note(libre, vaccination) for vaccination in (TETANUS, MEASLES)]
    for made in notes:
        report = Report()
        assert check(parse(made.to_xml()), report), report.failures
        assert send(libre, made) == []
    for made in notes[count:]:
        assert libre.delete(PATIENT.ins, made.unique_id).ok
    report = Report()
    assert check(history(libre), report), report.failures
    assert NOTE_TYPE.code != HISTORY_TYPE.code
