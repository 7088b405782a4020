"""Documents that come from no LPS: the Assurance Maladie's, the Dossier Pharmaceutique's, the patient's own."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from acts_world import INS, MOTHER, NOW, World, doctor, refused
from hypothesis import given as values
from hypothesis import strategies as st

from dmpws.acts import closing, masking
from dmpws.acts.actor import Actor, operator, patient, producer, representative
from dmpws.acts.desk import Desk
from dmpws.acts.listing import list_documents
from dmpws.acts.producing import (
    Given,
    deposit_dispensation,
    deposit_patient_document,
    deposit_refunds,
    system_actor,
)
from dmpws.cast import PATIENTS
from dmpws.client import LpsSession
from dmpws.client.pdf import one_page_pdf
from dmpws.codec.cda import parse_document, read_header
from dmpws.codec.ebxml.versions import read_stored
from dmpws.codec.value_sets import rubriques
from dmpws.domain.document import (
    INVISIBLE_PATIENT,
    INVISIBLE_REPRESENTANTS_LEGAUX,
    MASQUE_PS,
    DocumentEntry,
    Status,
    StoredEntry,
)
from dmpws.domain.media import PDF, TEXT
from dmpws.domain.patient import Ins
from dmpws.domain.producers import ASSURANCE_MALADIE, DOSSIER_PHARMACEUTIQUE, OTHER, SUBJECTS, months_before
from dmpws.domain.rubriques import Category, Espace
from dmpws.soap.validation import Schemas
from dmpws.testing.local import LocalApp

AM, DP = system_actor(ASSURANCE_MALADIE), system_actor(DOSSIER_PHARMACEUTIQUE)
HOST = operator("exploitation")
NOTE = Given(b"Mes souhaits", TEXT, OTHER)
Make = Callable[[Desk, Ins, Given], str]


@pytest.fixture
def desk(world: World, schemas: Schemas) -> Callable[[Actor], Desk]:
    """Makes the desk with an actor before it; the record is open."""
    world.open()
    return lambda actor: world.desk(actor, check_cda=schemas.check_cda_header)


def stored(world: World, unique_id: str) -> tuple[StoredEntry, DocumentEntry]:
    with world.store.read() as work:
        current = work.documents.by_unique_id([unique_id])[0]
    return current, read_stored(current)[0]


def octets(world: World, unique_id: str) -> bytes:
    with world.store.read() as work:
        return work.documents.octets(work.documents.by_unique_id([unique_id])[0]).read()


def test_refunds_take_the_place_of_those_in_force(world: World, desk: Callable[[Actor], Desk]) -> None:
    pdf = Given(one_page_pdf("Remboursements"), PDF)
    first = deposit_refunds(desk(AM), INS, pdf)
    assert masking.mask(desk(patient(INS)), INS, first, on=True)
    second = deposit_refunds(desk(AM), INS, pdf)
    old, new = stored(world, first), stored(world, second)
    assert (old[0].status, new[0].status) == (Status.DEPRECATED, Status.APPROVED)
    assert new[0].visibility == {MASQUE_PS}
    entry = new[1]
    assert (entry.type_code.code, entry.class_code.code) == ("REMB", "60")  # type: ignore[union-attr]
    assert (entry.facility_type.code, entry.practice_setting.code) == ("SA24", "AMO")  # type: ignore[union-attr]
    assert entry.author_persons == {"518003502400041/1.2.250.1.215.1.2"}
    assert entry.author_institutions == {"318003502400041"}
    assert (entry.service_start, entry.service_stop) == ("20241121000000", "20261121120000")
    headers = [read_header(parse_document(octets(world, unique_id))[0]) for unique_id in (first, second)]
    assert headers[0].set_id == headers[1].set_id
    assert [h.version for h in headers] == ["1", "2"]
    assert headers[1].replaces == (first,)
    trace = world.traces()[-1]
    assert (trace["transaction"], trace["actor"], trace["person"]) == ("act:deposit-refunds", "producer", AM.identifier)
    assert trace["person_name"] == "Assurance Maladie"
    assert trace["changes"] == [{"uniqueId": first, "old": "APPROVED", "new": "DEPRECATED"}]


@pytest.mark.parametrize(("months", "days", "rule"), [(24, 0, ""), (24, 1, "PRODUCER-PERIOD"), (12, 20, "")])
def test_the_window_of_refunds(desk: Callable[[Actor], Desk], months: int, days: int, rule: str) -> None:
    day = months_before(NOW.date(), months) - timedelta(days=days)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    given = Given(b"Remboursements", TEXT, start=start, stop=NOW)
    if rule:
        assert refused(lambda: deposit_refunds(desk(AM), INS, given)) == rule
    else:
        assert deposit_refunds(desk(AM), INS, given)


@values(day=st.dates(date(1901, 1, 1)), months=st.integers(0, 600))
def test_months_before(day: date, months: int) -> None:
    found = months_before(day, months)
    assert (day.year - found.year) * 12 + day.month - found.month == months
    assert found.day == day.day or (found.day < day.day and (found + timedelta(days=1)).day == 1)


def test_a_dispensation(world: World, desk: Callable[[Actor], Desk]) -> None:
    first = deposit_dispensation(desk(DP), INS, Given(b"DOLIPRANE", TEXT))
    _, entry = stored(world, first)
    assert (entry.type_code.code, entry.class_code.code) == ("60593-1", "43")  # type: ignore[union-attr]
    assert entry.author_institutions == {DOSSIER_PHARMACEUTIQUE.structure}
    other = deposit_dispensation(desk(DP), INS, Given(b"X", TEXT, DOSSIER_PHARMACEUTIQUE.types[1]))
    assert stored(world, first)[0].status is Status.APPROVED
    deposit_dispensation(desk(DP), INS, Given(b"Y", TEXT, replaces=other))
    assert stored(world, other)[0].status is Status.DEPRECATED


@pytest.mark.parametrize("actor", [patient(INS), HOST])
def test_a_document_of_the_patient(world: World, desk: Callable[[Actor], Desk], actor: Actor) -> None:
    unique_id = deposit_patient_document(desk(actor), INS, replace(NOTE, visibility=frozenset({MASQUE_PS})))
    current, entry = stored(world, unique_id)
    [author] = entry.authors
    assert (author.person_id, author.institutions) == (INS.value, ())
    assert author.specialties == ("EXP_PATIENT^Expression personnelle du patient^1.2.250.1.213.1.1.4.6",)
    assert author.person.endswith("&1.2.250.1.213.1.4.10&ISO^D^^^NH")
    assert entry.legal_authenticator_id == INS.value
    codes = (entry.facility_type, entry.practice_setting, *entry.event_codes)
    assert [code.code for code in codes if code] == ["EXP_PATIENT"] * 3
    assert current.visibility == {MASQUE_PS}
    assert b'<id root="1.2.250.1.213.4.1"/>' in octets(world, unique_id)
    trace = world.traces()[-1]
    assert (trace["person"], trace["submission_set"] != "") == (actor.identifier, True)
    assert trace["documents"] == [{"uniqueId": unique_id, "typeCode": "EXPPAT_2"}]


def test_the_patient_replaces_his_document_and_no_other(world: World, desk: Callable[[Actor], Desk]) -> None:
    first = deposit_patient_document(desk(patient(INS)), INS, replace(NOTE, visibility=frozenset({MASQUE_PS})))
    second = deposit_patient_document(desk(patient(INS)), INS, replace(NOTE, replaces=first))
    assert stored(world, first)[0].status is Status.DEPRECATED
    assert stored(world, second)[0].visibility == {MASQUE_PS}
    shown = deposit_patient_document(desk(patient(INS)), INS, replace(NOTE, replaces=second, visibility=frozenset()))
    assert stored(world, shown)[0].visibility == frozenset()
    remb = deposit_refunds(desk(AM), INS, Given(b"x", TEXT))
    for other in (first, remb, "2.25.7"):
        rule = refused(
            lambda other=other: deposit_patient_document(desk(patient(INS)), INS, replace(NOTE, replaces=other))
        )
        assert rule == ("REG-RPLC-STATUS" if other == first else "ACT-DOCUMENT")


def test_what_the_patient_made_again_comes_as_it_is(world: World, desk: Callable[[Actor], Desk]) -> None:
    first = deposit_patient_document(desk(patient(INS)), INS, NOTE)
    cda = octets(world, first).replace(first.encode(), b"2.25.17")
    assert refused(lambda: deposit_patient_document(desk(patient(INS)), INS, Given(cda))) == "CDA-VERSION"
    next_one = cda.replace(b'versionNumber value="1"', b'versionNumber value="2"').replace(
        b"<componentOf>",
        b'<relatedDocument typeCode="RPLC"><parentDocument><id root="%b"/></parentDocument></relatedDocument>'
        b"<componentOf>" % first.encode(),
    )
    assert deposit_patient_document(desk(patient(INS)), INS, Given(next_one)) == "2.25.17"
    assert stored(world, first)[0].status is Status.DEPRECATED
    assert octets(world, "2.25.17") == next_one
    assert refused(lambda: deposit_patient_document(desk(patient(INS)), INS, Given(next_one))) == "REG-KNOWN"


def changed(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(cda: bytes) -> bytes:
        assert old in cda
        return cda.replace(old, new)

    return change


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (changed(b"EXPPAT_2", b"REMB"), "PRODUCER-TYPE"),
        (changed(b"EXPPAT_2", b"DOCPAT10"), "XDS-VALUE-SET"),
        (changed(b"EXPPAT_2", b"DOCPAT99"), "PRODUCER-TYPE"),
        (changed(INS.value.encode(), PATIENTS["nessi"].ins.value.encode()), "PRODUCER-AUTHOR"),
        (changed(b'ClassCode code="EXP_PATIENT"', b'ClassCode code="SNR"'), "PRODUCER-PLACE"),
        (changed(b"<addr nullFlavor", b"<addres nullFlavor"), "CDA-HEADER"),
        (changed(b"TWVz", b"!"), "CDA-BODY-BASE64"),
        (changed(b"text/plain", b"application/pdf"), "CDA-BODY-CONTENT"),
        (changed(b"<languageCode", b"<!-- --><languageCode"), ""),
        (lambda cda: cda[:200], "CDA-FORM"),
        (lambda cda: b"<a/>", "CDA-ROOT"),
        (changed(b"effectiveTime value", b"effectiveTime nullFlavor"), "PRODUCER-FORM"),
        (changed(b"<id root", b"<id extension='7' root"), "CDA-FORM"),
    ],
)  # fmt: skip
def test_a_cda_is_judged_as_in_a_deposit(
    world: World, desk: Callable[[Actor], Desk], change: Callable[[bytes], bytes], rule: str
) -> None:
    first = deposit_patient_document(desk(patient(INS)), INS, NOTE)
    cda = change(
        octets(world, first).replace(first.encode(), b"2.25.17").replace(b'Number value="1"', b'Number value="2"')
    )
    if rule:
        assert refused(lambda: deposit_patient_document(desk(patient(INS)), INS, Given(cda))) == rule
        assert not world.known("2.25.17")
        assert world.traces()[-1]["outcome"] == "refused"
    else:
        assert deposit_patient_document(desk(patient(INS)), INS, Given(cda)) == "2.25.17"


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        (replace(NOTE, content=b"\x00"), "CDA-BODY-CONTENT"),
        (replace(NOTE, content=b""), "CDA-BODY-BASE64"),
        (replace(NOTE, title="x" * 129), "XDS-TITLE"),
        (replace(NOTE, title="a\x1b[2J"), "PRODUCER-FORM"),
        (replace(NOTE, type=None), "PRODUCER-TYPE"),
        (replace(NOTE, type=ASSURANCE_MALADIE.types[0]), "PRODUCER-TYPE"),
        (replace(NOTE, visibility=frozenset({INVISIBLE_PATIENT})), "PRODUCER-HIDDEN"),
        (replace(NOTE, visibility=frozenset({INVISIBLE_REPRESENTANTS_LEGAUX})), "MASK-ADULT"),
        (replace(NOTE, start=NOW, stop=NOW - timedelta(days=1)), "XDS-SERVICE-TIMES"),
    ],
)
def test_a_file_is_judged_too(desk: Callable[[Actor], Desk], given: Given, rule: str) -> None:
    assert refused(lambda: deposit_patient_document(desk(patient(INS)), INS, given)) == rule


@pytest.mark.parametrize(
    ("deposit", "actor"),
    [
        (deposit_refunds, patient(INS)),
        (deposit_refunds, HOST),
        (deposit_refunds, DP),
        (deposit_refunds, producer("x")),
        (deposit_dispensation, AM),
        (deposit_dispensation, doctor()),
        (deposit_patient_document, AM),
        (deposit_patient_document, doctor()),
    ],
)
def test_each_in_his_place(desk: Callable[[Actor], Desk], deposit: Make, actor: Actor) -> None:
    assert refused(lambda: deposit(desk(actor), INS, replace(NOTE, type=None))) == "ACT-ALLOWED"


@pytest.mark.parametrize(
    ("deposit", "actor"), [(deposit_refunds, AM), (deposit_dispensation, DP), (deposit_patient_document, HOST)]
)
def test_no_record_no_document(world: World, desk: Callable[[Actor], Desk], deposit: Make, actor: Actor) -> None:
    unknown = PATIENTS["conteste"].ins
    assert refused(lambda: deposit(desk(actor), unknown, replace(NOTE, type=None))) == "ADM-PATIENT"
    closing.close(world.desk(HOST, motive="essai"), INS, final=False)
    assert refused(lambda: deposit(desk(actor), INS, replace(NOTE, type=None))) == "ADM-OPEN"


def test_a_minor_hides_a_document_from_his_representatives(world: World, schemas: Schemas) -> None:
    world.open(birth_date="20150101", representatives=(MOTHER,))
    minor = world.desk(patient(INS), check_cda=schemas.check_cda_header)
    hidden = replace(NOTE, visibility=frozenset({INVISIBLE_REPRESENTANTS_LEGAUX}))
    unique_id = deposit_patient_document(minor, INS, hidden)
    assert stored(world, unique_id)[0].visibility == {INVISIBLE_REPRESENTANTS_LEGAUX}
    mother = world.desk(representative(MOTHER), check_cda=schemas.check_cda_header)
    assert stored(world, deposit_patient_document(mother, INS, NOTE))[1].author_persons == {INS.value}


def test_the_official_sample(world: World, desk: Callable[[Actor], Desk], reference: Path) -> None:
    cda = (reference / "cda/samples/CNAM-HR_2021.01.xml").read_bytes()
    assert refused(lambda: deposit_refunds(desk(AM), INS, Given(cda))) == "PRODUCER-PERIOD"
    recent = cda.replace(b'value="20190101154500', b'value="20260101154500').replace(b'"2019070115', b'"2026070115')
    unique_id = deposit_refunds(desk(AM), INS, Given(recent))
    _, entry = stored(world, unique_id)
    assert entry.format_code is not None
    assert entry.format_code.code == "urn:asip:ci-sis:hr:2019"
    again = deposit_refunds(desk(AM), INS, Given(b"x", TEXT))
    assert stored(world, unique_id)[0].status is Status.DEPRECATED
    assert read_header(parse_document(octets(world, again))[0]).version == "2"


PLACES = {
    "personne-de-confiance": Category.VDP,
    "don-d-organes": Category.VDP,
    "acces-des-ayants-droit": Category.VDP,
    "personnes-a-prevenir": Category.VDP,
    "directives-anticipees": Category.DIR_ANT,
    "automesures": Category.AUTR_DOC,
}


def test_a_reader_finds_them(app: LocalApp, schemas: Schemas) -> None:
    """TD3.1 by type and TD3.2, and the espace a document is listed in."""
    libre: LpsSession = app.session("medecin-libre")
    assert libre.add_authorisation(INS).ok
    world = World(app.store, Path())
    desk = world.desk(patient(INS), check_cda=schemas.check_cda_header)
    made = {
        subject: deposit_patient_document(desk, INS, Given(subject.encode(), TEXT, kind, title))
        for subject, (kind, title) in SUBJECTS.items()
    }
    assert made.keys() == PLACES.keys()
    listed = {e.unique_id for e in list_documents(world.desk(patient(INS)), INS)[Espace.PERSONNEL.value]}
    assert listed >= set(made.values())
    titles = {made[subject]: title for subject, (_, title) in SUBJECTS.items()}
    for subject, (kind, title) in SUBJECTS.items():
        slots = {"$XDSDocumentEntryTypeCode": [f"('{kind.code}^^{kind.system}')"]}
        found = {d.unique_id: d.title for d in libre.find_documents(INS, parameters=slots).documents}
        assert found[made[subject]] == title
        assert found.items() <= titles.items()
        place = rubriques().of(kind)
        assert place is not None
        assert (place.espace, place.category) == (Espace.PERSONNEL, PLACES[subject])
        read = libre.retrieve(INS, [made[subject]])
        assert read.ok
        assert b"EXP_PATIENT" in read.documents[0].octets.read()
