"""Every cell of the rights, walked end to end: each column calls each operation, conditions met and not met, and the
answer of the whole server is what the cell says."""

import functools
import io
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from test_matrices import AIR_COLUMNS, DIRECT_COLUMNS, EXPECTED, PURPOSES, ROLES

from dmpws import cast
from dmpws.client import Attachment, ClinicalDocument, Deposit, LpsSession, update
from dmpws.client.actor import Actor
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.client.errors import ClientError
from dmpws.client.pdf import one_page_pdf
from dmpws.client.transport import Answer, WsgiTransport
from dmpws.client.verdict import verdict
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.authorisation import AuthorisationState, By, Holder, HolderKind, state_of
from dmpws.domain.authorised import DateType
from dmpws.domain.document import INVISIBLE_PATIENT, MASQUE_PS, Status
from dmpws.domain.internet_account import ChannelType
from dmpws.domain.patient import DmpStatus, Ins, Switch
from dmpws.domain.patient_search import PatientCriteria
from dmpws.frames.reading import understand
from dmpws.frames.sending import body_of, reasons
from dmpws.pki.demo import DemoPki
from dmpws.pki.demo_cards import CARDS
from dmpws.pki.profiles import CardKind
from dmpws.store import open_store
from dmpws.testing.examples import render
from dmpws.testing.given import put_document
from dmpws.testing.local import PATH, LocalApp
from dmpws.testing.stage import Stage
from dmpws.vihf.issue import Lps, TokenRequest
from dmpws.xml.names import RIM

PATIENT = cast.PATIENTS["nessi"]
INS = PATIENT.ins
DOCUMENT = render("{{oid_document}}", {})
YEAR = timedelta(days=365)
NO = "DMPAccessDeniedByRightsService"
KEEPER = "801234534765"
"""The médecin traitant, who is nobody's author here, and author of the documents that are not the caller's."""
OTHERS = {"person": KEEPER, "structure": "10B0127189"}
NURSE = "infirmier"
"""Card of a nurse, made for this walk."""
LDRM = Lps(cast.REGULATION_SOFTWARE.name, "1.0", cast.REGULATION_SOFTWARE.number, "1.2.250.1.999.1.1.7898")
UNKNOWN = {"XDSDocumentUniqueIdError", "UnresolvedReferenceException", "empty"}
"""How a document that does not exist for the caller is refused."""
NOT_SOAP = {"TD0.9 contextual Web-PS", "TD0.10 contextual Web-PS in AIR"}


class Ear(WsgiTransport):
    """Remembers what the last answer said."""

    code = ""
    body: Any = None

    def post(self, *args: Any) -> Answer:
        answer = super().post(*args)
        octets = answer.stream.read()
        self.body = body_of(understand(f"Content-Type: {answer.content_type}\r\n\r\n".encode() + octets))
        self.code = verdict(self.body)[1]
        return Answer(answer.status, answer.content_type, io.BytesIO(octets))


class Session(LpsSession):
    """Presents a VIHF again where that is allowed (DMPWS D2): the clock stands still, and signing costs more than a
    call."""

    made: dict[TokenRequest, bytes]

    def token(self, ins: Ins) -> bytes:
        request = self.token_request(ins)
        if request.mode is AuthMode.INDIRECTE_RENFORCEE:
            return super().token(ins)
        if request not in self.made:
            self.made[request] = super().token(ins)
        return self.made[request]


@dataclass(frozen=True)
class Column:
    """A caller: a column of one of the two tables."""

    name: str
    air: bool

    @property
    def profile(self) -> str:
        profile, _, purpose = self.name.rpartition("_")
        return profile if purpose in PURPOSES else self.name

    @property
    def purpose(self) -> Purpose:
        return PURPOSES.get(self.name.rpartition("_")[2], Purpose.NORMAL)

    @property
    def card(self) -> str:
        if self.profile == "es" and self.purpose is Purpose.CENTRE_15:
            return "regulation"
        if self.air or self.profile == "es":
            return "hopital"
        return {"cpe": "cpe-libre", "ps": NURSE}.get(self.profile, "medecin-libre")

    def actor(self, pki: DemoPki) -> Actor:
        roles = ROLES[self.profile]
        if self.card in ("hopital", "regulation"):
            mode = AuthMode.INDIRECTE_RENFORCEE if self.air else AuthMode.INDIRECTE
            structure = pki.card(self.card).identity.structure
            person = f"{structure}/A17" if self.profile == "pe" else "801234567897"
            return Actor(mode, person, "DOCTORANT", "Charles", structure, "HOPITAL DES 3. DAMES", "SA01", roles)
        return replace(Actor.of_card(pki.card(self.card)), roles=roles)


@dataclass
class Walk:
    """One caller before one record, in the state an operation goes well in."""

    app: LocalApp
    column: Column
    stage: Stage
    ear: Ear = field(init=False)
    session: LpsSession = field(init=False)

    def __post_init__(self) -> None:
        column, app = self.column, self.app
        card = app.pki.card(column.card)
        self.ear = Ear(app, card, PATH)
        reason = "urgence" if column.purpose is Purpose.BRIS_DE_GLACE else ""
        how: dict[str, Any] = {"purpose": column.purpose, "reason": reason, "clock": app.clock}
        self.session = Session(card, transport=self.ear, actor=column.actor(app.pki), **how)
        self.session.made = {}

    @property
    def actor(self) -> Actor:
        return self.session.actor

    def prepare(
        self,
        *,
        dmp: str = "active",
        document: Mapping[str, Any] | None = None,
        masked_shown: bool = True,
        expired: bool = False,
        blocked: bool = False,
        opposes: bool = False,
    ) -> None:
        """The record, with a valid authorisation for the caller; document: see dmpws.testing.given, own unless told."""
        self.stage.clear()
        if dmp == "none":
            return
        now = self.app.now
        with self.app.store.write() as work:
            record = work.patients.create(
                [INS], PATIENT.traits, now=now - YEAR, opposes_bris_de_glace=opposes, opposes_centre_15=opposes
            )
            holders = [(HolderKind.PERSON, self.actor.person), (HolderKind.STRUCTURE, self.actor.structure)]
            for kind, holder in (*holders, (HolderKind.PERSON, KEEPER)):
                doctor = holder == KEEPER or (self.column.profile == "mt" and kind is HolderKind.PERSON)
                until = now - timedelta(days=1) if expired and holder != KEEPER else now + YEAR
                work.authorisations.grant(
                    record.id,
                    Holder(kind, holder),
                    by=By(holder),
                    now=now - YEAR / 2,
                    expires_at=until,
                    treating_doctor=doctor,
                )
            if blocked:
                work.authorisations.block(record.id, Holder(*holders[0]), by=By(INS.value), now=now)
            if masked_shown:
                work.patients.switch(record.id, Switch.MASKED_IN_EMERGENCY, on=True)
            if dmp == DmpStatus.CLOSED:
                work.patients.close(record.id, now=now, code="FERMETURE_DEMANDE_PATIENT", text="", final=False)
            if document is not None:
                put_document(
                    work, record, {"person": self.actor.person, "structure": self.actor.structure, **document}, now
                )

    def call(self, do: Callable[["Walk"], object]) -> str:
        """The code of the last answer; a kit that refuses to go on after it, or finds nothing, does no harm."""
        self.ear.code = ""
        try:
            said = do(self)
        except (ClientError, LookupError):
            said = None
        return said if isinstance(said, str) else self.ear.code

    def submit(self, author: Actor) -> None:
        now = self.app.now
        attachment = Attachment("application/pdf", one_page_pdf("Bonjour"))
        document = ClinicalDocument(INS, PATIENT.traits, author, CONSULTATION_REPORT, "CR", attachment, now, now)
        self.session.submit(INS, [Deposit(document)])

    def held_by(self) -> set[HolderKind]:
        """Who holds a valid authorisation, of the caller's person and structure."""
        holders = [
            Holder(HolderKind.PERSON, self.actor.person),
            Holder(HolderKind.STRUCTURE, self.actor.structure),
        ]
        with self.app.store.read() as work:
            record = work.patients.find(INS)
            assert record is not None
            found = [work.authorisations.get(record.id, holder) for holder in holders]
        now = self.app.now
        return {h.holder.kind for h in found if h is not None and state_of(h, now) is AuthorisationState.VALIDE}

    def entry(self) -> Any:
        """The document's ExtrinsicObject, as the médecin traitant reads it."""
        card = self.app.pki.card("medecin-camparini")
        ear = Ear(self.app, card, PATH)
        LpsSession(card, transport=ear, clock=self.app.clock).get_documents(INS, unique_ids=[DOCUMENT])
        return next(ear.body.iter(f"{{{RIM}}}ExtrinsicObject"))

    def set_visibility(self, *codes: str) -> None:
        request = update.metadata_request(self.session._update_set(INS), self.entry(), frozenset(codes))
        self.session._update("TD3.3a", INS, request)

    def set_status(self, old: Status, new: Status) -> None:
        request = update.status_request(self.session._update_set(INS), UUID, old, new)
        self.session._update("TD3.3d", INS, request)


UUID = render("urn:uuid:{{uuid_document}}", {})


def _reference(walk: Walk) -> str | None:
    found = walk.session.get_documents(INS, unique_ids=[DOCUMENT], return_type="ObjectRef")
    return "empty" if found.ok and not found.references else None


def _retrieve(walk: Walk) -> None:
    walk.session.retrieve(INS, [DOCUMENT])


def _find(walk: Walk) -> None:
    usual, walk.session.lps = walk.session.lps, LDRM
    walk.session.find_patients(INS, PatientCriteria(family="NESSI", given="RUTH", birth="19770714"))
    walk.session.lps = usual


COLLEAGUES = {"cpe": "899900063480", "pe": "801234567897"}
STRANGERS = {"cpe": "801234567897", "pe": "899900063480"}


def _list(walk: Walk) -> None:
    owner = COLLEAGUES.get(walk.column.profile, "")
    walk.session.list_authorised(INS, since=walk.app.now - YEAR, owner=owner)


def _list_of_a_stranger(walk: Walk) -> None:
    walk.session.list_authorised(INS, since=walk.app.now - YEAR, owner=STRANGERS[walk.column.profile])


def _list_by_documents(walk: Walk) -> None:
    walk.session.list_authorised(INS, since=walk.app.now - YEAR, date_type=DateType.DOCUMENT)


def _submit(walk: Walk) -> None:
    walk.submit(walk.actor)


def _submit_for_another_structure(walk: Walk) -> None:
    other = "10B0127189" if walk.actor.structure == "499900063480001" else "499900063480001"
    walk.submit(replace(walk.actor, structure=other))


@dataclass(frozen=True)
class Operation:
    """How a row is walked. prepare: of Walk.prepare, in the state in which it is allowed where the cell is "oui"."""

    do: Callable[[Walk], object]
    prepare: Mapping[str, Any] = field(default_factory=dict)


def about(do: Callable[[Walk], object], **document: Any) -> Operation:
    return Operation(do, {"document": document})


OPERATIONS = {
    "TD0.1 authenticate": Operation(lambda w: w.session.test_existence(INS)),
    "TD0.2 test existence and authorisation": Operation(lambda w: w.session.test_existence(INS)),
    "TD0.3 declare oneself authorised": Operation(lambda w: w.session.add_authorisation(INS)),
    "TD0.3 remove own authorisation": Operation(lambda w: w.session.remove_authorisation(INS)),
    "TD0.3 declare oneself medecin traitant": Operation(
        lambda w: w.session.add_authorisation(INS, treating_doctor=True)
    ),
    "TD0.3 remove oneself as medecin traitant": Operation(
        lambda w: w.session.remove_authorisation(INS, treating_doctor=True)
    ),
    "TD0.4 list authorised DMPs": Operation(_list),
    "TD0.5 find patient without INS": Operation(_find),
    "TD1.1 create": Operation(
        lambda w: w.session.create_record(INS, PATIENT.traits, consent=w.app.now), {"dmp": "none"}
    ),
    "TD1.2 reactivate": Operation(
        lambda w: w.session.reactivate_record(INS, PATIENT.traits.name, consent=w.app.now), {"dmp": DmpStatus.CLOSED}
    ),
    "TD1.3a read administrative data": Operation(lambda w: w.session.read_administrative_data(INS)),
    "TD1.3b change administrative data": Operation(lambda w: w.session.change_administrative_data(INS, PATIENT.traits)),
    "TD1.4 close": Operation(lambda w: w.session.close_record(INS, PATIENT.traits.name, text="plus de DMP")),
    "TD1.5 manage the patient's internet account": Operation(
        lambda w: w.session.open_internet_account(INS, ChannelType.EMAIL, "ruth@example.org")
    ),
    "TD1.6 list authorised/blocked professionals": Operation(lambda w: w.session.list_authorisations(INS)),
    "TD2.1 submit documents": Operation(_submit),
    "TD2.2 submit documents with a CPE": Operation(_submit),
    "TD3.1 search metadata": Operation(lambda w: w.session.find_documents(INS)),
    "TD3.1 search document reference (ObjectRef)": about(_reference),
    "TD3.2 read document not masked": about(_retrieve, **OTHERS),
    "TD3.2 read document masked to PS": about(_retrieve, visibility=[MASQUE_PS]),
    "TD3.2 read document invisible to patient or representative": about(
        _retrieve, visibility=[INVISIBLE_PATIENT], **OTHERS
    ),
    "TD3.2 read archived document": about(_retrieve, status="ARCHIVED", **OTHERS),
    "TD3.2 read obsolete version": about(_retrieve, status="DEPRECATED", **OTHERS),
    "TD3.2 read deleted document": about(_retrieve, status="DELETED", **OTHERS),
    "TD3.3a mask to PS": about(lambda w: w.set_visibility(MASQUE_PS), **OTHERS),
    "TD3.3a unmask to PS": about(lambda w: w.set_visibility(), visibility=[MASQUE_PS]),
    "TD3.3b make visible to patient": about(lambda w: w.set_visibility(), visibility=[INVISIBLE_PATIENT], **OTHERS),
    "TD3.3d archive": about(lambda w: w.set_status(Status.APPROVED, Status.ARCHIVED)),
    "TD3.3d unarchive": about(lambda w: w.set_status(Status.ARCHIVED, Status.APPROVED), status="ARCHIVED"),
    "TD3.3c delete": about(lambda w: w.set_status(Status.APPROVED, Status.DELETED)),
}
DOCUMENT_NOTES = {"5", "6", "8", "9"}
OVERSTEPPED: dict[tuple[str, bool], tuple[Callable[[Walk], object], str]] = {
    ("2", False): (_list_of_a_stranger, NO),
    ("3", False): (_list_by_documents, NO),
    ("3", True): (_list_of_a_stranger, NO),  # PDT-INF-606 gives note 3 another meaning
    ("4", False): (_submit_for_another_structure, "XDSRegistryMetadataError"),
}
"""What a note about the operation forbids where it allows it, by note and AIR, and the code."""
AUTHORISED = ("TD1.3a", "TD1.6", "TD3.1 search metadata", "TD3.2", "TD3.3a", "TD3.3b", "TD3.3d")
"""Rows that need a valid authorisation in normal mode (DMPWS D28)."""
BLIND = ("TD0.1", "TD0.2", "TD0.4", "TD0.5", "TD1.1")
"""Rows that a block or an opposition does not refuse: TD0.2 tells it, lists leave the record out, TD1.1 finds none."""
GOOD = {"AA", "DMPOk", "Success"}


def cells() -> Iterator[tuple[str, Column, str]]:
    """Row, column and cell, as expected.tsv says them."""
    for line in EXPECTED.read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        name, direct, air = line.split("\t")
        for columns, letters, in_air in ((DIRECT_COLUMNS, direct, False), (AIR_COLUMNS, air, True)):
            for column, letter in zip(columns, letters.split(), strict=True):
                yield name, Column(column, in_air), letter


def is_walked(row: str, column: Column) -> bool:
    """A deposit by a CPE is TD2.2, any other TD2.1: the card tells (DMPWS D82). TD0.9 and TD0.10 are web pages."""
    if row.startswith("TD2"):
        return (column.profile in ("cpe", "pe")) == row.startswith("TD2.2")
    return row not in NOT_SOAP


def named(walked: Sequence[tuple[str, Column]]) -> list[str]:
    return [f"{row}-{'AIR ' if column.air else ''}{column.name}" for row, column in walked]


CELLS = [cell for cell in cells() if is_walked(cell[0], cell[1])]


@pytest.fixture(scope="module")
def stage(
    _migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, pki: DemoPki, now: datetime
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("walk")
    (folder / "dmpws.sqlite").write_bytes(_migrated_sqlite.read_bytes())
    store = open_store(f"sqlite:///{folder / 'dmpws.sqlite'}", folder / "documents")
    shutil.copytree(pki.folder, folder / "pki")
    with_nurse = DemoPki(folder / "pki", now)
    nurse = {k: v for k, v in CARDS["medecin-libre"].items() if k not in ("kind", "speciality")} | {"profession": "60"}
    with_nurse.issue(CardKind.CPS, NURSE, **nurse)
    yield Stage(store, with_nurse, now)
    store.close()


@pytest.fixture(scope="module")
def walks(stage: Stage) -> Callable[[Column], Walk]:
    """The walk of each column, made once."""
    app = LocalApp(stage.store, stage.pki, stage.now)
    return functools.cache(lambda column: Walk(app, column, stage))


@pytest.mark.parametrize(("row", "column", "letter"), CELLS, ids=named([(row, column) for row, column, _ in CELLS]))
def test_cell(row: str, column: Column, letter: str, walks: Callable[[Column], Walk]) -> None:
    walk, operation = walks(column), OPERATIONS[row]
    if letter == "oui" and "masked" in row and column.profile == "mt":  # the médecin traitant reads everybody's
        operation = replace(operation, prepare={"document": {"visibility": [MASQUE_PS], **OTHERS}})
    walk.prepare(**operation.prepare)
    found = walk.call(operation.do)
    assert found in GOOD if letter.startswith("oui") else found == NO, f"{letter}: {found} {[*reasons(walk.ear.body)]}"
    note = letter.removeprefix("oui").removeprefix("non").strip("()")
    if note in DOCUMENT_NOTES:
        walk.prepare(**{**operation.prepare, "document": {**operation.prepare["document"], **OTHERS}})
        assert walk.call(operation.do) in {NO} | UNKNOWN
    elif note == "7":
        walk.prepare(**operation.prepare, masked_shown=False)
        assert walk.call(operation.do) in {NO} | UNKNOWN
    elif note == "1":
        walk.prepare(**operation.prepare, expired=True)
        assert (walk.call(operation.do), walk.held_by()) == ("DMPOk", {HolderKind.STRUCTURE})
    elif note:
        oversteps, code = OVERSTEPPED[note, column.air]
        walk.prepare(**operation.prepare)
        assert walk.call(oversteps) == code


ALLOWED = [(row, column) for row, column, letter in CELLS if letter.startswith("oui")]


NORMAL = [(row, column) for row, column in ALLOWED if column.purpose is Purpose.NORMAL]


@pytest.mark.parametrize(("row", "column"), NORMAL, ids=named(NORMAL))
def test_without_a_valid_authorisation(row: str, column: Column, walks: Callable[[Column], Walk]) -> None:
    walk, operation = walks(column), OPERATIONS[row]
    walk.prepare(**operation.prepare, expired=True)
    needed = row.startswith(AUTHORISED) and not (row.startswith("TD1.3a") and column.profile == "es")
    found = walk.call(operation.do)
    assert found == "DMPAuthorizationNotFound" if needed else found in GOOD, found


EMERGENCY = [(row, column) for row, column in ALLOWED if column.purpose is not Purpose.NORMAL]
ONE_OF_EACH = [*dict(reversed(NORMAL)).items(), *dict(reversed(EMERGENCY)).items()]
"""A column for each row and mode: that a block and an opposition come before the rights does not depend on it."""


@pytest.mark.parametrize("state", ["blocked", "opposes"])
@pytest.mark.parametrize(("row", "column"), ONE_OF_EACH, ids=named(ONE_OF_EACH))
def test_blocked_or_opposed(row: str, column: Column, state: str, walks: Callable[[Column], Walk]) -> None:
    walk, operation = walks(column), OPERATIONS[row]
    walk.prepare(**operation.prepare, **{state: True})
    concerned = state == "blocked" or column.purpose is not Purpose.NORMAL
    found = walk.call(operation.do)
    assert found in GOOD if row.startswith(BLIND) or not concerned else found == "DMPAccessForbidden", found


def test_every_row_is_walked() -> None:
    assert {row for row, _, _ in CELLS} == OPERATIONS.keys()
    assert {row for row, _, _ in cells()} - OPERATIONS.keys() == NOT_SOAP
    assert len(CELLS) > 500
