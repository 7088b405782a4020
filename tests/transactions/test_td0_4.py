"""TD0.4 through the whole server: who may list whose DMPs, and what the trace keeps of it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dmpws.cast import PATIENTS
from dmpws.client import Attachment, ClinicalDocument, Deposit
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.client.scenario import HOSPITAL_DOCTOR, OTHER_DOCTOR
from dmpws.domain import oids
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.authorised import DateType
from dmpws.domain.code import Code
from dmpws.domain.directory import Professional
from dmpws.testing.local import LocalApp

NESSI, PETRA, NOBODY = (PATIENTS[key] for key in ("nessi", "petra", "conteste"))
LIBRE, CAMPARINI = "899900063480", "801234534765"
DENIED = "DMPAccessDeniedByRightsService"
EMPLOYEE = replace(
    HOSPITAL_DOCTOR,
    mode=AuthMode.INDIRECTE_RENFORCEE,
    person="11B0062640/0001",
    roles=(Code("SECRETARIAT_MEDICAL", oids.NON_PROFESSIONALS, "Secrétariat médical"),),
)


def test_a_line_says_all_that_a_record_says(app: LocalApp) -> None:
    doctor = app.session("medecin-libre")
    doctor.add_authorisation(NESSI.ins, treating_doctor=True)
    answer = doctor.list_authorised(NOBODY.ins)
    assert (answer.status, answer.context) == ("DMPOk", "Nombre de DMP : 1")
    [line] = answer.patients
    assert (line.identifiers, line.used_name, line.birth_name) == ((NESSI.ins,), "DE VINCI", "NESSI")
    assert (line.given, line.civility, line.birth_date) == ("RUTH", "Mme", "19770714")
    assert (line.treating_doctor, line.news) == (True, False)
    assert (line.last_access, line.last_update, line.last_add) == (app.now, None, None)


def test_news_come_with_a_colleagues_document_and_go_with_a_look(app: LocalApp) -> None:
    doctor = app.session("medecin-libre")
    doctor.add_authorisation(NESSI.ins)
    app.now += timedelta(minutes=5)
    deposited(app)
    since = {"since": app.now, "date_type": DateType.DOCUMENT}
    for _ in range(2):  # listing is not looking
        [line] = doctor.list_authorised(NESSI.ins, **since).patients
        assert (line.news, line.last_add) == (True, app.now)
    doctor.find_documents(NESSI.ins)
    [line] = doctor.list_authorised(NESSI.ins, **since).patients
    assert (line.news, line.last_access) == (False, app.now)


def test_a_cpe_lists_for_the_professionals_of_its_structure(app: LocalApp) -> None:
    doctor, secretary = app.session("medecin-libre"), app.session("cpe-libre")
    doctor.add_authorisation(NESSI.ins)
    secretary.add_authorisation(PETRA.ins)
    assert [p.birth_name for p in secretary.list_authorised(NOBODY.ins).patients] == ["PETRA"]
    assert [p.birth_name for p in secretary.list_authorised(NOBODY.ins, owner=LIBRE).patients] == ["NESSI"]
    assert secretary.list_authorised(NOBODY.ins, owner=CAMPARINI).status == DENIED
    assert secretary.list_authorised(NOBODY.ins, owner="899999999999").status == DENIED


def test_a_professional_who_left_is_no_longer_asked_for(app: LocalApp) -> None:
    app.session("medecin-libre").add_authorisation(NESSI.ins)
    with app.store.write() as work:
        known = work.directory.professional(LIBRE)
        assert known is not None
        work.directory.put_professional(replace(known, active=False))
    assert app.session("cpe-libre").list_authorised(NOBODY.ins, owner=LIBRE).status == DENIED


def test_an_employee_in_air_lists_for_the_sites_of_his_hospital(app: LocalApp) -> None:
    """Struct 10B0156832 is a FINESS EG of the EJ 11B0062640."""
    with app.store.write() as work:
        work.directory.put_professional(Professional("899700433156", "MEDECIN", "VIRGINIE", frozenset({"10B0156832"})))
    employee = app.session("hopital", EMPLOYEE)
    assert employee.list_authorised(NOBODY.ins, owner="899700433156").status == "DMPOk"
    assert employee.list_authorised(NOBODY.ins, owner=LIBRE).status == DENIED


def test_a_structure_gets_what_is_new(app: LocalApp) -> None:
    employee, hospital = app.session("hopital", EMPLOYEE), app.session("hopital", HOSPITAL_DOCTOR)
    employee.add_authorisation(NESSI.ins)
    assert [p.birth_name for p in hospital.list_authorised(PETRA.ins, since=app.now).patients] == ["NESSI"]
    assert hospital.list_authorised(PETRA.ins, since=app.now + timedelta(seconds=1)).patients == ()
    assert hospital.list_authorised(PETRA.ins).status == "DMPErrorLPS"
    assert hospital.list_authorised(PETRA.ins, since=app.now, date_type=DateType.DOCUMENT).status == DENIED


def deposited(app: LocalApp, **changes: object) -> None:
    """A document by the colleague of another structure, in NESSI's record."""
    colleague = app.session("medecin-camparini", OTHER_DOCTOR)
    body = Attachment("text/plain", b"Toux.")
    document = ClinicalDocument(
        NESSI.ins, NESSI.traits, colleague.actor, CONSULTATION_REPORT, "CR", body, app.now, app.now, app.now
    )
    assert colleague.submit(NESSI.ins, [Deposit(document, **changes)]).ok  # type: ignore[arg-type]


def test_masked_documents_tell_their_readers_alone(app: LocalApp) -> None:
    """Neither a secretary who asks for the médecin traitant, nor himself in an emergency mode, gets to know of them."""
    doctor, secretary = app.session("medecin-libre"), app.session("cpe-libre")
    doctor.add_authorisation(NESSI.ins, treating_doctor=True)
    deposited(app, visibility=("MASQUE_PS",))
    emergency = app.session("medecin-libre", purpose=Purpose.BRIS_DE_GLACE, reason="urgence")
    dates = [
        [line.last_add for line in session.list_authorised(NOBODY.ins, owner=LIBRE).patients]
        for session in (doctor, emergency, secretary)
    ]
    assert dates == [[app.now], [None], [None]]


def test_types_that_a_profession_may_not_read_tell_nothing(app: LocalApp, tmp_path: Path) -> None:
    table = tmp_path / "types.tsv"
    table.write_text("profession\ttypeCode\tread\n10\t11488-4\tno\n", "utf-8")
    strict = LocalApp(app.store, app.pki, app.now, matrix_file=str(table))
    app.session("medecin-libre").add_authorisation(NESSI.ins)
    deposited(app)
    since = {"since": app.now, "date_type": DateType.DOCUMENT}
    assert len(app.session("medecin-libre").list_authorised(NOBODY.ins, **since).patients) == 1
    assert strict.session("medecin-libre").list_authorised(NOBODY.ins, **since).patients == ()


@pytest.mark.parametrize("owner", ["", CAMPARINI])
def test_the_trace_names_no_patient(app: LocalApp, owner: str) -> None:
    """The patient of the VIHF was not looked at, refused or not."""
    app.session("medecin-libre").list_authorised(NESSI.ins, since=app.now, owner=owner)
    trace = app.traces()[-1]
    assert trace["transaction"] == "TD0.4"
    assert "patient" not in trace
    if owner:
        assert (trace["outcome"], trace["code"]) == ("refused", DENIED)
    else:
        assert trace["parameters"] == {
            "startDate": [f"{app.now:%Y%m%d%H%M%S}"],
            "dateType": ["LASTAUTORIZATION"],
            "found": ["0"],
        }
