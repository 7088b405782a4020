"""Where the example frames are played: the whole server in this process, from octets to octets."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from lxml import etree
from sqlalchemy import update

from dmpws import cast
from dmpws.app import build_app
from dmpws.client.transport import WsgiTransport
from dmpws.client.verdict import verdict
from dmpws.config import load as configure
from dmpws.domain import oids
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.authorisation import By, Holder, HolderKind
from dmpws.domain.code import Code
from dmpws.domain.patient import DmpStatus
from dmpws.http import SERVICES_PATH as PATH
from dmpws.pki.demo import DemoPki
from dmpws.pki.identity import PERSON_KINDS
from dmpws.seed import seed
from dmpws.store import Store
from dmpws.store.tables import metadata, patient
from dmpws.testing.examples import (
    Example,
    difference,
    examples,
    former_identifier,
    render,
    request_text,
    values_of,
)
from dmpws.testing.given import put_document
from dmpws.transactions.registry import operations
from dmpws.vihf.issue import Lps, TokenRequest, make, request_for
from dmpws.xml.names import HL7, SOAP
from dmpws.xml.parser import parse

LPS = Lps(cast.SOFTWARE.name, "1.0", cast.SOFTWARE.number, "1.2.250.1.999.1.1.7898")
DOCTOR = (Code("10", oids.PROFESSIONS, "Médecin"), Code("SM26", oids.SKILLS, "Qualifié en Médecine Générale (SM)"))
YEAR = timedelta(days=365)
_KEPT = {"structure", "professional", "professional_structure", "software", "trace", "trace_head", "trace_checkpoint"}
_EMPTYING = [table.delete() for table in reversed(metadata.sorted_tables) if table.name not in _KEPT]


class Stage:
    """A server, its store and the demo cards. `now` is the instant of every call, aware UTC."""

    def __init__(self, store: Store, pki: DemoPki, now: datetime) -> None:
        self.store = store
        self.pki = pki
        self.now = now
        self._apps: dict[tuple[tuple[str, Any], ...], Any] = {}
        seed(store, now)

    def clear(self) -> None:
        """Forget every record, document and token; directory and traces stay."""
        with self.store.database.session(writable=True) as session:
            for emptying in _EMPTYING:
                session.change(emptying)
            session.end(commit=True)

    def play(self, example: Example) -> etree._Element:
        """Play an example on an empty store, after those it comes after, and return the child of the answer's Body.

        Raises AssertionError when the answer is not the promised one.
        """
        self.clear()
        self.given(example)
        return self._send(example)

    def given(self, example: Example) -> None:
        """Put the record of the example's patient into the state of its `given` table.

        dmp: active (default), closed, closed-for-good or none. attached: to Mon espace santé. authorisation,
        structure_authorisation: VALIDE, EXPIRE or INTERDIT, of the caller's person and structure; BLOCKED_ONLY:
        blocked without ever having been authorised. others: the same of other holders, each a table of `person` or
        `structure`, `state`, `treating_doctor`. treating_doctor: the caller's is a MEDECIN_TRAITANT one. opposes: an
        emergency mode. masked_in_emergency: the patient shows masked documents there. document: a document of the
        record, see `dmpws.testing.given.put_document`.
        """
        state = {"dmp": "active", **example.given}
        dmp = state.pop("dmp")
        if dmp == "none":
            return
        who = cast.PATIENTS[example.patient]
        opposed = state.pop("opposes", "")
        with self.store.write() as work:
            record = work.patients.create(
                [who.ins, former_identifier(who)],
                who.traits,
                now=self.now - YEAR,
                opposes_bris_de_glace=opposed == Purpose.BRIS_DE_GLACE,
                opposes_centre_15=opposed == Purpose.CENTRE_15,
            )
        changes: dict[str, Any] = {
            "masked_visible_in_emergency": state.pop("masked_in_emergency", False),
            "attached_to_ens": state.pop("attached", False),
        }
        if dmp.startswith("closed"):
            changes |= _CLOSED | {"closure_final": dmp == "closed-for-good"}
        self.store.database.change(update(patient).where(patient.c.id == record.id).values(**changes))
        token = self.token_request(example)
        role = state.pop("treating_doctor", False)
        self._hold(record.id, Holder(HolderKind.PERSON, token.name_id), state.pop("authorisation", ""), role)
        if (document := state.pop("document", None)) is not None:
            with self.store.write() as work:
                put_document(work, record, document, self.now)
        for other in state.pop("others", ()):
            holder = [Holder(kind, other[kind]) for kind in HolderKind if kind in other]
            self._hold(record.id, holder[0], other["state"], other.get("treating_doctor", False))
        structure = Holder(HolderKind.STRUCTURE, token.structure)
        self._hold(record.id, structure, state.pop("structure_authorisation", ""), False)
        assert not state, f"{example.id}: unknown in given: {', '.join(state)}"

    def _hold(self, record: int, holder: Holder, state: str, treating_doctor: bool) -> None:
        if not state:
            return
        granted = self.now - (2 * YEAR if state == "EXPIRE" else YEAR / 2)
        by = By(holder.identifier)
        with self.store.write() as work:
            if state != "BLOCKED_ONLY":
                work.authorisations.grant(
                    record, holder, by=by, now=granted, expires_at=granted + YEAR, treating_doctor=treating_doctor
                )
            if state in ("INTERDIT", "BLOCKED_ONLY"):
                work.authorisations.block(record, holder, by=by, now=granted)

    def token_request(self, example: Example) -> TokenRequest:
        """What the VIHF of an example says."""
        card = self.pki.card(example.caller)
        ins = cast.PATIENTS[example.patient].ins
        is_person = card.kind in PERSON_KINDS
        lps = replace(LPS, approval_number=example.software)
        request = request_for(card, ins, lps, None if is_person else AuthMode(example.mode))
        purpose = Purpose(example.purpose)
        request = replace(request, purpose=purpose, reason="urgence" if purpose is Purpose.BRIS_DE_GLACE else "")
        if is_person:
            return request
        person = cast.PROFESSIONALS[example.person]
        return replace(request, name_id=person.identifier, subject_id=f"{person.given} {person.family}", roles=DOCTOR)

    def _send(self, example: Example) -> etree._Element:
        for earlier in example.after:
            self._send(_sibling(example, earlier))
        body = self.answer(example)
        carrier, code = verdict(body)
        assert (carrier, code) == (example.carrier, example.code), etree.tostring(body, encoding="unicode")
        context = self.render(example, example.context)
        assert any(context in text for text in texts_of(body)), f"{context!r} is not said"
        for path, expected in example.expect.items():
            found = body.xpath(f"string({path})", namespaces={"h": HL7})
            assert found == expected, f"{path}: {found!r} instead of {expected!r}"
        if example.answer:
            promised = self.render(example, (example.folder / example.answer).read_text("utf-8"))
            different = difference(body_child(promised.encode()), body)
            assert not different, different
        return body

    def answer(self, example: Example) -> etree._Element:
        """Send the frame of an example, and return the child of the answer's Body."""
        card = self.pki.card(example.caller)
        octets = self.request(example)
        app = self._app(example.options)
        body = body_child(octets)
        operation = next(o for o in operations() if o.body == body.tag)
        content_type = f'application/soap+xml; charset=UTF-8; action="{operation.action}"'
        answer = WsgiTransport(app, card, PATH).post(operation.service, content_type, [octets], len(octets))
        return body_child(answer.stream.read())

    def request(self, example: Example) -> bytes:
        """The frame of an example, with a fresh VIHF."""
        token = make(self.token_request(example), card=self.pki.card(example.caller), now=self.now)
        altered = token.replace(b'code="normal"', b'code="bris_de_glace"')
        text = self.render(example, request_text(example), vihf=token.decode(), vihf_altered=altered.decode())
        return text.encode()

    def render(self, example: Example, text: str, **values: str) -> str:
        """Give the placeholders of a frame their values."""
        return render(text, values_of(example, now=self.now, url=f"https://localhost{PATH}", **values))

    def _app(self, options: Mapping[str, Any]) -> Any:
        key = tuple(sorted(options.items()))
        if key not in self._apps:
            given = {"profile": "test", "trust": str(self.pki.trust_folder), **options}
            self._apps[key] = build_app(configure(given, environment={}), store=self.store, clock=lambda: self.now)
        return self._apps[key]


def body_child(envelope: bytes) -> etree._Element:
    """The child of the Body, fault or not."""
    body = parse(envelope).find(f"{{{SOAP}}}Body")
    assert body is not None
    return body[0]


def texts_of(body: etree._Element) -> list[str]:
    """Every text and attribute of an answer: a refusal explains itself in one of them."""
    attributes = (value for element in body.iter(etree.Element) for value in element.attrib.values())
    return [*map(str, body.itertext()), *map(str, attributes)]


def _sibling(example: Example, identifier: str) -> Example:
    return next(e for e in examples(example.folder.parent) if e.id == identifier)


_CLOSED = {
    "status": DmpStatus.CLOSED.value,
    "closed_at": datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
    "closure_code": "FERMETURE_DEMANDE_PATIENT",
    "closure_text": "Fermeture à la demande du patient",
}
