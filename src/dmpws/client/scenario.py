"""The main scenario: a DMP is opened, fed, searched, read; and what must be refused is refused.

It uses nothing but the client kit, so it can be played against any server that trusts the cards.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from dmpws.client.actor import Actor
from dmpws.client.cda import (
    ADMISSION_LETTER,
    ADMISSION_LETTER_MODEL,
    CONSULTATION_REPORT,
    DISCHARGE_LETTER,
    LOINC,
    Attachment,
    ClinicalDocument,
    Section,
)
from dmpws.client.errors import ServerFault
from dmpws.client.lot import Deposit, Lot
from dmpws.client.pdf import one_page_pdf
from dmpws.client.registry import FoundDocument
from dmpws.client.repository import SubmissionAnswer
from dmpws.client.session import LpsSession
from dmpws.domain.access import AuthMode
from dmpws.domain.code import Code
from dmpws.domain.document import Status
from dmpws.domain.patient import Ins, Traits
from dmpws.pki.cards import Card
from dmpws.vihf.issue import make

HOSPITAL_DOCTOR = Actor(
    AuthMode.INDIRECTE, "801234567897", "DOCTORANT", "Charles", "11B0062640", "HOPITAL DES 3. DAMES", "SA01"
)
OTHER_DOCTOR = Actor(
    AuthMode.DIRECTE, "801234534765", "CAMPARINI", "Marcel", "10B0127189", "HOPITAL DES 3 VALLEES", "SA01"
)
_REASON = Code("42349-1", LOINC, "Raison de la recommandation")


@dataclass(frozen=True, slots=True)
class Step:
    """One call that was played. expected, found: result code, or what else was compared."""

    transaction: str
    who: str
    patient: str
    title: str
    expected: str
    found: str
    milliseconds: float
    shown: str = ""
    """Shorter than `found`, for people."""
    why: str = ""
    """What the server said of a refusal."""

    @property
    def ok(self) -> bool:
        return self.expected == self.found


Connect = Callable[[str, Actor | None], LpsSession]
"""Opens a session with a card, by name, and the person who uses it when the card is a structure's."""


class Scenario:
    """Plays the scenario for one patient who has no DMP yet; `steps` holds what happened.

    clock: gives the time, aware; the same as that of the sessions.
    """

    def __init__(
        self,
        connect: Connect,
        ins: Ins,
        traits: Traits,
        say: Callable[[Step], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._connect = connect
        self._ins = ins
        self._traits = traits
        self._say = say
        self._clock = clock
        self.steps: list[Step] = []

    @property
    def ok(self) -> bool:
        return all(step.ok for step in self.steps)

    def play(self) -> None:
        """Play every step; stops early only when there is no answer at all (Unreachable)."""
        with self._connect("medecin-libre", None) as doctor:
            self._open(doctor)
            report, documents = self._feed_and_read(doctor)
            if report.unique_id in documents:
                self._replace(doctor, report, documents[report.unique_id].entry_uuid)
            with self._connect("hopital", HOSPITAL_DOCTOR) as hospital:
                self._submit(hospital, "dépôt par un hôpital", [Deposit(self._letter(hospital.actor))])
            self._refusals(doctor)

    def _expect(
        self,
        transaction: str,
        lps: LpsSession,
        title: str,
        expected: str,
        call: Callable[[], Any],
        read: Callable[[Any], str],
        show: str = "",
    ) -> Any:
        """Play one call and compare `read(answer)`, or the subcode of the fault, with what was promised."""
        started = time.perf_counter()
        try:
            answer = call()
            found = read(answer)
        except ServerFault as fault:
            answer, found = fault, fault.subcode or fault.code
        elapsed = (time.perf_counter() - started) * 1000
        self._record(lps, transaction, title, expected, found, elapsed, show, _why(answer))
        return answer

    def _record(
        self,
        lps: LpsSession,
        transaction: str,
        title: str,
        expected: str,
        found: str,
        elapsed: float,
        show: str,
        why: str = "",
    ) -> None:
        who = f"{lps.actor.family} {lps.actor.given}"
        patient = f"{self._traits.name.birth} {self._traits.name.given}"
        shown = show if found == expected else ""
        step = Step(transaction, who, patient, title, expected, found, elapsed, shown, why)
        self.steps.append(step)
        self._say(step)

    def _same(self, lps: LpsSession, transaction: str, title: str, expected: str, found: str, show: str = "") -> None:
        """Compare something more of the last answer."""
        self._record(lps, transaction, title, expected, found, 0, show)

    def _open(self, doctor: LpsSession) -> None:
        ins = self._ins
        existence = lambda: doctor.test_existence(ins)  # noqa: E731 - the same call three times

        def state(e: Any) -> str:
            return f"{e.acknowledgement} {e.response} {e.status} {e.authorisation}"

        self._expect(
            "TD0.2", doctor, "patient sans DMP", "AA NF", existence, lambda e: f"{e.acknowledgement} {e.response}"
        )
        self._expect(
            "TD1.1",
            doctor,
            "création",
            "PRPA_IN201312UV02 AA",
            lambda: doctor.create_record(ins, self._traits, consent=self._clock()),
            lambda c: f"{c.interaction} {c.acknowledgement}",
        )
        self._expect("TD0.2", doctor, "DMP actif", "AA OK active NON_EXISTE", existence, state)
        self._expect(
            "TD3.1",
            doctor,
            "recherche avant autorisation",
            "DMPAuthorizationNotFound",
            lambda: doctor.find_documents(ins),
            _outcome,
        )
        add = lambda: doctor.add_authorisation(ins)  # noqa: E731 - the same call twice
        self._expect("TD0.3", doctor, "ajout", "DMPOk", add, lambda a: a.status)
        self._expect(
            "TD0.3",
            doctor,
            "ajout répété",
            "DMPOk Autorisation déjà présente aucune action effectuée",
            add,
            lambda a: f"{a.status} {a.context}",
        )
        self._expect("TD0.2", doctor, "autorisation valide", "AA OK active VALIDE", existence, state)

    def _feed_and_read(self, doctor: LpsSession) -> tuple[ClinicalDocument, dict[str, FoundDocument]]:
        """Deposit two documents, find and read them; returns the first, and what was found by uniqueId."""
        ins = self._ins
        report, admission = self._report(doctor.actor), self._admission(doctor.actor)
        lot = self._submit(doctor, "lot de deux CDA, N1 PDF et N3", [Deposit(report), Deposit(admission)])
        found = self._expect(
            "TD3.1",
            doctor,
            "les deux documents, sans la signature",
            _ids(lot.document_ids),
            lambda: doctor.find_documents(ins),
            lambda a: _ids(d.unique_id for d in a.documents),
            "2 documents",
        )
        documents: dict[str, FoundDocument] = {d.unique_id: d for d in getattr(found, "documents", ())}
        sent = dict(zip(lot.document_ids, lot.attachments.values(), strict=False))
        expected = "; ".join(f"{o.sha1} {o.size} 1.2.250.1.213.4.1.1.1.2 v1 lid" for o in sent.values())
        described = (
            f"{d.hash} {d.size} {d.repository} v{d.version} {'lid' if d.lid == d.entry_uuid else d.lid}"
            for d in (documents[i] for i in sent if i in documents)
        )
        self._same(
            doctor, "TD3.1", "hash, size, repositoryUniqueId, version, lid", expected, "; ".join(described), "égaux"
        )
        self._expect(
            "TD3.2",
            doctor,
            "les mêmes octets",
            _ids(o.sha256 for o in sent.values()),
            lambda: doctor.retrieve(ins, list(sent)),
            lambda a: _ids(d.octets.sha256 for d in a.documents),
            "2 documents, SHA-256 égaux",
        )
        return report, documents

    def _replace(self, doctor: LpsSession, old: ClinicalDocument, entry_uuid: str) -> None:
        ins = self._ins
        new = replace(self._report(doctor.actor), set_id=old.set_id, version=old.version + 1, replaces=old.unique_id)
        self._submit(doctor, "remplacement (RPLC)", [Deposit(new, replaces=entry_uuid)])
        self._expect(
            "TD3.1",
            doctor,
            "ancienne version obsolète",
            _ids([old.unique_id]),
            lambda: doctor.find_documents(ins, statuses=[Status.DEPRECATED]),
            lambda a: _ids(d.unique_id for d in a.documents),
            "1 document",
        )

    def _refusals(self, doctor: LpsSession) -> None:
        ins = self._ins
        lot = doctor.build_lot(ins, [Deposit(self._admission(doctor.actor))])
        changed = bytearray(next(iter(lot.attachments.values())).read())
        changed[changed.index(b"</paragraph>") - 1] ^= 1
        self._refused_lot(
            doctor,
            "un octet d'un document changé",
            "XDSRepositoryMetadataError",
            lambda: doctor.send_lot(ins, lot.with_document(0, bytes(changed))),
        )
        with self._connect("medecin-camparini", OTHER_DOCTOR) as other:
            foreign = doctor.build_lot(ins, [Deposit(self._admission(doctor.actor))], signer=other.card)
            self._refused_lot(
                doctor,
                "lot signé par une autre clé",
                "DMPInvalidCertificate",
                lambda: doctor.send_lot(ins, foreign),
            )
            token = doctor.token(ins).replace(b"normal", b"Normal", 1)
            self._expect(
                "TD0.2",
                doctor,
                "VIHF modifié après signature",
                "DMPAuthenticationError",
                lambda: doctor.test_existence(ins, token=token),
                str,
            )
            with_tls_key = make(doctor.token_request(ins), card=SignsWithAuth.of(doctor.card), now=self._clock())
            self._expect(
                "TD0.2",
                doctor,
                "VIHF signé avec le certificat TLS",
                "DMPInvalidCertificate",
                lambda: doctor.test_existence(ins, token=with_tls_key),
                str,
            )
            self._revoked()
            self._refused_lot(
                other,
                "dépôt par quelqu'un qui n'est pas auteur",
                "XDSRegistryMetadataError",
                lambda: other.submit(ins, [Deposit(self._admission(doctor.actor))]),
            )

    def _revoked(self) -> None:
        with self._connect("medecin-revoque", None) as revoked:
            fault = self._expect(
                "TD0.2",
                revoked,
                "carte révoquée",
                "DMPInvalidCertificate",
                lambda: revoked.test_existence(self._ins),
                str,
            )
            said = "révoqué le" if "révoqué le" in str(getattr(fault, "reason", "")) else "sans date"
            self._same(revoked, "TD0.2", "la faute donne la date", "révoqué le", said)

    def _refused_lot(self, lps: LpsSession, title: str, code: str, send: Callable[[], SubmissionAnswer]) -> None:
        self._expect("TD2.1", lps, title, code, send, _outcome)

    def _submit(self, lps: LpsSession, title: str, deposits: Sequence[Deposit]) -> Lot:
        lot = lps.build_lot(self._ins, deposits, title=title)
        self._expect("TD2.1", lps, title, "Success", lambda: lps.send_lot(self._ins, lot), _outcome)
        return lot

    # The documents of the scenario

    def _report(self, author: Actor) -> ClinicalDocument:
        return self._made(
            author,
            CONSULTATION_REPORT,
            "Compte rendu de consultation",
            Attachment("application/pdf", one_page_pdf("Compte rendu de consultation")),
        )

    def _admission(self, author: Actor) -> ClinicalDocument:
        section = Section(_REASON, "Motif de l'admission", ["Toux depuis trois jours.", "Pas de fièvre."])
        letter = self._made(author, ADMISSION_LETTER, "Lettre de liaison à l'entrée", [section])
        return replace(letter, templates=(ADMISSION_LETTER_MODEL,))

    def _letter(self, author: Actor) -> ClinicalDocument:
        content = Attachment("application/pdf", one_page_pdf("Lettre de liaison"))
        return self._made(author, DISCHARGE_LETTER, "Lettre de liaison", content)

    def _made(self, author: Actor, kind: Code, title: str, body: Attachment | Sequence[Section]) -> ClinicalDocument:
        now = self._clock().astimezone().replace(microsecond=0)
        before = now - timedelta(minutes=30)
        return ClinicalDocument(self._ins, self._traits, author, kind, title, body, now, before, now)


class SignsWithAuth(Card):
    """A card whose user takes the wrong certificate: the authentication key signs too."""

    @classmethod
    def of(cls, card: Card) -> "SignsWithAuth":
        return cls(card.name, card.kind, card.folder)

    @property
    def sign_certificate_file(self) -> Any:
        return self.auth_certificate_file

    @property
    def sign_key_file(self) -> Any:
        return self.auth_key_file


def _ids(values: Iterable[str]) -> str:
    return " ".join(sorted(values)) or "rien"


def _outcome(answer: Any) -> str:
    """Success, or the code of the first error."""
    if answer.ok:
        return "Success"
    return answer.problems[0].code if answer.problems else str(answer.status)


def _why(answer: Any) -> str:
    """The server's own sentence on a refusal; empty when it did what was asked."""
    if isinstance(answer, ServerFault):
        return answer.reason
    problems = getattr(answer, "problems", ())
    return problems[0].text if problems else ""
