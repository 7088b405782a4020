"""The life of a record through TD1.1 to TD1.4, by the client kit and the whole server."""

import copy
import json
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, update

from dmpws import cast
from dmpws.client import Attachment, ClinicalDocument, Deposit
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.client.registration import Oppositions, RegistrationAnswer, creation_request, reactivation_request
from dmpws.domain import oids
from dmpws.domain.authorisation import AuthorisationState
from dmpws.domain.ins_c import ins_c
from dmpws.domain.patient import Address, DmpStatus, Ins, Name, PatientRecord, Representative, Telecom, Traits
from dmpws.pki.demo import DemoPki
from dmpws.store import Store
from dmpws.store.tables import metadata, patient
from dmpws.testing.fixtures import NOW
from dmpws.testing.local import LocalApp
from dmpws.testing.stage import verdict
from dmpws.testing.together import together

KNOWN, NONE = cast.PATIENTS["pat-trois"], cast.PATIENTS["conteste"]
WHOLE = Traits(
    name=Name("CONTESTE", "", "JEAN", "M"),
    sex="M",
    birth_date="19530724",
    birth_country="FRA",
    telecoms=(Telecom("tel:0102030405", "HP"), Telecom("mailto:153078987658513@patient.mssante.fr")),
    addresses=(Address("1 rue de la Paix", "bâtiment A", "75002", "PARIS", "FRA"),),
    representatives=(
        Representative("RESPRSN", Name("ALOT", "", "CECILE"), (Address(city="LYON"),), (Telecom("tel:06", "MC"),)),
    ),
    vitale_name=Name("CONTESTE", "", "JEAN  PIERRE"),
    vitale_birth_date="19530024",
)
"""Of CONTESTE JEAN; two blanks and a lunar birth date on his card."""


def record_of(store: Store, ins: Ins) -> PatientRecord:
    with store.read() as work:
        found = work.patients.find(ins)
    assert found is not None
    return found


def codes(answer: Any) -> list[str]:
    return [problem.code for problem in answer.problems]


def last_trace(app: LocalApp) -> dict[str, Any]:
    return dict(app.traces()[-1])


# TD1.1


def test_everything_said_at_creation_is_kept_and_read_again(app: LocalApp) -> None:
    doctor = app.session("medecin-libre")
    assert doctor.create_record(NONE.ins, WHOLE, consent=app.now, opposes_centre_15=True).done
    record = record_of(app.store, NONE.ins)
    assert record.traits == WHOLE
    assert (record.opposes_bris_de_glace, record.opposes_centre_15) == (False, True)
    assert doctor.add_authorisation(NONE.ins).ok
    read = doctor.read_administrative_data(NONE.ins)
    assert read.traits == replace(WHOLE, vitale_name=None, vitale_birth_date="")
    assert (read.opposes_bris_de_glace, read.opposes_centre_15) == (False, True)
    assert read.identifiers == tuple(reversed(record.identifiers))


def test_a_creation_is_traced_with_the_date_of_consent_and_the_reading_of_the_card(app: LocalApp) -> None:
    app.session("medecin-libre").create_record(NONE.ins, WHOLE, consent=app.now)
    trace = last_trace(app)
    changes = {change["what"]: change["new"] for change in trace["changes"]}
    assert trace["patient"] == f"{NONE.ins.value}^{NONE.ins.authority}"
    assert changes["CONSENTEMENT_OUVERTURE_DMP"] == f"{app.now:%Y%m%d%H%M%S}"
    assert changes["carte Vitale"] == "lue"
    app.session("medecin-libre").create_record(
        cast.PATIENTS["jumeaudeux"].ins, cast.PATIENTS["jumeaudeux"].traits, consent=app.now
    )
    assert "carte Vitale" not in {change["what"] for change in last_trace(app)["changes"]}


def test_every_twin_has_his_own_record(app: LocalApp) -> None:
    doctor = app.session("medecin-libre")
    twins = [
        ("JUMEAUDEUX", "199013417202273"), ("JUMEAUTROIS", "199013417202372"), ("JUMEAUQUATRE", "199013417202471"),
    ]  # fmt: skip
    first = record_of(app.store, cast.PATIENTS["jumeauun"].ins)
    for given, value in twins:
        ins = Ins(value, oids.INS_NIR_TEST)
        traits = replace(first.traits, name=replace(first.traits.name, given=given))
        assert doctor.create_record(ins, traits, consent=app.now).done
        record = record_of(app.store, ins)
        assert (record.id != first.id, record.traits.name.given) == (True, given)
        assert record.identifiers == (ins, Ins(ins_c(given, "990115", value[:13]), oids.INS_C))


def test_sex_and_birth_date_are_not_compared_with_the_number(app: LocalApp) -> None:
    traits = replace(NONE.traits, sex="F", birth_date="20010101")
    assert app.session("medecin-libre").create_record(NONE.ins, traits, consent=app.now).done


def test_an_ins_c_calculated_for_two_people_stays_with_the_first(app: LocalApp) -> None:
    doctor = app.session("medecin-libre")
    stolen = Ins(ins_c("JEAN", "530724", NONE.ins.value[:13]), oids.INS_C)
    other = cast.PATIENTS["jumeaudeux"]
    assert doctor.create_record(other.ins, other.traits, consent=app.now, ins_c=stolen).done
    assert doctor.create_record(NONE.ins, NONE.traits, consent=app.now).done
    assert record_of(app.store, NONE.ins).identifiers == (NONE.ins,)
    assert last_trace(app)["warnings"]


def everything_stored(store: Store) -> dict[str, list[Any]]:
    rows = {table.name: store.database.rows(select(table)) for table in metadata.sorted_tables}
    return {name: [tuple(row) for row in found] for name, found in rows.items()}


@pytest.mark.parametrize("closed", [False, True], ids=["TD1.1", "TD1.2"])
def test_who_does_not_consent_is_nowhere(app: LocalApp, closed: bool) -> None:
    """Neither in the base nor in its traces; who consents is refused as everybody else, patient and reason told."""
    doctor, who = app.session("medecin-libre"), KNOWN if closed else NONE
    name = who.traits.name
    nameless = app.session("medecin-libre", replace(doctor.actor, family=" "))
    if closed:
        assert doctor.close_record(who.ins, name).done
    before, traces = everything_stored(app.store), app.traces()
    for session, consent in (
        (doctor, None),
        (nameless, None),
        (doctor, app.now + timedelta(days=2)),
        (nameless, app.now),
    ):
        refused = (
            session.reactivate_record(who.ins, name, consent=consent)
            if closed
            else session.create_record(who.ins, who.traits, consent=consent)
        )
        assert set(codes(refused)) == {"DMPInvalidRequest"}
    assert {n for n, rows in everything_stored(app.store).items() if rows != before[n]} == {"trace", "trace_head"}
    *left, told = [dict(trace) for trace in app.traces()[len(traces) :]]
    assert len(left) == 3
    for trace in left:
        assert (trace["code"], trace["person"]) == ("DMPInvalidRequest", doctor.actor.person)
        assert not {"patient", "message", "changes"} & trace.keys()
    assert who.ins.value not in json.dumps(left)
    assert (told["patient"], "GDP-AUTHOR-NAMES" in told["message"]) == (f"{who.ins.value}^{who.ins.authority}", True)


@pytest.mark.parametrize("spoil", ["value", "effectiveTime", "code", "not a boolean", "twice", "nothing"])
@pytest.mark.parametrize("code", ["TD1.1", "TD1.2"])
def test_nor_whose_consent_is_badly_written(app: LocalApp, code: str, spoil: str) -> None:
    """What the schema and the reader refuse could be a consent that was not given."""
    said = Oppositions(False, False)
    doctor, who = app.session("medecin-libre"), KNOWN if code == "TD1.2" else NONE
    if code == "TD1.2":
        assert doctor.close_record(who.ins, who.traits.name).done
        body = reactivation_request(who.ins, who.traits.name, doctor._sender(), consent=app.now, oppositions=said)
    else:
        body = creation_request([who.ins], who.traits, doctor._sender(), consent=app.now, oppositions=said)
    consent = next(o for o in body.iter("{*}administrativeObservation") if "CONSENT" in o.find("{*}code").get("code"))
    if spoil == "not a boolean":
        consent.find("{*}value").set("value", "non")
    elif spoil == "twice":
        consent.getparent().addnext(copy.deepcopy(consent.getparent()))
    elif spoil == "nothing":
        consent.getparent().getparent().remove(consent.getparent())
    else:
        consent.remove(consent.find(f"{{*}}{spoil}"))
    assert verdict(doctor._call(code, who.ins, body).body)[1] == "DMPInvalidRequest"
    left = last_trace(app)
    assert (left["transaction"], left["code"]) == (code, "DMPInvalidRequest")
    assert not {"patient", "message", "changes"} & left.keys()
    assert who.ins.value not in json.dumps(left)


# TD1.3a


def test_reading_needs_a_valid_authorisation(app: LocalApp) -> None:
    doctor = app.session("medecin-libre")
    assert codes(doctor.read_administrative_data(KNOWN.ins)) == ["DMPAuthorizationNotFound"]
    assert doctor.add_authorisation(KNOWN.ins).ok
    assert doctor.read_administrative_data(KNOWN.ins).traits == KNOWN.traits
    app.now += timedelta(days=366)
    assert codes(doctor.read_administrative_data(KNOWN.ins)) == ["DMPAuthorizationNotFound"]


# TD1.3b


def test_a_change_is_read_again_and_traced_with_old_and_new_values(app: LocalApp) -> None:
    doctor = app.session("medecin-libre")
    doctor.add_authorisation(KNOWN.ins)
    new = replace(WHOLE, name=Name("PAT-TROIS", "Ñ’Guyễn", "DOMINIQUE MARIE-LOUISE", "Mme"), sex="F", deceased=True)
    before = record_of(app.store, KNOWN.ins).traits
    assert doctor.change_administrative_data(KNOWN.ins, new, opposes_bris_de_glace=True).status == "active"
    record = record_of(app.store, KNOWN.ins)
    assert record.traits == new
    assert (record.opposes_bris_de_glace, record.opposes_centre_15) == (True, False)
    read = doctor.read_administrative_data(KNOWN.ins)
    assert read.traits == replace(new, vitale_name=None, vitale_birth_date="")
    changes = {c["what"]: (c["old"], c["new"]) for c in app.traces()[-2]["changes"]}
    assert json.loads(changes["name"][0])["used"] == before.name.used
    assert json.loads(changes["name"][1])["used"] == "Ñ’Guyễn"
    assert changes["birth_date"] == (before.birth_date, "19530724")
    assert changes["deceased"] == ("false", "true")
    assert changes["opposes_bris_de_glace"] == ("False", "True")
    assert not {"sex", "opposes_centre_15"} & changes.keys()


def test_what_a_change_leaves_out(app: LocalApp) -> None:
    doctor = app.session("medecin-libre")
    doctor.create_record(NONE.ins, replace(WHOLE, deceased=True), consent=app.now, opposes_centre_15=True)
    bare = Traits(name=WHOLE.name, sex="M", birth_date="19530724")
    assert doctor.change_administrative_data(NONE.ins, bare).done
    record = record_of(app.store, NONE.ins)
    assert record.traits == replace(
        bare, deceased=True, birth_country="FRA", vitale_name=WHOLE.vitale_name, vitale_birth_date="19530024"
    )
    assert record.opposes_centre_15


NAMES = (
    "Clérico", "GIRODET DE ROUSSY-COEUR", "O’NEIL", "O'NEIL", "Œuvrard", "DE\u00a0VINCI", "NGUYỄN", "كريم", "כהן",
    "山田", "&amp;", "D^T",
)  # fmt: skip


def test_names_come_back_as_they_were_written(app: LocalApp) -> None:
    doctor = app.session("medecin-libre")
    doctor.add_authorisation(KNOWN.ins)
    for name in NAMES:
        new = replace(KNOWN.traits, name=replace(KNOWN.traits.name, birth=name, used=name, given=name))
        assert doctor.change_administrative_data(KNOWN.ins, new).done, name
        read = doctor.read_administrative_data(KNOWN.ins).traits
        assert read is not None
        one_line = " ".join(name.split())
        assert (read.name.birth, read.name.used, read.name.given) == (one_line,) * 3


def test_names_are_composed_but_for_those_of_the_card(app: LocalApp) -> None:
    decomposed = unicodedata.normalize("NFD", "CÔME  É")
    traits = replace(
        WHOLE, name=Name(decomposed, decomposed, decomposed), vitale_name=Name(decomposed, decomposed, decomposed)
    )
    assert app.session("medecin-libre").create_record(NONE.ins, traits, consent=app.now).done
    kept = record_of(app.store, NONE.ins).traits
    assert kept.name == Name(*("CÔME É",) * 3)
    assert kept.vitale_name == Name(*(decomposed,) * 3)


@pytest.mark.parametrize("name", ["PAT\u202eSIORT", "PAT\u0085TROIS\u200b", "PAT😀", "PAT\ufeff"])
def test_names_that_nobody_has_change_nothing(app: LocalApp, name: str) -> None:
    before = record_of(app.store, KNOWN.ins)
    doctor = app.session("medecin-libre")
    new = replace(KNOWN.traits, name=replace(KNOWN.traits.name, birth=name))
    assert codes(doctor.change_administrative_data(KNOWN.ins, new)) == ["DMPInvalidRequest"]
    author = app.session("medecin-libre", replace(doctor.actor, family=name))
    assert codes(author.change_administrative_data(KNOWN.ins, KNOWN.traits)) == ["DMPInvalidRequest"]
    assert record_of(app.store, KNOWN.ins) == before


def test_nothing_changed_is_traced_as_nothing(app: LocalApp) -> None:
    assert app.session("medecin-libre").change_administrative_data(KNOWN.ins, KNOWN.traits).done
    assert "changes" not in last_trace(app)


# Identifiers over time


def test_an_obsolete_number_and_the_new_one_lead_to_the_same_record(app: LocalApp) -> None:
    """Documents deposited under the old one are found and read under the new one, and the other way round."""
    doctor = app.session("medecin-libre")
    assert doctor.add_authorisation(KNOWN.ins).ok
    new = Ins("279035121519088", oids.INS_NIR_TEST)

    def deposit(ins: Ins) -> str:
        body = Attachment("text/plain", b"Toux.")
        document = ClinicalDocument(
            ins, KNOWN.traits, doctor.actor, CONSULTATION_REPORT, "Compte rendu", body, app.now, app.now, app.now
        )
        assert doctor.submit(ins, [Deposit(document)]).ok
        return document.unique_id

    before = deposit(KNOWN.ins)
    with app.store.write() as work:
        record = work.patients.find(KNOWN.ins)
        assert record is not None
        work.patients.identify(record.id, new)
    after, by_old = deposit(new), deposit(KNOWN.ins)
    for ins in (KNOWN.ins, new):
        assert {d.unique_id for d in doctor.find_documents(ins).documents} == {before, after, by_old}
        assert doctor.retrieve(ins, [before]).ok
        told = doctor.test_existence(ins)
        assert (told.authorisation, told.identifiers) == (AuthorisationState.VALIDE, (new,))
    assert codes(doctor.create_record(new, KNOWN.traits, consent=app.now)) == ["DMPFound"]
    assert codes(doctor.create_record(KNOWN.ins, KNOWN.traits, consent=app.now)) == ["DMPFound"]


# TD1.4, TD1.2


def test_a_closure_is_told_by_td0_2_and_undone_by_td1_2(app: LocalApp) -> None:
    doctor = app.session("medecin-libre")
    doctor.add_authorisation(KNOWN.ins)
    app.now += timedelta(days=1)
    answer = doctor.close_record(KNOWN.ins, KNOWN.traits.name, text="Je ne veux plus de DMP")
    assert (answer.interaction, answer.done, answer.status) == ("PRPA_IN201315UV02", True, "terminated")
    told = doctor.test_existence(KNOWN.ins)
    assert (told.status, told.closed_on) == ("terminated", f"{app.now:%Y%m%d%H%M%S}")
    assert (told.closure_code, told.closure_text) == ("FERMETURE_DEMANDE_PATIENT", "Je ne veux plus de DMP")
    assert codes(doctor.read_administrative_data(KNOWN.ins)) == ["DMPClosed"]
    assert codes(doctor.change_administrative_data(KNOWN.ins, KNOWN.traits)) == ["DMPClosed"]
    assert codes(doctor.close_record(KNOWN.ins, KNOWN.traits.name)) == ["DMPClosed"]
    assert codes(doctor.create_record(KNOWN.ins, KNOWN.traits, consent=app.now)) == ["DMPFound"]
    again = doctor.reactivate_record(KNOWN.ins, KNOWN.traits.name, consent=app.now, opposes_centre_15=True)
    assert (again.done, again.status) == (True, "active")
    open_again = doctor.test_existence(KNOWN.ins)
    assert (open_again.status, open_again.closed_on, open_again.closure_code) == ("active", "", "")
    assert open_again.authorisation is AuthorisationState.VALIDE
    assert record_of(app.store, KNOWN.ins).opposes_centre_15
    assert codes(doctor.reactivate_record(KNOWN.ins, KNOWN.traits.name, consent=app.now)) == ["DMPFound"]


def test_closure_and_reactivation_are_traced_with_old_and_new_values(app: LocalApp) -> None:
    doctor = app.session("medecin-libre")
    doctor.close_record(KNOWN.ins, KNOWN.traits.name, text="Non")
    assert {c["what"]: c["new"] for c in last_trace(app)["changes"]} == {
        "status": "terminated", "closed_at": str(app.now), "closure": "FERMETURE_DEMANDE_PATIENT Non",
    }  # fmt: skip
    doctor.reactivate_record(KNOWN.ins, KNOWN.traits.name, consent=app.now)
    changes = {c["what"]: (c["old"], c["new"]) for c in last_trace(app)["changes"]}
    assert changes["status"] == ("terminated", "active")
    assert changes["closed_at"] == (str(app.now), "")
    assert changes["closure"] == ("FERMETURE_DEMANDE_PATIENT Non", "")
    assert changes["CONSENTEMENT_REACTIVATION_DMP"] == ("", f"{app.now:%Y%m%d%H%M%S}")


def test_what_the_host_closed_for_good_stays_closed(app: LocalApp) -> None:
    with app.store.write() as work:
        record = work.patients.find(KNOWN.ins)
        assert record is not None
        work.patients.close(record.id, now=app.now, code="DECES", text="", final=True)
    doctor = app.session("medecin-libre")
    assert codes(doctor.reactivate_record(KNOWN.ins, KNOWN.traits.name, consent=app.now)) == ["DMPClosed"]
    assert record_of(app.store, KNOWN.ins).closure_final


def test_the_record_of_somebody_who_died_stays_closed(app: LocalApp) -> None:
    doctor = app.session("medecin-libre")
    assert doctor.change_administrative_data(KNOWN.ins, replace(KNOWN.traits, deceased=True)).done
    assert doctor.close_record(KNOWN.ins, KNOWN.traits.name).done
    assert codes(doctor.reactivate_record(KNOWN.ins, KNOWN.traits.name, consent=app.now)) == ["DMPClosed"]


def test_a_dmp_of_mon_espace_sante_is_changed_and_closed_there(app: LocalApp) -> None:
    app.store.database.change(update(patient).values(attached_to_ens=True))
    doctor = app.session("medecin-libre")
    refused = [
        doctor.change_administrative_data(KNOWN.ins, KNOWN.traits),
        doctor.close_record(KNOWN.ins, KNOWN.traits.name),
    ]
    assert [codes(answer) for answer in refused] == [["DMPAccessDeniedByRightsService"]] * 2
    assert record_of(app.store, KNOWN.ins).status is DmpStatus.ACTIVE


# Races


def at_once(actions: list[Callable[[], RegistrationAnswer]]) -> Counter[object]:
    def run(action: Callable[[], RegistrationAnswer]) -> str:
        answer = action()
        return "done" if answer.done else codes(answer)[0]

    return together([partial(run, action) for action in actions])


@pytest.fixture
def both(store: Store, pki: DemoPki) -> LocalApp:
    """The server on SQLite and on PostgreSQL."""
    return LocalApp(store, pki, NOW)


def test_of_closures_at_once_one_wins(both: LocalApp) -> None:
    sessions = [both.session("medecin-libre") for _ in range(4)]
    close = [lambda s=s: s.close_record(KNOWN.ins, KNOWN.traits.name) for s in sessions]
    assert at_once(close) == {"done": 1, "DMPClosed": 3}  # type: ignore[arg-type]


def test_of_reactivations_at_once_one_wins(both: LocalApp) -> None:
    sessions = [both.session("medecin-libre") for _ in range(4)]
    sessions[0].close_record(KNOWN.ins, KNOWN.traits.name)
    again = [lambda s=s: s.reactivate_record(KNOWN.ins, KNOWN.traits.name, consent=NOW) for s in sessions]
    assert at_once(again) == {"done": 1, "DMPFound": 3}  # type: ignore[arg-type]


def test_of_creations_at_once_one_wins(both: LocalApp) -> None:
    sessions = [both.session("medecin-libre") for _ in range(4)]
    create = [lambda s=s: s.create_record(NONE.ins, NONE.traits, consent=NOW) for s in sessions]
    assert at_once(create) == {"done": 1, "DMPFound": 3}  # type: ignore[arg-type]


def test_changes_at_once_follow_each_other(both: LocalApp) -> None:
    """What the second one traces as old is what the first one wrote."""
    sessions = [both.session("medecin-libre") for _ in range(4)]
    change = [
        lambda s=s, n=n: s.change_administrative_data(KNOWN.ins, replace(KNOWN.traits, birth_country=f"PAYS {n}"))
        for n, s in enumerate(sessions)
    ]
    assert at_once(change) == {"done": 4}  # type: ignore[arg-type]
    steps = [(c["old"], c["new"]) for t in both.traces() for c in t["changes"] if c["what"] == "birth_country"]
    assert len(steps) == 4
    assert [old for old, _ in steps] == ["", *(new for _, new in steps[:-1])]
    assert record_of(both.store, KNOWN.ins).traits.birth_country == steps[-1][1]


def test_closing_and_changing_at_once_leaves_no_change_after_the_closure(both: LocalApp) -> None:
    sessions = [both.session("medecin-libre") for _ in range(4)]
    actions: list[Callable[[], RegistrationAnswer]] = [
        lambda: sessions[0].close_record(KNOWN.ins, KNOWN.traits.name),
        *(
            lambda s=s: s.change_administrative_data(KNOWN.ins, WHOLE)  # type: ignore[misc]
            for s in sessions[1:]
        ),
    ]
    outcomes = at_once(actions)
    assert outcomes["done"] >= 1
    assert outcomes["done"] + outcomes["DMPClosed"] == 4
    accepted = [t["transaction"] for t in both.traces() if t["outcome"] == "accepted"]
    assert accepted[-1] == "TD1.4"
