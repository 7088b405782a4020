"""The set `plan`: each patient is in the state the test plan asks for, as TD0.2 and TD1.6 show it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dmpws import cast
from dmpws.client import ServerFault
from dmpws.domain import oids
from dmpws.domain.access import Purpose
from dmpws.domain.authorisation import ListMode
from dmpws.domain.patient import Ins, Name
from dmpws.pki.demo import DemoPki
from dmpws.seed import seed
from dmpws.seed.situations import open_records
from dmpws.store import Store, open_store
from dmpws.testing.local import LocalApp
from dmpws.testing.postgres import migrate

ABSENT = ("NF", "", None)
OPEN = ("OK", "active", "NON_EXISTE")
# What TD0.2 tells Dr LIBRE; the others have a DMP and nothing special.
TD0_2 = {
    **dict.fromkeys(("conteste", "jumeaudeux", "erentiel", "jean-hugues"), ABSENT),
    **dict.fromkeys(("nadine", "cas14", "cas15"), ("OK", "terminated", "NON_EXISTE")),
    **dict.fromkeys(("desmaux", "petra", "attribut", "alot", "cas16"), ("OK", "active", "VALIDE")),
    **dict.fromkeys(("cas2", "cas2-ad1", "cas2-ad2", "cas3", "cas4"), ("OK", "active", "VALIDE")),
    "cas6": ("OK", "active", "INTERDIT"),
    "cas7": ("OK", "active", "EXPIRE"),
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, pki: DemoPki, now: datetime) -> Iterator[LocalApp]:
    folder = tmp_path_factory.mktemp("plan")
    url = f"sqlite:///{folder / 'dmpws.sqlite'}"
    migrate(url)
    store = open_store(url, folder / "documents")
    seed(store, now)
    open_records(store, now)
    yield LocalApp(store, pki, now)
    store.close()


@pytest.mark.parametrize("key", sorted(cast.PATIENTS.keys() - {"provisoire"}))
def test_td0_2_shows_the_situation(app: LocalApp, key: str) -> None:
    found = app.session("medecin-libre").test_existence(cast.PATIENTS[key].ins)
    assert (found.response, found.status, found.authorisation) == TD0_2.get(key, OPEN)
    assert found.treating_doctor == (key in ("petra", "attribut", "cas2", "cas3", "cas4"))


def test_the_patient_with_a_nia_is_refused(app: LocalApp) -> None:
    with pytest.raises(ServerFault) as fault:
        app.session("medecin-libre").test_existence(cast.PATIENTS["provisoire"].ins)
    assert fault.value.subcode


def test_every_patient_of_the_plan_is_there_as_published(reference: Path) -> None:
    lines = (reference / "test-plan" / "patients.tsv").read_text("utf-8").splitlines()[2:]
    rows = {cells[0]: cells for line in lines if len(cells := line.split("\t")) > 9 and cells[0]}
    ours = {person.case: person for person in cast.PATIENTS.values() if person.case}
    assert rows.keys() == ours.keys()
    for case, cells in rows.items():
        person, name = ours[case], ours[case].traits.name
        shown = [name.given, name.birth, name.used or name.birth, person.rank, person.traits.sex]
        assert shown == [cells[1], cells[4], cells[5], cells[8], cells[9]]
        assert person.traits.birth_date == cells[7][:10].replace("-", "")
        if cells[6].isdigit():
            assert person.ins.value == cells[6]


@pytest.mark.parametrize(
    ("key", "code", "text"),
    [
        ("nadine", "FERMETURE_DEMANDE_PATIENT", "Je ne veux plus de DMP"),
        ("cas14", "FERMETURE_DEMANDE_PATIENT", "Fermeture à la demande du patient"),
        ("cas15", "FERMETURE_HEBERGEUR", "Décès du patient"),
    ],
)
def test_a_closed_record_says_why(app: LocalApp, key: str, code: str, text: str) -> None:
    found = app.session("medecin-libre").test_existence(cast.PATIENTS[key].ins)
    assert (found.closure_code, found.closure_text, found.closed_on[:8]) == (code, text, f"{app.now:%Y%m%d}")


def test_the_record_of_the_deceased_patient_stays_closed(app: LocalApp) -> None:
    person = cast.PATIENTS["cas15"]
    answer = app.session("medecin-libre").reactivate_record(person.ins, person.traits.name, consent=app.now)
    assert answer.acknowledgement == "AE"
    with app.store.read() as work:
        record = work.patients.find(person.ins)
    assert record is not None
    assert (record.traits.deceased, record.deceased_on) == (True, "20250115")


@pytest.mark.parametrize(
    ("key", "purpose", "refused"),
    [
        ("cas8", Purpose.BRIS_DE_GLACE, True),
        ("cas9", Purpose.BRIS_DE_GLACE, False),
        ("cas1", Purpose.BRIS_DE_GLACE, False),
        ("cas8", Purpose.CENTRE_15, False),
        ("cas9", Purpose.CENTRE_15, True),
        ("cas1", Purpose.CENTRE_15, False),
    ],
)
def test_emergency_modes_are_refused_to_who_opposed_them(
    app: LocalApp, key: str, purpose: Purpose, refused: bool
) -> None:
    doctor = app.session("medecin-libre", purpose=purpose, reason="Perte de connaissance")
    found = doctor.find_documents(cast.PATIENTS[key].ins)
    assert [p.code for p in found.problems] == (["DMPAccessForbidden"] if refused else [])


@pytest.mark.parametrize(("child", "parent"), [("cas2-ad1", "cas2"), ("cas2-ad2", "cas2"), ("cas12-ad", "cas12")])
def test_children_have_a_legal_representative(app: LocalApp, child: str, parent: str) -> None:
    with app.store.read() as work:
        record = work.patients.find(cast.PATIENTS[child].ins)
    assert record is not None
    assert [(r.code, r.name) for r in record.traits.representatives] == [("FTH", cast.PATIENTS[parent].traits.name)]
    assert isinstance(record.traits.representatives[0].name, Name)


def test_an_obsolete_nir_leads_to_the_same_record(app: LocalApp) -> None:
    person = cast.PATIENTS["cas5"]
    former = cast.invented_ins(person.traits, 51)
    doctor = app.session("medecin-libre")
    by_both = [doctor.test_existence(ins).identifiers for ins in (person.ins, former)]
    assert former != person.ins
    assert by_both == [(person.ins,), (person.ins,)]


@pytest.mark.parametrize("key", ["cas2", "cas3", "cas4"])
def test_td1_6_has_somebody_of_each_kind_to_list(app: LocalApp, key: str) -> None:
    doctor, ins = app.session("medecin-libre"), cast.PATIENTS[key].ins
    listed = {mode: len(doctor.list_authorisations(ins, mode).listed) for mode in ListMode}
    assert listed == {ListMode.ACTIVE: 3, ListMode.BLOCKED: 1, ListMode.ALL: 4}


def test_the_demo_authority_is_another_one(app: LocalApp) -> None:
    ins = cast.PATIENTS["desmaux"].ins
    assert ins.authority == oids.INS_NIR_DEMO
    assert app.session("medecin-libre").test_existence(Ins(ins.value, oids.INS_NIR_TEST)).response == "NF"


def test_what_happened_since_is_not_undone(store: Store, now: datetime) -> None:
    assert open_records(store, now)["opened"] == sum(person.has_dmp for person in cast.PATIENTS.values())
    person = cast.PATIENTS["nadine"]
    with store.write() as work:
        record = work.patients.find(person.ins)
        assert record is not None
        work.patients.reopen(record.id)
    assert open_records(store, now + timedelta(days=1)) == {"opened": 0, "authorisations": 0}
    with store.read() as work:
        again = work.patients.find(person.ins)
    assert again is not None
    assert again.status == "active"


def test_the_plan_completes_the_cast(store: Store, now: datetime) -> None:
    small = seed(store, now)
    done = open_records(store, now)
    assert done["opened"] + small == sum(person.has_dmp for person in cast.PATIENTS.values())
    assert done["authorisations"] == 25
