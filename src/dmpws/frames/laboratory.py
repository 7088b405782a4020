"""A server of its own for one frame: the same engine, a store that holds the patient, and a card for its user.

Nothing of a running server is needed or touched. The VIHF of the frame is judged as it is; then the message is sent
with a new one that says the same, so that one that has expired, or was signed by who knows whom, does not hide what
else is wrong.
"""

import shutil
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives.serialization import Encoding

from dmpws import app as server
from dmpws.cast import PATIENTS
from dmpws.client import Deposit, LpsSession
from dmpws.client.actor import Actor
from dmpws.client.transport import Answer, WsgiTransport
from dmpws.config import Config
from dmpws.domain import oids
from dmpws.domain.access import AuthMode
from dmpws.domain.authorisation import By, Holder, HolderKind
from dmpws.domain.code import Code
from dmpws.domain.listening import Listener, heard_by
from dmpws.domain.patient import Name, Traits
from dmpws.frames.callers import LPS
from dmpws.http import SERVICES_PATH
from dmpws.pki.cards import Card
from dmpws.pki.demo import DemoPki, create
from dmpws.pki.profiles import CardKind
from dmpws.pki.trust import TrustPolicy, TrustStore
from dmpws.seed import WITH_DMP, seed
from dmpws.soap.message import TlsFacts
from dmpws.store import migrate, open_store
from dmpws.vihf.issue import TokenRequest, make

YEAR = timedelta(days=365)


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
        transport = WsgiTransport(self._app, self.card, SERVICES_PATH)
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
        transport = WsgiTransport(self._app, self.card, SERVICES_PATH)
        session = LpsSession(self.card, actor=actor, lps=LPS, transport=transport, clock=lambda: self.at)
        with heard_by(listener):
            session.submit(request.patient, [Deposit(cda)])


def _profession(role: Code) -> str:
    return role.code if role.code.isdecimal() else "10"
