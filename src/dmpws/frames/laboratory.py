"""A server of its own for one frame: the same engine, a store that holds the patient, and a card for its user.

Nothing of a running server is needed or touched. The VIHF of the frame is judged as it is; then the message is sent
with a new one that says the same, so that one that has expired, or was signed by who knows whom, does not hide what
else is wrong.
"""

import re
import shutil
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from dmpws import app as server
from dmpws import cast
from dmpws.cast import PATIENTS
from dmpws.client import Deposit, LpsSession
from dmpws.client.actor import Actor
from dmpws.client.transport import Answer, WsgiTransport
from dmpws.config import Config
from dmpws.domain import oids
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.authorisation import By, Holder, HolderKind
from dmpws.domain.code import Code
from dmpws.domain.listening import Listener, heard_by
from dmpws.domain.patient import Ins, Name, Traits
from dmpws.pki.cards import Card
from dmpws.pki.demo import DemoPki, create
from dmpws.pki.profiles import CardKind
from dmpws.pki.trust import TrustPolicy, TrustStore
from dmpws.seed import WITH_DMP, seed
from dmpws.soap.message import TlsFacts
from dmpws.store import migrate, open_store
from dmpws.vihf import token
from dmpws.vihf.issue import Lps, TokenRequest, make
from dmpws.xml.names import HL7

YEAR = timedelta(days=365)
_INS = re.compile(r"([0-9][0-9AB]{14})\^\^\^&(?:amp;)?([0-9.]+)&(?:amp;)?ISO\^NH")
_DOCTOR = (
    Code("10", oids.PROFESSIONS, "Médecin"),
    Code("SM26", oids.SKILLS, "Qualifié en Médecine Générale (SM)"),
)
LPS = Lps(cast.SOFTWARE.name, "1.0", cast.SOFTWARE.number, "1.2.250.1.999.1.1.7898")
_DEFAULT = TokenRequest(
    AuthMode.DIRECTE, "899900063480", "499900063480001", "SA07", _DOCTOR, PATIENTS["pat-trois"].ins, LPS
)


def request_of(read: token.Token | None) -> TokenRequest:
    """What a VIHF says, completed by a doctor of the cast where it says nothing that can be used."""
    if read is None:
        return _DEFAULT
    mode, purpose = read.text(token.MODE), read.code(token.PURPOSE)
    return TokenRequest(
        mode=AuthMode(mode) if mode in list(AuthMode) else _DEFAULT.mode,
        name_id=read.name_id or _DEFAULT.name_id,
        structure=read.text(token.STRUCTURE) or _DEFAULT.structure,
        sector=read.text(token.SECTOR).partition("^")[0] or _DEFAULT.sector,
        roles=read.codes(token.ROLE) or _DEFAULT.roles,
        patient=ins_in(read.text(token.RESOURCE_ID)) or _DEFAULT.patient,
        lps=LPS,
        purpose=Purpose(purpose.code) if purpose and purpose.code in list(Purpose) else _DEFAULT.purpose,
        subject_id=read.text(token.SUBJECT_ID) or read.name_id,
        reason=read.text(token.REASON) or "Urgence",
        secret_connection=read.has(token.CONFIDENTIALITY),
    )


def ins_in(text: str) -> Ins | None:
    """The first INS of a text, in the form of a resource-id or of an XDS patientId."""
    found = _INS.search(text)
    return Ins(found[1], found[2]) if found else None


def ins_of(body: etree._Element) -> Ins | None:
    """The first INS of a message: an HL7 v3 identifier, or as `ins_in`."""
    for element in body.iter(f"{{{HL7}}}id", f"{{{HL7}}}value"):
        if element.get("root") in oids.NIR_AUTHORITIES | {oids.INS_NIA}:
            return Ins(element.get("extension", ""), element.get("root", ""))
    return ins_in(etree.tostring(body, encoding="unicode"))


class Laboratory:
    """The server. at: instant at which everything happens, aware UTC."""

    def __init__(
        self, config: Config, request: TokenRequest, *, at: datetime, state: str, traits: Traits | None = None
    ) -> None:
        """state: of the patient's DMP: active, closed or none. traits: of the patient, if the frame tells them."""
        self.at = at
        self._config = config
        self.request = request
        self._state = state
        self._traits = traits
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        folder = Path(self._opened.enter_context(TemporaryDirectory(prefix="dmpws-frame-")))
        pki = create(folder / "pki", now=self.at, cards={})
        self.card = self._issue(pki)
        self._trust_too(pki, server.trust_folder(self._config))
        self.trust = TrustStore.from_folder(pki.trust_folder, TrustPolicy(crl="tolerant"))
        store = open_store(f"sqlite:///{folder / 'dmpws.sqlite'}", folder / "documents")
        self._opened.callback(store.close)
        migrate.upgrade(store.database.engine)
        absent = self.request.patient if self._state == "none" else None
        seed(store, self.at - YEAR, records=[key for key in WITH_DMP if PATIENTS[key].ins != absent])
        self._prepare(store)
        options = {"directory": "open", "approval": "any", "crl": "tolerant", "trust": str(pki.trust_folder)}
        values = {**self._config.values, **options, "data": str(folder), "profile": "test"}
        self._app = server.build_app(replace(self._config, values=values), store=store, clock=lambda: self.at)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def _issue(self, pki: DemoPki) -> Card:
        """A card for the identity of the user: his own, or that of his structure."""
        request = self.request
        structure = {"organisation": request.structure, "structure": request.structure, "sector": request.sector}
        if request.mode is not AuthMode.DIRECTE:
            return pki.issue(CardKind.ORG, "frame", common_name=request.structure, state="Paris (75)", **structure)
        role = request.roles[0]
        kind = CardKind.CPE if role.system == oids.NON_PROFESSIONALS else CardKind.CPS
        person: dict[str, Any] = {} if kind is CardKind.CPE else {"profession": _profession(role)}
        return pki.issue(
            kind, "frame", common_name=request.name_id, family="TRAME", given="TRAME", **structure, **person
        )

    @staticmethod
    def _trust_too(pki: DemoPki, configured: Path) -> None:
        """The lot may be signed under the authorities of the configuration."""
        for part in ("anchors", "intermediates", "crls"):
            source = configured / part
            for file in sorted(source.iterdir()) if source.is_dir() else ():
                shutil.copyfile(file, pki.trust_folder / part / f"configured-{file.name}")

    def _prepare(self, store: Any) -> None:
        """Put the patient in the state asked for, with a valid authorisation for the user."""
        ins = self.request.patient
        if self._state == "none" or ins.is_nia:
            return
        with store.write() as work:
            record = work.patients.find(ins) or work.patients.create(
                [ins],
                self._traits or Traits(name=Name()),
                now=self.at - YEAR,
                opposes_bris_de_glace=False,
                opposes_centre_15=False,
            )
            request = self.request
            for holder in (
                Holder(HolderKind.PERSON, request.name_id),
                Holder(HolderKind.STRUCTURE, request.structure),
            ):
                work.authorisations.grant(
                    record.id,
                    holder,
                    now=self.at - timedelta(days=1),
                    expires_at=self.at + YEAR,
                    treating_doctor=False,
                    by=By(holder.identifier),
                )
            if self._state == "closed":
                work.patients.close(record.id, now=self.at, code="FERMETURE_DEMANDE_PATIENT", text="", final=False)

    @property
    def connection(self) -> TlsFacts:
        """What the user's card shows in TLS."""
        return TlsFacts(self.card.auth_certificate.public_bytes(Encoding.DER))

    def token(self) -> bytes:
        """A new VIHF that says what the user's said, signed by his card of this laboratory."""
        return make(self.request, card=self.card, now=self.at)

    def post(self, service: str, content_type: str, octets: bytes, listener: Listener) -> Answer:
        """Send a message; the listener hears every check of the server."""
        transport = WsgiTransport(self._app, self.card, server.SERVICES_PATH)
        with heard_by(listener):
            return transport.post(service, content_type, [octets], len(octets))

    def deposit(self, cda: bytes, listener: Listener) -> None:
        """Deposit a document as a lot of its own, signed by the user."""
        request = self.request
        actor = Actor(
            request.mode,
            request.name_id,
            request.subject_id or request.name_id,
            request.subject_id or request.name_id,
            request.structure,
            request.structure,
            request.sector,
            request.roles,
        )
        transport = WsgiTransport(self._app, self.card, server.SERVICES_PATH)
        session = LpsSession(self.card, actor=actor, lps=LPS, transport=transport, clock=lambda: self.at)
        with heard_by(listener):
            session.submit(request.patient, [Deposit(cda)])


def _profession(role: Code) -> str:
    return role.code if role.code.isdecimal() else "10"
