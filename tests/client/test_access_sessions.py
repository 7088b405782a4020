"""TD0.3 and TD1.6 with the kit, against the whole server: who may open a record, and until when."""

from datetime import timedelta

import pytest

from dmpws import cast
from dmpws.client import LpsSession
from dmpws.client.registry import QueryAnswer
from dmpws.domain.authorisation import AuthorisationState, By, Holder, HolderKind, ListMode
from dmpws.domain.code import Code
from dmpws.domain.patient import Ins
from dmpws.testing.local import LocalApp

INS: Ins = cast.PATIENTS["nessi"].ins
CAMPARINI = Holder(HolderKind.PERSON, "801234534765")
PATIENT = By("patient", capacity="patient")
SECOND, YEAR = timedelta(seconds=1), timedelta(days=365)


@pytest.fixture
def libre(app: LocalApp) -> LpsSession:
    return app.session("medecin-libre")


@pytest.fixture
def camparini(app: LocalApp) -> LpsSession:
    return app.session("medecin-camparini")


def block(app: LocalApp, holder: Holder, *, on: bool = True) -> None:
    with app.store.write() as work:
        record = work.patients.find(INS)
        assert record is not None
        change = work.authorisations.block if on else work.authorisations.unblock
        assert change(record.id, holder, by=PATIENT, now=app.now)


def codes(answer: QueryAnswer) -> list[str]:
    return [problem.code for problem in answer.problems]


def state(session: LpsSession) -> str | None:
    return session.test_existence(INS).authorisation


def test_an_authorisation_ends_between_two_calls_of_a_session(app: LocalApp, libre: LpsSession) -> None:
    """The same user, the same connection, the same VIHF: only the clock moves, by a second."""
    assert libre.add_authorisation(INS).ok
    granted = app.now
    app.now = granted + YEAR - SECOND
    token = libre.token(INS)
    assert libre.test_existence(INS, token=token).authorisation == AuthorisationState.VALIDE
    assert codes(libre.find_documents(INS)) == []
    app.now += SECOND
    assert codes(libre.find_documents(INS)) == ["DMPAuthorizationNotFound"]
    assert libre.test_existence(INS, token=token).authorisation == AuthorisationState.EXPIRE
    assert libre.list_authorisations(INS).status == "DMPAuthorizationNotFound"
    assert libre.add_authorisation(INS).context == "Autorisation renouvelée"
    assert codes(libre.find_documents(INS)) == []
    (listed,) = libre.list_authorisations(INS).listed
    assert (listed.start, listed.last_action) == (app.now, app.now)


def test_a_block_between_two_calls(app: LocalApp, libre: LpsSession, camparini: LpsSession) -> None:
    assert camparini.add_authorisation(INS).ok
    assert codes(camparini.find_documents(INS)) == []
    block(app, CAMPARINI)
    assert state(camparini) == AuthorisationState.INTERDIT
    assert codes(camparini.find_documents(INS)) == ["DMPAccessForbidden"]
    assert camparini.add_authorisation(INS).status == "DMPAccessForbidden"
    emergency = app.session("medecin-camparini", purpose="bris_de_glace", reason="urgence")
    assert codes(emergency.find_documents(INS)) == ["DMPAccessForbidden"]
    assert state(libre) == AuthorisationState.NON_EXISTE
    block(app, CAMPARINI, on=False)
    assert state(camparini) == AuthorisationState.VALIDE


def test_a_blocked_structure_blocks_who_works_there(app: LocalApp, libre: LpsSession) -> None:
    assert libre.add_authorisation(INS).ok
    block(app, Holder(HolderKind.STRUCTURE, "499900063480001"))
    assert state(libre) == AuthorisationState.INTERDIT
    assert codes(libre.find_documents(INS)) == ["DMPAccessForbidden"]
    assert state(app.session("cpe-libre")) == AuthorisationState.INTERDIT


def test_the_secretary_authorises_the_care_team(app: LocalApp, libre: LpsSession, camparini: LpsSession) -> None:
    assert app.session("cpe-libre").add_authorisation(INS).ok
    assert state(libre) == AuthorisationState.VALIDE
    assert codes(libre.find_documents(INS)) == []
    assert state(camparini) == AuthorisationState.NON_EXISTE
    assert libre.remove_authorisation(INS).context == "Autorisation absente aucune action effectuée"
    assert state(libre) == AuthorisationState.VALIDE  # it is not his


def test_everybody_is_listed(app: LocalApp, libre: LpsSession, camparini: LpsSession) -> None:
    libre.add_authorisation(INS, treating_doctor=True)
    camparini.add_authorisation(INS)
    app.session("cpe-libre").add_authorisation(INS)
    block(app, CAMPARINI)
    blocked, doctor, structure = libre.list_authorisations(INS).listed
    assert (blocked.identifier, blocked.family, blocked.is_blocked) == (CAMPARINI.identifier, "CAMPARINI", True)
    assert (doctor.identifier, doctor.treating_doctor, doctor.is_blocked) == ("899900063480", True, False)
    general = Code("G15_10/SM26", "1.2.250.1.213.1.1.4.5", "Médecin - Qualifié en Médecine Générale (SM)")
    assert doctor.specialties == (general,)
    assert (structure.is_structure, structure.family, structure.given) == (True, "CABINET DR LIBRE", "")
    assert libre.list_authorisations(INS, ListMode.ACTIVE).listed == (doctor, structure)
    assert libre.list_authorisations(INS, ListMode.BLOCKED).listed == (blocked,)
    assert app.traces()[-1]["parameters"] == {"mode": ["INTERDITE"], "found": ["1"]}


def test_the_list_of_one_patient_says_nothing_of_another(libre: LpsSession, camparini: LpsSession) -> None:
    libre.add_authorisation(INS)
    other = cast.PATIENTS["petra"].ins
    camparini.add_authorisation(other)
    assert [listed.family for listed in libre.list_authorisations(INS).listed] == ["LIBRE"]
    assert [listed.family for listed in camparini.list_authorisations(other).listed] == ["CAMPARINI"]
