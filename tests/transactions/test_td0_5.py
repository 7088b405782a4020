"""TD0.5 through the whole server: order, hidden patients, software, trace."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from dmpws.cast import PATIENTS, REGULATION_SOFTWARE
from dmpws.client import LpsSession, ServerFault
from dmpws.client.scenario import HOSPITAL_DOCTOR
from dmpws.domain.access import Purpose
from dmpws.domain.authorisation import By, Holder, HolderKind
from dmpws.domain.patient_search import PatientCriteria
from dmpws.store.tables import patient
from dmpws.testing.local import LocalApp
from dmpws.vihf.issue import Lps

LDRM = Lps(REGULATION_SOFTWARE.name, "1.0", REGULATION_SOFTWARE.number, "1.2.250.1.999.1.1.7898")
NESSI, ALOT, CONTESTE, TWIN = (PATIENTS[key] for key in ("nessi", "alot", "conteste", "jumeaudeux"))
TWINS = PatientCriteria(family="Insfamillequatre", birth="19990115", sex="M")


def regulation(app: LocalApp, card: str = "medecin-libre", **options: object) -> LpsSession:
    return app.session(card, **{"lps": LDRM, "purpose": Purpose.CENTRE_15, **options})


def test_by_name(app: LocalApp) -> None:
    answer = regulation(app).find_patients(CONTESTE.ins, PatientCriteria(family="de Vinci", given="ruth"))
    assert (answer.acknowledgement, answer.response, answer.total, answer.problems) == ("AA", "OK", 1, ())
    [found] = answer.patients
    assert (found.identifiers, found.birth_name, found.used_name) == ((NESSI.ins,), "NESSI", "DE VINCI")
    assert (found.given, found.sex, found.birth_date) == ("RUTH", "F", "19770714")
    assert (found.postal_code, found.city) == ("75001", "PARIS")
    assert (found.percentage, found.opposes_centre_15) == (100, False)


def test_nearest_first(app: LocalApp) -> None:
    with app.store.write() as work:
        work.patients.create([TWIN.ins], TWIN.traits, now=app.now, opposes_bris_de_glace=False, opposes_centre_15=False)
    session = regulation(app)
    everyone = session.find_patients(NESSI.ins, TWINS)
    assert [(p.given, p.percentage) for p in everyone.patients] == [("JUMEAUDEUX", 100), ("JUMEAUUN", 100)]
    similar = session.find_patients(NESSI.ins, replace(TWINS, given="Jumeau", similar_name=True))
    assert [p.given for p in similar.patients] == ["JUMEAUUN", "JUMEAUDEUX"]
    assert similar.patients[0].percentage > similar.patients[1].percentage


def test_hidden_patients_are_as_if_they_were_not(app: LocalApp) -> None:
    """The same octets but for identifiers and times, whether nobody has the name or its bearer is hidden."""
    session, criteria = regulation(app), PatientCriteria(family="ALOT")
    assert session.find_patients(NESSI.ins, criteria).total == 1
    store, holder = app.store, Holder(HolderKind.PERSON, session.actor.person)
    nobody = session.find_patients(NESSI.ins, PatientCriteria(family="ALOTT"))
    with store.write() as work:
        record = work.patients.find(ALOT.ins)
        assert record is not None
    for change in ({"opposes_centre_15": True}, {"status": "terminated"}):
        store.database.change(update(patient).where(patient.c.id == record.id).values(**change))
        assert session.find_patients(NESSI.ins, criteria) == nobody
        store.database.change(
            update(patient).where(patient.c.id == record.id).values(opposes_centre_15=False, status="active")
        )
    with store.write() as work:
        work.authorisations.block(record.id, holder, by=By("patient"), now=app.now)
    assert session.find_patients(NESSI.ins, criteria) == nobody
    centre = replace(HOSPITAL_DOCTOR, structure="10B0156832")
    assert regulation(app, "regulation", actor=centre).find_patients(NESSI.ins, criteria).total == 1


def test_too_many_tells_no_number(app: LocalApp) -> None:
    strict = LocalApp(app.store, app.pki, app.now, max_candidates=1)
    everyone = regulation(strict).find_patients(NESSI.ins, PatientCriteria(city="Paris"))
    sex = regulation(app).find_patients(NESSI.ins, PatientCriteria(sex="F"))
    for answer in (everyone, sex):
        assert (answer.acknowledgement, answer.response, answer.too_many) == ("AE", "AE", True)
        assert (answer.total, answer.patients) == (0, ())
    assert "trouvé : davantage" in everyone.problems[0].text
    assert "le sexe seul" in sex.problems[0].text
    assert regulation(strict).find_patients(NESSI.ins, PatientCriteria(family="ALOT")).total == 1


def test_the_trace_tells_what_was_asked_and_who_was_shown(app: LocalApp) -> None:
    session = regulation(app)
    session.find_patients(CONTESTE.ins, PatientCriteria(family="Nessi", birth="1977", similar_name=True))
    trace = app.traces()[-1]
    assert (trace["transaction"], trace["operation"]) == ("TD0.5", "TD0.5 find patient without INS")
    assert "patient" not in trace
    assert trace["parameters"] == {
        "birth": ["1977"],
        "family": ["Nessi"],
        "similar": ["similar_name"],
        "found": [f"{NESSI.ins.value}^{NESSI.ins.authority}"],
    }


@pytest.mark.parametrize("purpose", [Purpose.NORMAL, Purpose.BRIS_DE_GLACE])
def test_in_regulation_only(app: LocalApp, purpose: Purpose) -> None:
    session = regulation(app, purpose=purpose, reason="urgence")
    answer = session.find_patients(NESSI.ins, PatientCriteria(family="NESSI"))
    assert [problem.code for problem in answer.problems] == ["DMPAccessDeniedByRightsService"]
    assert "patient" not in app.traces()[-1]


def test_software_of_regulation_only(app: LocalApp) -> None:
    session = app.session("medecin-libre", purpose=Purpose.CENTRE_15)
    with pytest.raises(ServerFault) as caught:
        session.find_patients(NESSI.ins, PatientCriteria(family="NESSI"))
    assert caught.value.subcode == "DMPAuthenticationError"
    assert "LDRM" in caught.value.reason
    local = LocalApp(app.store, app.pki, app.now, approval="any")
    session = local.session("medecin-libre", purpose=Purpose.CENTRE_15)
    assert session.find_patients(NESSI.ins, PatientCriteria(family="NESSI")).total == 1


def test_names_change_with_the_record(app: LocalApp) -> None:
    with app.store.write() as work:
        record = work.patients.find(NESSI.ins)
        assert record is not None
        traits = replace(record.traits, name=replace(record.traits.name, used="PETRA"))
        work.patients.update(record.id, traits, opposes_bris_de_glace=False, opposes_centre_15=False)
    session = regulation(app)
    assert session.find_patients(NESSI.ins, PatientCriteria(family="DE VINCI")).total == 0
    found = session.find_patients(NESSI.ins, PatientCriteria(family="petra")).patients
    assert [p.given for p in found] == ["RUTH", "DIDIER"]
