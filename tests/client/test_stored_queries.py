"""The fourteen stored queries, relations and folders with the kit, against the whole server."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from test_documents import report

from dmpws import cast
from dmpws.client import Deposit, LpsSession, NewFolder
from dmpws.client.registry import QueryAnswer
from dmpws.codec.ebxml import names
from dmpws.codec.ebxml.query_forms import FORMS
from dmpws.domain import oids
from dmpws.domain.code import Code
from dmpws.domain.document import APND, HAS_MEMBER, RPLC, SIGNS, XFRM, XFRM_RPLC, Status
from dmpws.domain.patient import Ins
from dmpws.testing.local import LocalApp

INS: Ins = cast.PATIENTS["nessi"].ins
LOINC = "2.16.840.1.113883.6.1"
REPORT, OTHER = Code("11488-4", LOINC), Code("11490-0", LOINC)
NORMAL = Code("N", oids.CONFIDENTIALITY)
FOLDER = NewFolder("Grossesse", (Code("GROSSESSE", "1.2.250.1.999.9", "Grossesse"),))
HOUR = timedelta(hours=1)
CREATED = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)


@dataclass
class Filed:
    """A record with one document in a folder."""

    app: LocalApp
    session: LpsSession
    lot: str
    unique_id: str
    entry_uuid: str


@pytest.fixture
def filed(app: LocalApp) -> Filed:
    session = app.session("medecin-libre")
    assert session.add_authorisation(INS).ok
    lot = session.build_lot(INS, [Deposit(report(), folders=(FOLDER,))], title="L'envoi")
    answer = session.send_lot(INS, lot)
    assert answer.ok, answer.problems
    (document,) = session.find_documents(INS).documents
    return Filed(app, session, lot.unique_id, document.unique_id, document.entry_uuid)


def add(filed: Filed, **relations: str | tuple[str, ...]) -> str:
    """entryUUID of one more document."""
    lot = filed.session.build_lot(INS, [Deposit(report(), **relations)])  # type: ignore[arg-type]
    answer = filed.session.send_lot(INS, lot)
    assert answer.ok, answer.problems
    return filed.session.get_documents(INS, unique_ids=lot.document_ids, return_type="ObjectRef").references[0]


FILTERS: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"types": [REPORT]}, True),
    ({"types": [OTHER, REPORT]}, True),
    ({"types": [OTHER]}, False),
    ({"classes": [Code("10", "1.2.250.1.213.1.1.4.1")]}, True),
    ({"classes": [Code("l'autre", "1.2.3")]}, False),
    ({"confidentiality": [NORMAL]}, True),
    ({"facilities": [Code("SA07", oids.SECTORS)]}, True),
    ({"facilities": [Code("SA01", oids.SECTORS)]}, False),
    ({"authors": ["899900063480^%"]}, True),
    ({"authors": ["801234534765^%", "899900063481^%"]}, False),
    ({"created_from": CREATED}, True),
    ({"created_from": CREATED + HOUR}, False),
    ({"created_to": CREATED + HOUR}, True),
    ({"created_to": CREATED}, False),
    ({"started_from": CREATED, "started_to": CREATED + HOUR}, False),
    ({"started_from": CREATED - HOUR, "types": [REPORT]}, True),
    ({"statuses": [Status.ARCHIVED, Status.DEPRECATED]}, False),
]


def test_documents_are_filtered(filed: Filed) -> None:
    for filters, found in FILTERS:
        answer = filed.session.find_documents(INS, **filters)
        assert answer.ok, answer.problems
        assert ([d.unique_id for d in answer.documents] == [filed.unique_id]) is found, filters


def test_references_by_id(filed: Filed) -> None:
    answer = filed.session.find_documents_by_reference_id(INS, ["1.2.3^^^%"], types=[REPORT])
    assert (answer.ok, answer.documents) == (True, ())


def test_lots_are_found_by_their_time_author_and_kind(filed: Filed) -> None:
    find = filed.session.find_submission_sets
    now = filed.app.now
    (lot,) = find(INS, submitted_from=now, submitted_to=now + HOUR, author="899900063480^%").sets
    assert (lot.unique_id, lot.title, lot.status) == (filed.lot, "L'envoi", Status.APPROVED)
    assert (lot.content_type, lot.source_id) == ("SA07", filed.session.lps.id)
    assert [author.split("^")[0] for author in lot.authors] == ["899900063480"]
    assert find(INS, content_types=[Code("SA07", oids.SECTORS)], source_ids=[lot.source_id]).sets == (lot,)
    assert find(INS, submitted_from=now + HOUR).sets == ()
    assert find(INS, source_ids=["1.2.3"]).sets == ()


def test_a_folder_and_what_is_in_it(filed: Filed) -> None:
    session = filed.session
    (folder,) = session.find_folders(INS, codes=list(FOLDER.codes), updated_from=filed.app.now - HOUR).folders
    assert (folder.unique_id, folder.title, folder.codes) == (FOLDER.unique_id, "Grossesse", ("GROSSESSE",))
    assert session.find_folders(INS, updated_from=filed.app.now + HOUR).folders == ()
    added = add(filed, folders=(folder.entry_uuid,))
    contents = session.get_folder_and_contents(INS, unique_id=folder.unique_id)
    assert {d.entry_uuid for d in contents.documents} == {filed.entry_uuid, added}
    assert {(a.type, a.source) for a in contents.associations} == {(HAS_MEMBER, folder.entry_uuid)}
    assert session.get_folder_and_contents(INS, entry_uuid=folder.entry_uuid, confidentiality=[NORMAL]).documents
    assert [f.entry_uuid for f in session.get_folders_for_document(INS, entry_uuid=added).folders] == [
        folder.entry_uuid
    ]
    for named in ({"unique_ids": [folder.unique_id]}, {"entry_uuids": [folder.entry_uuid]}, {"lids": [folder.lid]}):
        (again,) = session.get_folders(INS, **named).folders  # type: ignore[arg-type]
        assert again.unique_id == folder.unique_id


def test_the_contents_of_a_lot(filed: Filed) -> None:
    session = filed.session
    answer = session.get_submission_set_and_contents(INS, unique_id=filed.lot)
    assert [s.unique_id for s in answer.sets] == [filed.lot]
    assert [f.unique_id for f in answer.folders] == [FOLDER.unique_id]
    assert filed.unique_id in {d.unique_id for d in answer.documents}
    again = session.get_submission_sets(INS, [filed.entry_uuid])
    assert again.sets == answer.sets
    assert session.get_submission_set_and_contents(INS, entry_uuid=answer.sets[0].entry_uuid).sets == answer.sets


def test_everything_at_once(filed: Filed) -> None:
    answer = filed.session.get_all(INS)
    assert [s.unique_id for s in answer.sets] == [filed.lot]
    assert [f.unique_id for f in answer.folders] == [FOLDER.unique_id]
    assert filed.unique_id in {d.unique_id for d in answer.documents}
    assert {SIGNS, HAS_MEMBER} == {a.type for a in answer.associations}
    assert filed.session.get_all(INS, statuses=[Status.DEPRECATED]).documents == ()


@pytest.mark.parametrize(
    ("names_of", "kind", "old"),
    [
        (("completes",), APND, Status.APPROVED),
        (("transforms",), XFRM, Status.APPROVED),
        (("replaces",), RPLC, Status.DEPRECATED),
        (("transforms", "replaces"), XFRM_RPLC, Status.DEPRECATED),
    ],
)
def test_relations(filed: Filed, names_of: tuple[str, ...], kind: str, old: Status) -> None:
    session = filed.session
    added = add(filed, **dict.fromkeys(names_of, filed.entry_uuid))
    related = session.get_related_documents(INS, unique_id=filed.unique_id)
    assert {d.entry_uuid: d.status for d in related.documents} == {filed.entry_uuid: old, added: Status.APPROVED}
    assert [(a.type, a.source, a.target) for a in related.associations] == [(kind, added, filed.entry_uuid)]
    assert session.get_related_documents(INS, entry_uuid=added, relations=[SIGNS]).documents == ()
    assert related.associations[0] in session.get_associations(INS, [added]).associations
    both = session.get_documents_and_associations(INS, entry_uuids=[added])
    assert [d.entry_uuid for d in both.documents] == [added]
    assert related.associations[0] in both.associations


def test_old_versions_are_found_when_asked_for(filed: Filed) -> None:
    session = filed.session
    assert session.mask(INS, filed.unique_id).ok
    for asked, versions in ((False, {"2"}), (True, {"1", "2"})):
        answer = session.get_documents(INS, lids=[filed.entry_uuid], all_versions=asked)
        assert {d.version for d in answer.documents} == versions


def test_each_query_has_its_method(app: LocalApp, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def note(_self: LpsSession, _ins: Ins, query: str, slots: dict[str, list[str]], _type: str = "") -> QueryAnswer:
        asked.append((query, set(slots) <= set(FORMS[query].parameters)))
        return QueryAnswer(names.SUCCESS)

    monkeypatch.setattr(LpsSession, "_query", note)
    session = app.session("medecin-libre")
    session.find_documents(INS, formats=[NORMAL], practice_settings=[NORMAL], event_codes=[NORMAL], object_types=["x"])
    session.find_documents_by_reference_id(INS, ["x"], stopped_from=CREATED, stopped_to=CREATED)
    session.find_submission_sets(INS)
    session.find_folders(INS)
    session.get_all(INS, formats=[NORMAL])
    session.get_documents(INS)
    session.get_folders(INS)
    session.get_associations(INS, ["x"])
    session.get_documents_and_associations(INS)
    session.get_submission_sets(INS, ["x"])
    session.get_submission_set_and_contents(INS, unique_id="x", formats=[NORMAL])
    session.get_folder_and_contents(INS, unique_id="x", object_types=["x"])
    session.get_folders_for_document(INS, unique_id="x")
    session.get_related_documents(INS, unique_id="x")
    assert dict(asked) == dict.fromkeys(FORMS, True)
