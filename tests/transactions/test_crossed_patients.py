"""A VIHF for one patient with a body for another, on every transaction whose message names a patient or a document."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from lxml import etree

from dmpws import cast
from dmpws.client import Attachment, ClinicalDocument, Deposit, LpsSession, update
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.client.patients import administrative_request, existence_request
from dmpws.client.registration import (
    Oppositions,
    change_request,
    closure_request,
    creation_request,
    reactivation_request,
)
from dmpws.client.registry import cx, query_request
from dmpws.codec.ebxml import names
from dmpws.domain import oids
from dmpws.domain.document import MASQUE_PS, Status, StoredEntry
from dmpws.domain.patient import DmpStatus, Ins
from dmpws.domain.query import DocumentQuery
from dmpws.testing.local import LocalApp
from dmpws.testing.stage import verdict
from dmpws.transactions.registry import transactions

A, B, NONE = (cast.PATIENTS[key] for key in ("pat-trois", "nessi", "conteste"))
CODES = ("TD0.2", "TD1.1", "TD1.2", "TD1.3a", "TD1.3b", "TD1.4")
NAMES_NOBODY = {"TD0.0", "TD0.1", "TD0.3", "TD0.4", "TD0.5", "TD1.5a", "TD1.5b", "TD1.5d", "TD1.6"}
"""The patient is the VIHF's, or nobody in particular (TD0.0 reads nothing, TD0.5 looks for traits)."""
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


# Documents: A's VIHF, B's lot, query or document


def deposit(lps: LpsSession, now: datetime, token: Ins) -> tuple[str, list[str]]:
    """A lot about B sent with the VIHF of `token`: uniqueId, and what was wrong with it."""
    report = Attachment("text/plain", b"RAS")
    document = ClinicalDocument(B.ins, B.traits, lps.actor, CONSULTATION_REPORT, "CR de B", report, now, now)
    lot = lps.build_lot(B.ins, [Deposit(document)])
    return lot.document_ids[0], [problem.code for problem in lps.send_lot(token, lot).problems]


def entry_of_b(app: LocalApp, unique_id: str) -> StoredEntry:
    with app.store.read() as work:
        (found,) = work.documents.by_unique_id([unique_id])
    return found


def change(lps: LpsSession, entry: StoredEntry, body: etree._Element) -> dict[str, Callable[[], etree._Element]]:
    """What TD3.3 would change in B's document, in a set that says it is A's. body: the answer that shows it."""
    extrinsic = next(body.iter("{*}ExtrinsicObject"))

    def metadata(*codes: str) -> etree._Element:
        return update.metadata_request(lps._update_set(A.ins), extrinsic, frozenset(codes))

    def status(new: Status) -> etree._Element:
        return update.status_request(lps._update_set(A.ins), entry.entry_uuid, Status.APPROVED, new)

    return {
        "TD3.3a": lambda: metadata(MASQUE_PS),
        "TD3.3b": metadata,
        "TD3.3c": lambda: status(Status.DELETED),
        "TD3.3d": lambda: status(Status.ARCHIVED),
    }


@pytest.mark.parametrize("code", ["TD2.1", "TD2.2"])
def test_a_lot_is_about_the_patient_of_the_token(app: LocalApp, code: str) -> None:
    lps = app.session("medecin-libre" if code == "TD2.1" else "cpe-libre")
    _, wrong = deposit(lps, app.now, A.ins)
    assert set(wrong) == {"XDSPatientIdDoesNotMatch"}
    assert (app.traces()[-1]["transaction"], app.traces()[-1]["patient"]) == (code, f"{A.ins.value}^{A.ins.authority}")
    with app.store.read() as work:
        for who in (A, B):
            record = work.patients.find(who.ins)
            assert record is not None
            assert list(work.documents.find(DocumentQuery(record.id, tuple(Status)), limit=9)) == []


def test_a_document_of_another_patient_does_not_exist(app: LocalApp) -> None:
    """Neither to be found, nor read, nor changed: with a right to both records, and as its author."""
    lps = app.session("medecin-libre")
    for who in (A, B):
        assert lps.add_authorisation(who.ins).ok
    unique_id, wrong = deposit(lps, app.now, B.ins)
    assert wrong == []
    shown = lps._call(
        "TD3.1", B.ins, query_request(names.GET_DOCUMENTS, {"$XDSDocumentEntryUniqueId": [f"('{unique_id}')"]})
    )
    before = entry_of_b(app, unique_id)
    find = {"$XDSDocumentEntryPatientId": [f"'{cx(B.ins)}'"], "$XDSDocumentEntryStatus": [f"('{Status.APPROVED}')"]}
    answers = {
        "TD3.1 by patient": verdict(lps._call("TD3.1", A.ins, query_request(names.FIND_DOCUMENTS, find)).body)[1],
        "TD3.1 by document": [len(lps.get_documents(A.ins, unique_ids=[unique_id]).documents)],
        "TD3.2": [problem.code for problem in lps.retrieve(A.ins, [unique_id]).problems],
        **{
            code: [problem.code for problem in lps._update(code, A.ins, request()).problems]
            for code, request in change(lps, before, shown.body).items()
        },
    }
    assert answers.pop("TD3.1 by patient") == "XDSPatientIdDoesNotMatch"
    assert answers.pop("TD3.1 by document") == [0]
    assert answers.pop("TD3.2") == ["XDSDocumentUniqueIdError"]
    assert {*map(tuple, answers.values())} == {("UnresolvedReferenceException",)}
    assert entry_of_b(app, unique_id) == before


def test_every_transaction_is_crossed() -> None:
    crossed = {*CODES, "TD2.1", "TD2.2", "TD3.1", "TD3.2", "TD3.3a", "TD3.3b", "TD3.3c", "TD3.3d"}
    assert {t.code for t in transactions()} == crossed | NAMES_NOBODY
