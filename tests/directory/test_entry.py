"""Who the directory lets in: the refusals of decision 8, cards and regulation centres, through the application.

The operator changes the directory while the server runs; the next call feels it.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from dmpws import cast
from dmpws.acts import directory
from dmpws.acts.actor import operator
from dmpws.client import Actor, LpsSession, ServerFault
from dmpws.client.scenario import HOSPITAL_DOCTOR
from dmpws.codec.directory import read_cells
from dmpws.codec.directory_kinds import KINDS
from dmpws.domain.access import Purpose
from dmpws.store import open_store
from dmpws.testing.local import LocalApp, in_air

INS = cast.PATIENTS["nessi"].ins
STRANGE, UNLINKED = "Structure introuvable ou Inactive", "PS et Structure non liés"


def edit(app: LocalApp, word: str, key: str, *, add: bool = False, **cells: str) -> None:
    """As another process does, which shares nothing but the database."""
    entry = read_cells(KINDS[word], key, cells)
    url = app.store.database.engine.url
    with closing(open_store(str(url), Path(str(url.database)).with_name("elsewhere"))) as store:
        directory.change(store, [entry], actor=operator("root"), now=app.now, new=add)


def fault_of(lps: LpsSession) -> ServerFault | None:
    try:
        lps.test_existence(INS)
    except ServerFault as fault:
        return fault
    return None


def refused(app: LocalApp, lps: LpsSession, sentence: str) -> None:
    """The call is refused with this sentence of the DMP, and leaves a trace."""
    fault = fault_of(lps)
    assert fault is not None
    assert sentence in fault.reason
    trace = app.traces()[-1]
    assert (trace["outcome"], trace["code"]) == ("refused", fault.subcode)


SESSIONS: dict[str, Callable[[LocalApp], LpsSession]] = {
    "directe": lambda app: app.session("medecin-camparini"),
    "indirecte": lambda app: app.session("hopital-eg", replace(HOSPITAL_DOCTOR, structure="10B0127189")),
    "air": lambda app: app.session("hopital-eg", in_air(replace(HOSPITAL_DOCTOR, structure="10B0127189"))),
}


@pytest.mark.parametrize("mode", SESSIONS)
def test_a_structure_that_ends_and_comes_back(app: LocalApp, mode: str) -> None:
    lps = SESSIONS[mode](app)
    assert fault_of(lps) is None
    edit(app, "structure", "10B0127189", active="no")
    refused(app, lps, STRANGE)
    edit(app, "structure", "10B0127189", active="yes")
    assert fault_of(lps) is None


@pytest.mark.parametrize("mode", ["directe", "air"])
def test_a_professional_who_leaves_and_comes_back(app: LocalApp, mode: str) -> None:
    lps, person = SESSIONS[mode](app), "801234567897" if mode == "air" else "801234534765"
    assert fault_of(lps) is None
    for away, back in (({"active": "no"}, {"active": "yes"}), ({"structures": ""}, {"structures": "10B0127189"})):
        edit(app, "professional", person, **away)
        refused(app, lps, UNLINKED)
        edit(app, "professional", person, **back)
        assert fault_of(lps) is None


def test_the_structure_answers_for_its_users_in_indirect_mode(app: LocalApp) -> None:
    edit(app, "professional", "801234567897", active="no")
    assert fault_of(SESSIONS["indirecte"](app)) is None


def test_a_site_is_linked_to_its_legal_entity(app: LocalApp) -> None:
    """The certificate of the EJ opens what is attached to it, and nothing else (decision 7)."""
    at_site = app.session("hopital", replace(HOSPITAL_DOCTOR, structure="10B0127189"))
    refused(app, at_site, "Erreur d'authentification de la personne morale")
    edit(app, "structure", "10B0127189", parent="11B0062640")
    assert fault_of(at_site) is None
    edit(app, "structure", "10B0127189", parent="")
    refused(app, at_site, "Erreur d'authentification de la personne morale")


def test_a_sector_is_one_of_the_structure(app: LocalApp) -> None:
    lps = app.session("medecin-libre")
    edit(app, "structure", "499900063480001", sectors="SA08")
    refused(app, lps, "Secteur_Activite est un secteur de la structure")
    edit(app, "structure", "499900063480001", sectors="SA08,SA07")
    assert fault_of(lps) is None


def test_an_unknown_structure_or_person(app: LocalApp) -> None:
    card = app.pki.issue(
        "cps", "cps-entry", common_name="801101203565", family="A", given="B", structure="1750803447",
        organisation="CENTRE", sector="SA05", speciality="SM26",
    )  # fmt: skip
    lps = app.session(card.name)
    refused(app, lps, STRANGE)
    edit(app, "structure", "1750803447", add=True, name="CENTRE", sectors="SA05")
    refused(app, lps, UNLINKED)
    edit(app, "professional", "801101203565", add=True, family="A", structures="1750803447")
    assert fault_of(lps) is None


def test_a_card_in_opposition(app: LocalApp) -> None:
    lps, card = app.session("medecin-libre"), app.pki.card("medecin-libre")
    serials = [f"{c.serial_number:x}" for c in (card.auth_certificate, card.signing_certificate)]
    for serial in serials:
        edit(app, "card", serial, add=True, holder="899900063480", label="CPS du Dr LIBRE")
        assert fault_of(lps) is None
        edit(app, "card", serial, active="no")
        refused(app, lps, f"série {serial}, en opposition")
        assert app.traces()[-1]["code"] == "DMPInvalidCertificate"
        edit(app, "card", serial, active="yes")
        assert fault_of(lps) is None
    edit(app, "card", serials[0], holder="801234534765")
    refused(app, lps, f"série {serials[0]}, à un autre porteur")
    assert fault_of(app.session("medecin-camparini")) is None


def test_a_card_of_a_structure_and_of_an_employee(app: LocalApp) -> None:
    hospital, employee = app.pki.card("hopital-eg"), app.pki.card("cpe-libre")
    edit(app, "card", f"{hospital.auth_certificate.serial_number:x}", add=True, holder="10B0127189")
    edit(app, "card", f"{employee.auth_certificate.serial_number:x}", add=True, holder="499900063480001/0001")
    assert fault_of(SESSIONS["indirecte"](app)) is None
    assert fault_of(app.session("cpe-libre")) is None


REGULATION = Actor(
    HOSPITAL_DOCTOR.mode, "10B0156832/permanencier", "PERMANENCIER", "Un", "10B0156832", "REGULATION", "SA01"
)


def test_centre_15_in_indirect_mode_is_for_regulation_centres(app: LocalApp) -> None:
    centre = app.session("regulation", REGULATION, purpose=Purpose.CENTRE_15)
    assert fault_of(centre) is None
    hospital = replace(REGULATION, person="10B0127189/1", structure="10B0127189")
    refused(app, app.session("hopital-eg", hospital, purpose=Purpose.CENTRE_15), "structure de régulation")
    assert fault_of(app.session("hopital-eg", hospital)) is None
    edit(app, "structure", "10B0156832", regulation="no")
    refused(app, centre, "10B0156832, qui n'en est pas une")


@pytest.mark.parametrize("mode", ["directe", "air"])
def test_a_professional_regulates_wherever_he_works(app: LocalApp, mode: str) -> None:
    actor = None if mode == "directe" else in_air(replace(HOSPITAL_DOCTOR, structure="10B0127189"))
    card = "medecin-camparini" if mode == "directe" else "hopital-eg"
    assert fault_of(app.session(card, actor, purpose=Purpose.CENTRE_15)) is None


def test_an_open_directory_learns_and_keeps_what_the_operator_says(app: LocalApp) -> None:
    """In `local` the unknown are added on first sight; who was stopped stays stopped."""
    open_app = LocalApp(app.store, app.pki, app.now, directory="open")
    learnt = replace(HOSPITAL_DOCTOR, person="10B0127189/1", structure="10B0127189")
    assert fault_of(open_app.session("hopital-eg", learnt)) is None
    assert app.store.directory.professional("10B0127189/1") is not None
    assert fault_of(open_app.session("medecin-libre")) is None
    edit(open_app, "professional", "899900063480", active="no")
    refused(open_app, open_app.session("medecin-libre"), UNLINKED)
    not_a_centre = open_app.session("hopital-eg", learnt, purpose=Purpose.CENTRE_15)
    assert fault_of(not_a_centre) is None
    assert "admise (répertoire ouvert)" in " ".join(open_app.traces()[-1]["warnings"])
