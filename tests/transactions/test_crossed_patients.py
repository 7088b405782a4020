"""A VIHF for one patient with a body for another, on every transaction of record administration."""

from dataclasses import replace
from typing import Any

import pytest

from dmpws import cast
from dmpws.client.patients import administrative_request, existence_request
from dmpws.client.registration import (
    Oppositions,
    change_request,
    closure_request,
    creation_request,
    reactivation_request,
)
from dmpws.domain import oids
from dmpws.domain.patient import DmpStatus, Ins
from dmpws.testing.local import LocalApp
from dmpws.testing.stage import verdict

A, B, NONE = (cast.PATIENTS[key] for key in ("pat-trois", "nessi", "conteste"))
CODES = ("TD0.2", "TD1.1", "TD1.2", "TD1.3a", "TD1.3b", "TD1.4")
UNKNOWN_AUTHORITY = replace(A, ins=Ins(A.ins.value, oids.INS_NIR))
"""The same number of another authority is somebody else."""


def body_for(app: LocalApp, code: str, who: cast.CastPatient) -> Any:
    doctor = app.session("medecin-libre")
    sender, name, said = doctor._sender(), who.traits.name, Oppositions(True, True)
    return {
        "TD0.2": lambda: existence_request(who.ins, doctor.lps, app.now),
        "TD1.3a": lambda: administrative_request(who.ins, doctor.lps, app.now),
        "TD1.1": lambda: creation_request([who.ins], who.traits, sender, consent=app.now, oppositions=said),
        "TD1.2": lambda: reactivation_request(who.ins, name, sender, consent=app.now, oppositions=said),
        "TD1.3b": lambda: change_request(who.ins, who.traits, sender, oppositions=said),
        "TD1.4": lambda: closure_request(who.ins, name, sender, code="FERMETURE_DEMANDE_PATIENT", text=""),
    }[code]()


def state(app: LocalApp) -> list[Any]:
    with app.store.read() as work:
        return [work.patients.find(who.ins) for who in (A, B, NONE)]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(
    ("token", "body"),
    [(A, B), (B, A), (A, NONE), (NONE, A), (A, UNKNOWN_AUTHORITY)],
    ids=["both known", "the other way", "body of nobody", "token of nobody", "another authority"],
)
def test_the_body_is_about_the_patient_of_the_token(
    app: LocalApp, code: str, token: cast.CastPatient, body: cast.CastPatient
) -> None:
    for who in (A, B):
        app.session("medecin-libre").add_authorisation(who.ins)
    if code == "TD1.2":
        for who in (A, B):
            assert app.session("medecin-libre").close_record(who.ins, who.traits.name).done
    before = state(app)
    answer = app.session("medecin-libre")._call(code, token.ins, body_for(app, code, body)).body
    assert verdict(answer)[1] == "DMPInvalidRequest"
    text = "".join(str(t) for t in answer.itertext())
    assert "ADM-SAME" in text
    assert body.traits.birth_date not in text
    assert state(app) == before
    trace = app.traces()[-1]
    assert (trace["patient"], trace["code"]) == (f"{token.ins.value}^{token.ins.authority}", "DMPInvalidRequest")


def test_a_second_identifier_of_somebody_else_is_refused_and_tells_nothing(app: LocalApp) -> None:
    """Whether B has a DMP or not, the same words."""
    doctor = app.session("medecin-libre")
    texts = []
    for stranger in (B, NONE):
        request = body_for(app, "TD1.3b", A)
        identifier = request.find(".//{*}patient/{*}id")
        other = identifier.makeelement(identifier.tag, root=stranger.ins.authority, extension=stranger.ins.value)
        identifier.addnext(other)
        answer = doctor._call("TD1.3b", A.ins, request).body
        assert verdict(answer)[1] == "DMPInvalidRequest"
        detail = answer.findtext(".//{*}acknowledgementDetail/{*}text") or ""
        texts.append(detail.replace(stranger.ins.value, "INS"))
    assert texts[0] == texts[1]
    assert "GDP-IDENTIFIERS" in texts[0]


def test_a_former_identifier_may_be_named_beside_the_current_one(app: LocalApp) -> None:
    """TD1.3b with the identifiers that TD1.3a gave, and a VIHF that still has the old number."""
    new = Ins("279035121519088", oids.INS_NIR_TEST)
    with app.store.write() as work:
        record = work.patients.find(A.ins)
        assert record is not None
        work.patients.identify(record.id, new)
    doctor = app.session("medecin-libre")
    doctor.add_authorisation(A.ins)
    read = doctor.read_administrative_data(A.ins)
    assert read.identifiers == (new,)
    request = body_for(app, "TD1.4", replace(A, ins=new))
    identifier = request.find(".//{*}patient/{*}id")
    identifier.addnext(identifier.makeelement(identifier.tag, root=A.ins.authority, extension=A.ins.value))
    assert verdict(doctor._call("TD1.4", A.ins, request).body)[1] == "AA"
    with app.store.read() as work:
        closed = work.patients.find(new)
    assert closed is not None
    assert closed.status is DmpStatus.CLOSED
