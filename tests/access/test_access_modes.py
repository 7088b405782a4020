"""The access modes through the application: normal, bris de glace, régulation, secret connection.

Each test opens the same record the way a professional would, and looks at what he gets and at the trace he leaves.
"""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dmpws import cast
from dmpws.acts import switches
from dmpws.acts.actor import patient
from dmpws.acts.desk import Desk
from dmpws.client import Actor, Attachment, ClinicalDocument, Deposit, LpsSession, ServerFault
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.client.scenario import HOSPITAL_DOCTOR
from dmpws.domain.access import Purpose
from dmpws.domain.authorisation import SECRET_CONNECTION
from dmpws.domain.document import INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS
from dmpws.domain.patient import Switch
from dmpws.testing.local import LocalApp, in_air
from dmpws.transactions.call import Settings

ADULT, YOUNG = cast.PATIENTS["nessi"], cast.PATIENTS["petra"]
"""PETRA is nineteen: a minor where majority is at 21."""
BDG: dict[str, Any] = {"purpose": Purpose.BRIS_DE_GLACE, "reason": "inconsciente"}
C15: dict[str, Any] = {"purpose": Purpose.CENTRE_15}
REGULATION = Actor(
    HOSPITAL_DOCTOR.mode, "10B0156832/permanencier", "PERMANENCIER", "Un", "10B0156832", "REGULATION", "SA01"
)


def deposit(lps: LpsSession, now: Any, *visibility: str, who: cast.CastPatient = ADULT) -> tuple[str, list[str]]:
    """uniqueId of a new document, and the codes of what was wrong."""
    body = Attachment("text/plain", b"RAS")
    document = ClinicalDocument(
        who.ins, who.traits, lps.actor, CONSULTATION_REPORT, "CR", body, now, now - timedelta(days=1)
    )
    lot = lps.build_lot(who.ins, [Deposit(document, visibility=visibility)])
    return lot.document_ids[0], [p.code for p in lps.send_lot(who.ins, lot).problems]


def switch(app: LocalApp, which: Switch, *, on: bool) -> None:
    """As the patient does."""
    desk = Desk(app.store, app.now, lambda: str(uuid.uuid4()), Settings(), patient(ADULT.ins))
    switches.switch(desk, ADULT.ins, which, on=on)


def codes(lps: LpsSession, unique_id: str, who: cast.CastPatient = ADULT) -> dict[str, str]:
    """Code of the answer of each reading transaction; empty when it was given."""
    found = lps.find_documents(who.ins)
    read = lps.retrieve(who.ins, [unique_id])
    return {
        "find": "".join(p.code for p in found.problems) or ("" if found.documents else "nothing"),
        "read": "".join(p.code for p in read.problems),
    }


def same(code: str) -> dict[str, str]:
    return {"find": code, "read": code}


HIDDEN = {"find": "nothing", "read": "XDSDocumentUniqueIdError"}
OPPOSED = {Purpose.BRIS_DE_GLACE: Switch.OPPOSES_BRIS_DE_GLACE, Purpose.CENTRE_15: Switch.OPPOSES_CENTRE_15}


@pytest.fixture
def plain(app: LocalApp) -> str:
    """uniqueId of a document of the adult, by Dr LIBRE."""
    unique_id, wrong = deposit(app.session("medecin-libre"), app.now)
    assert wrong == []
    return unique_id


@pytest.fixture
def masked(app: LocalApp) -> str:
    unique_id, wrong = deposit(app.session("medecin-libre"), app.now, MASQUE_PS)
    assert wrong == []
    return unique_id


def test_normal_mode_needs_an_authorisation(app: LocalApp, plain: str) -> None:
    doctor = app.session("medecin-camparini")
    assert codes(doctor, plain) == same("DMPAuthorizationNotFound")
    assert doctor.add_authorisation(ADULT.ins).ok
    assert codes(doctor, plain) == same("")


def test_bris_de_glace_needs_a_reason_which_the_trace_keeps(app: LocalApp, plain: str) -> None:
    silent = app.session("medecin-camparini", purpose=Purpose.BRIS_DE_GLACE)
    for session in (silent, app.session("medecin-camparini", purpose=Purpose.BRIS_DE_GLACE, reason="  ")):
        with pytest.raises(ServerFault) as fault:
            session.find_documents(ADULT.ins)
        assert (fault.value.subcode, fault.value.details[0].rule) == ("DMPInvalidRequest", "VIHF-RAISON")
    assert codes(app.session("medecin-camparini", **BDG), plain) == same("")
    trace = app.traces()[-1]
    assert (trace["purpose"], trace["reason"]) == ("bris_de_glace", "inconsciente")


def test_an_emergency_ends_with_the_session(app: LocalApp, plain: str) -> None:
    """Nothing of it stays: the next normal call needs an authorisation (GI-DMP EX_0.2-1040)."""
    assert codes(app.session("medecin-camparini", **BDG), plain) == same("")
    assert codes(app.session("medecin-camparini"), plain) == same("DMPAuthorizationNotFound")
    assert not app.session("medecin-camparini", **BDG).add_authorisation(ADULT.ins).ok


SESSIONS: dict[str, Callable[..., LpsSession]] = {
    "directe": lambda app, mode: app.session("medecin-camparini", **mode),
    "air": lambda app, mode: app.session("hopital", in_air(HOSPITAL_DOCTOR), **mode),
}


@pytest.mark.parametrize("how", SESSIONS)
@pytest.mark.parametrize("mode", [BDG, C15], ids=["bdg", "centre 15"])
def test_the_patient_opposes_one_mode_and_changes_his_mind(
    app: LocalApp, plain: str, how: str, mode: dict[str, Any]
) -> None:
    (other,) = (m for m in (BDG, C15) if m is not mode)
    opposed = OPPOSED[mode["purpose"]]
    switch(app, opposed, on=True)
    assert codes(SESSIONS[how](app, mode), plain) == same("DMPAccessForbidden")
    assert app.traces()[-1]["outcome"] == "refused"
    assert codes(SESSIONS[how](app, other), plain) == same("")
    assert SESSIONS[how](app, mode).test_existence(ADULT.ins).exists
    switch(app, opposed, on=False)
    assert codes(SESSIONS[how](app, mode), plain) == same("")


@pytest.mark.parametrize("mode", [BDG, C15], ids=["bdg", "centre 15"])
def test_masked_documents_are_shown_in_an_emergency_by_agreement_only(
    app: LocalApp, masked: str, mode: dict[str, Any]
) -> None:
    author, other = app.session("medecin-libre", **mode), app.session("medecin-camparini", **mode)
    assert codes(author, masked) == codes(other, masked) == HIDDEN
    switch(app, Switch.MASKED_IN_EMERGENCY, on=True)
    assert codes(author, masked) == codes(other, masked) == same("")
    normal = app.session("medecin-camparini")
    assert normal.add_authorisation(ADULT.ins).ok
    assert codes(normal, masked) == HIDDEN


def test_the_regulation_certificate_feeds_and_consults_nothing(app: LocalApp, plain: str) -> None:
    """Column F2 of PDT-INF-526: it tests, feeds and finds its own references; a doctor of the centre reads."""
    centre = app.session("regulation", REGULATION, **C15)
    assert centre.test_existence(ADULT.ins).exists
    assert codes(centre, plain) == same("DMPAccessDeniedByRightsService")
    doctor = app.session("regulation", replace(REGULATION, person="801234567897", family="DOCTORANT"), **C15)
    unique_id, wrong = deposit(doctor, app.now)
    assert wrong == []
    found = centre.get_documents(ADULT.ins, unique_ids=[unique_id, plain], return_type="ObjectRef")
    assert len(found.references) == 1
    trace = app.traces()[-1]
    assert (trace["mode"], trace["purpose"], trace["structure"]) == ("INDIRECTE", "centre_15", "10B0156832")
    in_bdg = app.session("regulation", REGULATION, **BDG)
    assert codes(in_bdg, plain) == same("DMPAccessDeniedByRightsService")


# ---- secret connection


@pytest.fixture
def minors(app: LocalApp) -> LocalApp:
    """A server for which PETRA is a minor."""
    return LocalApp(app.store, app.pki, app.now, age_majorite=21)


def test_a_secret_connection_to_a_minor(minors: LocalApp) -> None:
    secret = minors.session("medecin-libre", secret=True)
    assert secret.add_authorisation(YOUNG.ins).ok
    assert deposit(secret, minors.now, who=YOUNG)[1] == ["XDSRegistryMetadataError"]
    unique_id, wrong = deposit(secret, minors.now, INVISIBLE_REPRESENTANTS_LEGAUX, who=YOUNG)
    assert wrong == []
    assert codes(secret, unique_id, YOUNG) == same("")
    assert all(trace["secret"] for trace in minors.traces())
    openly = minors.session("medecin-libre")
    assert codes(openly, unique_id, YOUNG) == same("")
    assert "secret" not in minors.traces()[-1]


def test_an_authorisation_given_in_secret_is_known_as_such(minors: LocalApp) -> None:
    secret = minors.session("medecin-camparini", secret=True)
    assert secret.add_authorisation(YOUNG.ins).ok
    with minors.store.read() as work:
        record = work.patients.find(YOUNG.ins)
        assert record is not None
        events = work.authorisations.history(record.id)
    assert [event.by.capacity for event in events] == [SECRET_CONNECTION]


def test_a_secret_emergency(minors: LocalApp) -> None:
    """DMP-CDT 0.1-340."""
    secret = minors.session("medecin-camparini", secret=True, **BDG)
    assert secret.find_documents(YOUNG.ins).ok
    assert (minors.traces()[-1]["secret"], minors.traces()[-1]["reason"]) == (True, "inconsciente")


def test_an_adult_has_no_secret_connection(app: LocalApp, plain: str) -> None:
    secret = app.session("medecin-libre", secret=True)
    assert secret.test_existence(ADULT.ins).exists
    assert secret.add_authorisation(ADULT.ins).status == "DMPInvalidRequest"
    assert codes(secret, plain) == same("DMPInvalidRequest")
    assert deposit(secret, app.now, INVISIBLE_REPRESENTANTS_LEGAUX)[1][0] == "XDSRegistryMetadataError"
    assert codes(secret, plain, YOUNG) == same("DMPInvalidRequest")


def test_without_functions_for_minors_there_is_no_secret(app: LocalApp) -> None:
    off = LocalApp(app.store, app.pki, app.now, age_majorite=21, fonctions_gestion_mineurs=False)
    with pytest.raises(ServerFault) as fault:
        off.session("medecin-libre", secret=True).test_existence(YOUNG.ins)
    assert "fonctions-gestion-mineurs est faux" in fault.value.reason
