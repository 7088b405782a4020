"""Trust in certificates: path, validity and revocation at a given time, explained in words.

Only the authorities of the trust folder count. What a message carries never extends trust: `validate` takes
the end certificate alone.
"""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Literal

from cryptography import x509

from dmpws.domain.checks import Report, refusal
from dmpws.pki import rules
from dmpws.pki.dn import Dn
from dmpws.pki.path import CertificationPath, Link
from dmpws.pki.revocation import RevocationList
from dmpws.pki.trust_folder import Snapshot, Stamps, TrustFolderError, decode, stamps

__all__ = ["TrustFolderError", "TrustPolicy", "TrustStore", "ValidPath", "load_certificate"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """How revocation is checked."""

    crl: Literal["strict", "tolerant", "off"] = "strict"
    """strict: a missing or stale list refuses the certificate. tolerant: it only warns, so a card revoked since
    the list was made is accepted. off: no list is looked at, every revoked card is accepted."""
    reload_seconds: float = 1.0
    """How often `validate` looks whether the files changed: how long a new list may stay unseen."""


@dataclass(frozen=True, slots=True)
class ValidPath:
    """The proof that a certificate was good at the time asked.

    chain: DER, leaf first, anchor last. crl_numbers: (issuer, CRL number) of each list consulted.
    """

    certificate: x509.Certificate
    chain: tuple[bytes, ...]
    crl_numbers: tuple[tuple[str, int], ...]


def load_certificate(der: bytes) -> x509.Certificate:
    """Load a certificate that came in a message or a TLS connection.

    Raises Refused (PKI-LOAD, DMPInvalidCertificate) when it cannot be read: old cards with unsorted sets
    (DMP-FRAME vihf-directe), among others.
    """
    try:
        return decode(der)
    except ValueError as error:
        raise refusal(rules.LOAD, found=str(error)[:200], text="certificat illisible") from None


class TrustStore:
    """The authorities and revocation lists of a folder; safe with threads."""

    def __init__(self, folder: Path, policy: TrustPolicy, snapshot: Snapshot) -> None:
        self.folder = folder
        self.policy = policy
        self.problem = ""
        """Why the present state of the folder is not in use, in French; empty when it is."""
        self._lock = threading.Lock()
        self._snapshot = snapshot
        self._seen: Stamps = snapshot.stamps
        self._next_look = time.monotonic() + policy.reload_seconds

    @classmethod
    def from_folder(cls, folder: Path, policy: TrustPolicy) -> "TrustStore":
        """Read `anchors/`, `intermediates/` and `crls/`: PEM (one or more per file) or DER.

        Raises TrustFolderError, naming the file, when one of them cannot be used.
        """
        return cls(folder, policy, Snapshot.read(folder))

    def reload_if_changed(self) -> bool:
        """Read the folder again when a file changed; `validate` does it by itself.

        Returns True when new content is in use. A folder that cannot be read any more is logged (`problem`),
        and what was read before stays in use: its lists go stale, they do not vanish.
        """
        with self._lock:
            found = stamps(self.folder)
            if found == self._seen:
                return False
            self._seen = found
            try:
                self._snapshot = Snapshot.read(self.folder, self._snapshot)
            except TrustFolderError as error:
                self.problem = str(error)
                _log.error("dossier de confiance inutilisable, l'état précédent reste en vigueur : %s", error)
                return False
            self.problem = ""
            return True

    def validate(
        self, certificate: x509.Certificate, at: datetime, report: Report, *, where: str = ""
    ) -> ValidPath | None:
        """Check a certificate of `load_certificate` as of `at` (aware): path, validity, revocation.

        Appends a check per rule to `report`. Returns None when one fails; never raises for a bad certificate.
        """
        if (now := time.monotonic()) >= self._next_look:
            self._next_look = now + self.policy.reload_seconds
            self.reload_if_changed()
        snapshot = self._snapshot
        paths, problem = snapshot.paths_of(certificate)
        if not paths:
            report.failed(rules.PATH, found=str(Dn.of(certificate.subject)), where=where, text=problem)
            return None
        refused: list[Report] = []
        for candidate in paths:  # several when an authority was renewed: any good one will do
            trial = Report()
            if valid := self._examine(candidate, at, trial, where, snapshot.lists):
                report.checks.extend(trial)
                return valid
            refused.append(trial)
        report.checks.extend(refused[0])
        return None

    def _examine(
        self,
        links: CertificationPath,
        at: datetime,
        report: Report,
        where: str,
        lists: Mapping[bytes, RevocationList],
    ) -> ValidPath | None:
        report.passed(rules.PATH, found=links[-1].name, where=where)
        problem = next(filter(None, (_out_of_time(link, at, links[0]) for link in links)), "")
        report.require(not problem, rules.VALIDITY, found=_blamed(links, problem), text=problem, where=where)
        used: list[RevocationList] = []
        if self.policy.crl == "off":
            report.skipped(rules.REVOCATION, "les listes de révocation ne sont pas consultées (crl = off)")
        else:
            used = self._check_revocation(links, at, report, where, lists)
        if not report.ok:
            return None
        numbers = tuple((found.issuer, found.number) for found in used)
        return ValidPath(links[0].certificate, tuple(link.der for link in links), numbers)

    def _check_revocation(
        self,
        links: CertificationPath,
        at: datetime,
        report: Report,
        where: str,
        lists: Mapping[bytes, RevocationList],
    ) -> list[RevocationList]:
        """Check each certificate under the anchor against the list of its issuer; return the lists used."""
        used, missing, revoked = [], "", ""
        for link, issuer in pairwise(links):
            found = lists.get(issuer.key)
            if found is None:
                missing = missing or f"aucune liste de révocation valable de l'autorité « {issuer.name} »"
                continue
            used.append(found)
            if at > found.stale_from:
                since = _date(found.stale_from)
                missing = missing or f"liste de révocation de « {issuer.name} » périmée depuis le {since}"
            revoked = revoked or _revoked(link, found, at, links[0])
        if missing and self.policy.crl == "tolerant":
            report.warned(rules.CRL, text=missing, where=where)
        else:
            report.require(not missing, rules.CRL, text=missing, where=where)
        if missing and not revoked:
            report.skipped(rules.REVOCATION, "état de révocation incertain, faute de liste à jour")
        else:
            report.require(not revoked, rules.REVOCATION, found=_blamed(links, revoked), text=revoked, where=where)
        return used


def _out_of_time(link: Link, at: datetime, leaf: Link) -> str:
    begins, ends = link.validity
    if at < begins:
        return f"{_what(link, leaf)} pas encore valable : il le sera le {_date(begins)}"
    if at > ends:
        return f"{_what(link, leaf)} expiré depuis le {_date(ends)}"
    return ""


def _revoked(link: Link, found: RevocationList, at: datetime, leaf: Link) -> str:
    """In words, the revocation of a certificate, if it came before `at`: one revoked later was good then."""
    date = found.dates.get(link.serial)
    if date is None or date > at:
        return ""
    return f"{_what(link, leaf)} révoqué le {_date(date)} (motif : {found.reason(link.serial)})"


def _what(link: Link, leaf: Link) -> str:
    return "certificat" if link is leaf else f"certificat de l'autorité « {link.name} »"


def _blamed(links: CertificationPath, problem: str) -> str:
    """The end certificate, to be shown with a problem."""
    return f"{Dn.of(links[0].certificate.subject)}, n° {links[0].serial:x}" if problem else ""


def _date(instant: datetime) -> str:
    return f"{instant:%d/%m/%Y}"
