"""The documents of the set `plan`: what the cases 3.1 and 3.2 of the test plan look for is there, and is valid."""

import base64
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from dmpws import cast
from dmpws.acts.actor import Actor
from dmpws.acts.desk import Desk
from dmpws.client import LpsSession, read_results, read_vsm
from dmpws.client.clinical import Quantity
from dmpws.client.registry import FoundDocument
from dmpws.client.scenario import HOSPITAL_DOCTOR
from dmpws.client.vsm import Heading, Unread
from dmpws.codec.cda import parse_document, read_header
from dmpws.codec.cda_body import check_files
from dmpws.codec.cda_metadata import entry_of
from dmpws.codec.self_presenting import check_self_presenting
from dmpws.codec.value_sets import rubriques, value_sets
from dmpws.domain.checks import Report
from dmpws.domain.code import Code
from dmpws.domain.document import MASQUE_PS, SIGNATURE_CLASS, Status, StoredEntry
from dmpws.domain.lot.vsm import is_vsm
from dmpws.domain.media import DICOM, PDF, kos_flaw
from dmpws.domain.producers import ASSURANCE_MALADIE, DOSSIER_PHARMACEUTIQUE
from dmpws.domain.query import DocumentQuery
from dmpws.domain.rubriques import Espace
from dmpws.domain.value_sets import Attribute
from dmpws.pki.demo import DemoPki
from dmpws.seed import structured
from dmpws.seed.documents import planned
from dmpws.seed.feeding import SeedRefused, feed
from dmpws.seed.producing import produce
from dmpws.seed.situations import open_records
from dmpws.soap.validation import Schemas
from dmpws.store import Store, open_store
from dmpws.testing.local import LocalApp, in_air
from dmpws.testing.postgres import migrate
from dmpws.transactions.call import Settings
from dmpws.xml.names import HL7

EVERY = (Status.APPROVED, Status.ARCHIVED, Status.DEPRECATED)
READ = ("cas2", "cas3", "cas4")
"""The patients of the plan for the reading of every document."""


def planted(store: Store, pki: DemoPki, now: datetime) -> LocalApp:
    app = LocalApp(store, pki, now)
    open_records(store, now)
    feed(store, app.session)
    produce(store, desks(app))
    return app


def desks(app: LocalApp) -> Callable[[Actor], Desk]:
    check = Schemas.load().check_cda_header
    return lambda who: Desk(app.store, app.now, lambda: str(uuid.uuid4()), Settings(), who, check_cda=check)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, pki: DemoPki, now: datetime) -> Iterator[LocalApp]:
    folder = tmp_path_factory.mktemp("documents")
    url = f"sqlite:///{folder / 'dmpws.sqlite'}"
    migrate(url)
    store = open_store(url, folder / "documents")
    yield planted(store, pki, now)
    store.close()


@pytest.fixture
def libre(app: LocalApp) -> LpsSession:
    return app.session("medecin-libre")


def stored(store: Store, key: str) -> list[StoredEntry]:
    with store.read() as work:
        record = work.patients.find(cast.PATIENTS[key].ins)
        assert record is not None
        return list(work.documents.find(DocumentQuery(record.id, tuple(Status)), limit=1000))


def only(lps: LpsSession, patient: str, key: str, version: int = 1) -> FoundDocument:
    """A document of the table, as the professional finds it."""
    wanted = next(d for d in planned() if (d.patient.key, d.row["key"]) == (patient, key)).unique_id(version)
    found = lps.find_documents(cast.PATIENTS[patient].ins, statuses=EVERY).documents
    return next(d for d in found if d.unique_id == wanted)


@pytest.mark.parametrize("key", READ)
def test_every_class_is_there(app: LocalApp, key: str) -> None:
    types = value_sets().sets[Attribute.TYPE].values()
    every = {member.class_code for member in types} - {SIGNATURE_CLASS.code}
    assert {entry.class_code for entry in stored(app.store, key)} == every
    assert len(every) == 11


@pytest.mark.parametrize("key", READ)
def test_documents_of_every_producer_are_there(app: LocalApp, key: str) -> None:
    found = stored(app.store, key)
    assert {e.type_code for e in found} >= {"REMB", "EXPPAT_1", "EXPPAT_2", "EXPPAT_3", "DOCPAT02", "DOCPAT05"}
    authors = frozenset[str]().union(*(e.author_institutions for e in found if e.type_code in ("REMB", "60593-1")))
    assert authors >= {ASSURANCE_MALADIE.structure, DOSSIER_PHARMACEUTIQUE.structure}
    assert {e.author_persons for e in found if e.class_code == "90"} == {frozenset({cast.PATIENTS[key].ins.value})}


def test_refunds_are_there_as_a_file_and_structured(app: LocalApp, libre: LpsSession) -> None:
    ins, found = cast.PATIENTS["desmaux"].ins, {}
    for entry in stored(app.store, "desmaux"):
        (read,) = libre.retrieve(ins, [entry.unique_id]).documents
        header = read_header(parse_document(read.octets.read())[0])
        found[entry.status] = (header.media_type, "1.2.250.1.213.1.1.1.36" in header.template_ids)
    assert found == {Status.DEPRECATED: (PDF, False), Status.APPROVED: ("", True)}


@pytest.mark.parametrize("key", READ)
def test_every_espace_has_a_document(app: LocalApp, key: str) -> None:
    shown = (rubriques().of(Code(e.type_code, e.type_system)) for e in stored(app.store, key))
    assert {rubrique.espace for rubrique in shown if rubrique is not None} == set(Espace)


@pytest.mark.parametrize(
    ("key", "version", "status", "start"),
    [
        ("tiff", 1, Status.APPROVED, b"II*\0"),
        ("jpeg-masked", 1, Status.APPROVED, b"\xff\xd8\xff"),
        ("consultation", 1, Status.APPROVED, b"%PDF-"),
        ("text-invisible", 1, Status.APPROVED, b"Consultation"),
        ("rtf-archived", 1, Status.ARCHIVED, b"{\\rtf1"),
        ("text-replaced", 1, Status.DEPRECATED, b"Consultation"),
        ("text-replaced", 2, Status.APPROVED, b"Consultation"),
    ],
)
def test_files_are_read_in_each_format_and_state(
    libre: LpsSession, key: str, version: int, status: Status, start: bytes
) -> None:
    document = only(libre, "cas2", key, version)
    assert document.status == status
    read = libre.retrieve(cast.PATIENTS["cas2"].ins, [document.unique_id])
    assert read.problems == ()
    root, _ = parse_document(read.documents[0].octets.read())
    text = root.findtext(f"{{{HL7}}}component/{{{HL7}}}nonXMLBody/{{{HL7}}}text") or ""
    assert base64.b64decode(text).startswith(start)


@pytest.mark.parametrize("key", ["vsm", "cs8", "biology", "biology-self-presenting", "imaging-reference"])
def test_what_is_no_file_is_read_too(libre: LpsSession, key: str) -> None:
    document = only(libre, "cas2", key)
    assert libre.retrieve(cast.PATIENTS["cas2"].ins, [document.unique_id]).problems == ()


def test_a_masked_document_is_for_its_author_and_the_treating_doctor(app: LocalApp, libre: LpsSession) -> None:
    ins = cast.PATIENTS["cas2"].ins
    masked = only(libre, "cas2", "jpeg-masked")
    assert MASQUE_PS in masked.confidentiality
    hospital = app.session("hopital", in_air(HOSPITAL_DOCTOR))
    seen = hospital.find_documents(ins, statuses=EVERY)
    assert seen.problems == ()
    assert masked.unique_id not in {d.unique_id for d in seen.documents}
    assert masked.unique_id in {d.unique_id for d in app.session("medecin-camparini").find_documents(ins).documents}


@pytest.mark.parametrize(
    ("patient", "key", "code"),
    [
        ("cas2", "text-invisible", "INVISIBLE_PATIENT"),
        ("attribut", "invisible", "INVISIBLE_PATIENT"),
        ("attribut", "masked", "MASQUE_PS"),
        ("cas2-ad1", "not-for-representatives", "INVISIBLE_REPRESENTANTS_LEGAUX"),
    ],
)
def test_documents_are_hidden_as_the_cases_need_them(libre: LpsSession, patient: str, key: str, code: str) -> None:
    assert code in only(libre, patient, key).confidentiality


@pytest.mark.parametrize("key", ["cas1", "cas2", "cas3", "cas2-ad2", "cas4"])
def test_a_vaccination_has_its_historique(app: LocalApp, key: str) -> None:
    types = [entry.type_code for entry in stored(app.store, key)]
    assert (types.count("87273-9"), types.count("11369-6")) == (1, 1)


def test_a_vaccination_to_validate_is_in_the_doctor_s_name(app: LocalApp) -> None:
    (note,) = [e for e in stored(app.store, "cas1") if e.type_code == "87273-9"]
    assert (note.author_institutions, note.author_persons) == ({"499900063480001"}, {"899900063480"})


@pytest.mark.parametrize("key", ["cas16", *READ])
@pytest.mark.parametrize("pattern", ["{}-1^^^%accession", "2.25.%studyInstanceUID"])
def test_images_are_found_by_their_references(app: LocalApp, key: str, pattern: str) -> None:
    with app.store.read() as work:
        record = work.patients.find(cast.PATIENTS[key].ins)
        assert record is not None
        asked = DocumentQuery(record.id, (Status.APPROVED,), reference_ids=((pattern.format(key),),))
        found = sorted(entry.type_code for entry in work.documents.find(asked, limit=10))
    assert found == ["18748-4", "IMG-KOS"]


def content(libre: LpsSession, patient: str, key: str) -> bytes:
    document = only(libre, patient, key)
    (read,) = libre.retrieve(cast.PATIENTS[patient].ins, [document.unique_id]).documents
    return read.octets.read()


def test_a_synthesis_can_be_integrated(libre: LpsSession) -> None:
    octets = content(libre, "cas2", "vsm")
    read = read_vsm(octets)
    assert {heading for heading in Heading if read.items(heading)} == {*structured.SYNTHESIS}
    assert len({item.entry.id for item in read.items()}) == len(read.items()) > 8
    assert not [item for item in read.items() if isinstance(item.entry, Unread)]
    assert is_vsm(entry_of(octets, "e"))


@pytest.mark.parametrize(("key", "verdicts"), [("biology", "LNLNN"), ("biology-self-presenting", "NHN")])
def test_results_can_be_extracted(libre: LpsSession, key: str, verdicts: str) -> None:
    results = read_results(content(libre, "cas2", key))
    assert "".join(r.interpretation.code for r in results if r.interpretation) == verdicts
    for result in results:
        (usual,) = (r.interval for r in result.ranges)
        assert isinstance(result.value, Quantity)
        assert usual is not None
        assert usual.low is not None
        assert usual.high is not None
        normal = usual.low.value <= result.value.value <= usual.high.value
        assert result.interpretation is not None
        assert normal is (result.interpretation.code == "N")
        assert result.value.unit == usual.low.unit != ""
        assert None not in (result.test, result.battery, result.section)


def test_every_stored_document_passes_the_checks_of_level_header(app: LocalApp, schemas: Schemas) -> None:
    checked = 0
    for person in cast.PATIENTS.values():
        if not person.has_dmp:
            continue
        for entry in stored(app.store, person.key):
            with app.store.read() as work:
                octets = work.documents.octets(entry).read()
            checked += 1
            if entry.mime_type == DICOM:
                assert kos_flaw(octets) == ""
                continue
            report = Report()
            document, self_presenting = parse_document(octets)
            schemas.check_cda_header(document, report)
            check_files(document, report, entry.unique_id)
            if self_presenting:
                check_self_presenting(document.getroottree().getroot(), report, entry.unique_id)
            report.raise_failures()
            header, described = read_header(document, self_presenting=self_presenting), entry_of(octets, "e")
            assert header.patient.ids[0].extension == person.ins.value
            assert (described.unique_id, described.author_persons) == (entry.unique_id, entry.author_persons)
    assert checked > len(planned()) + len(planned("produced"))


def test_a_second_run_adds_nothing(app: LocalApp) -> None:
    before = {key: len(stored(app.store, key)) for key in READ}
    assert feed(app.store, app.session) + produce(app.store, desks(app)) == 0
    assert {key: len(stored(app.store, key)) for key in READ} == before


@pytest.mark.parametrize("database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_postgres_takes_the_same(store: Store, pki: DemoPki, now: datetime) -> None:
    other = planted(store, pki, now)
    assert feed(store, other.session) + produce(store, desks(other)) == 0
    assert len(stored(store, "cas2")) > 20


def test_a_server_that_refuses_is_heard(store: Store, pki: DemoPki, now: datetime) -> None:
    without_records = LocalApp(store, pki, now)
    with pytest.raises(SeedRefused, match="DMPAuthorizationNotFound"):
        feed(store, without_records.session)
    with pytest.raises(SeedRefused, match="aucun DMP pour cet INS"):
        produce(store, desks(without_records))
