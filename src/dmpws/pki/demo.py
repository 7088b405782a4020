"""The throw-away test PKI: two levels of authorities, the server, and the cards of the public test cast.

Same shape as the IGC-Santé test hierarchy, under names that cannot be mistaken for it.
Layout of the folder: `trust/{anchors,intermediates,crls}` (what a server trusts), `ca/` (keys of the
authorities), `ca.pem`, `server/`, `cards/<name>/`.
"""

import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from dmpws.pki import files
from dmpws.pki.authority import Authority, new_key
from dmpws.pki.cards import P12_PASSWORD, Card
from dmpws.pki.demo_cards import CARDS
from dmpws.pki.profiles import PERSONS, CardKind, Order, extensions, subject

_ROOTS = {
    "racine-fort": "DMPWS TEST AC RACINE FORT",
    "racine-elementaire": "DMPWS TEST AC RACINE ELEMENTAIRE",
}
_INTERMEDIATES = {
    "fort-personnes": ("DMPWS TEST AC FORT PERSONNES", "racine-fort"),
    "elementaire-organisations": ("DMPWS TEST AC ELEMENTAIRE ORGANISATIONS", "racine-elementaire"),
}
_UNKNOWN = "inconnue"
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_README = f"""Certificats d'essai, sans aucune valeur. Les clés sont en clair : ne les employez pas ailleurs.
Mot de passe des fichiers card.p12 : {P12_PASSWORD}
"""


@dataclass(frozen=True)
class DemoPki:
    """A PKI on disk. `now`: instant at which it plays, aware UTC; None for the clock of the machine."""

    folder: Path
    now: datetime | None = None

    @property
    def trust_folder(self) -> Path:
        """What `TrustStore.from_folder` reads."""
        return self.folder / "trust"

    @property
    def ca_file(self) -> Path:
        """Roots and intermediates in one PEM, for both ends of TLS."""
        return self.folder / "ca.pem"

    @property
    def server_certificate_file(self) -> Path:
        """Leaf, then its intermediate."""
        return self.folder / "server" / "auth.pem"

    @property
    def server_key_file(self) -> Path:
        return self.folder / "server" / "auth.key"

    def card(self, name: str) -> Card:
        """Raises FileNotFoundError when there is no such card."""
        return Card.load(self.folder / "cards" / name)

    def cards(self) -> list[Card]:
        """All cards, by name."""
        return [Card.load(folder) for folder in sorted((self.folder / "cards").iterdir()) if folder.is_dir()]

    def issue(self, kind: str, name: str, **options: Any) -> Card:
        """Issue a card. `kind` is a `CardKind` value, `options` the other fields of `Order`.

        Raises FileExistsError when the card has such a pair already, ValueError when the order is incomplete.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"« {name} » n'est pas un nom de carte : minuscules, chiffres et tirets")
        order = Order(CardKind(kind), **options)
        return self._issue(order, self.folder / "cards" / name, [new_key() for _ in order.pairs])

    def revoke(self, name: str, at: datetime, reason: x509.ReasonFlags = x509.ReasonFlags.key_compromise) -> None:
        """Revoke every certificate of a card from the instant `at` (aware) and publish the list."""
        card = self.card(name)
        for file in (card.auth_certificate_file, card.sign_certificate_file):
            if file.exists():
                certificate = x509.load_pem_x509_certificate(file.read_bytes())
                self._issuer(certificate).revoke(certificate, at, reason, self._now())

    def authority(self, name: str) -> Authority:
        """An authority by the name of its folder under `ca/`."""
        return Authority(self.folder / "ca" / name, self.trust_folder / "crls" / f"{name}.pem")

    def _now(self) -> datetime:
        return self.now or datetime.now(UTC)

    def _issuer(self, certificate: x509.Certificate) -> Authority:
        authorities = (self.authority(folder.name) for folder in (self.folder / "ca").iterdir())
        return next(found for found in authorities if found.certificate.subject == certificate.issuer)

    def _issue(self, order: Order, folder: Path, keys: Iterable[RSAPrivateKey]) -> Card:
        if existing := [pair for pair in order.pairs if (folder / f"{pair}.pem").exists()]:
            raise FileExistsError(f"la carte {folder.name} a déjà un certificat {existing[0]}")
        authority, chain = self._authority_for(order)
        folder.mkdir(parents=True, exist_ok=True)
        for pair, key in zip(order.pairs, keys, strict=True):
            certificate = authority.issue(
                subject(order),
                key.public_key(),
                validity=order.validity(self._now()),
                extensions=extensions(order, pair),
            )
            files.write_key(folder / f"{pair}.key", key)
            files.write(folder / f"{pair}.pem", files.pem(certificate, *(chain[:-1] if pair == "auth" else ())))
            if pair == "auth":
                _write_p12(folder / "card.p12", key, certificate, chain)
        files.write(folder / "chain.pem", files.pem(*chain))
        files.write(folder / "practice.json", json.dumps(asdict(order.practice), ensure_ascii=False).encode())
        card = Card.load(folder)
        if order.revoked:
            self.revoke(card.name, self._now() - timedelta(days=10))
        return card

    def _authority_for(self, order: Order) -> tuple[Authority, list[x509.Certificate]]:
        """The authority that issues an order, and the certificates above: nearest first, root last."""
        if order.unknown_ca:
            unknown = Authority(self.folder / "ca" / _UNKNOWN, self.folder / "ca" / _UNKNOWN / "crl.pem")
            if not unknown.folder.exists():
                unknown.create("DMPWS TEST AC INCONNUE", key=new_key(), now=self._now())
            return unknown, [unknown.certificate]
        name = "fort-personnes" if order.kind in PERSONS else "elementaire-organisations"
        authority = self.authority(name)
        return authority, [authority.certificate, self.authority(_INTERMEDIATES[name][1]).certificate]


def open_pki(folder: Path) -> DemoPki:
    """Open the PKI that `create` made in `folder`.

    Raises FileNotFoundError when there is none.
    """
    if not (folder / "trust").is_dir():
        raise FileNotFoundError(f"aucune PKI d'essai dans {folder} (dmpws pki init en fait une)")
    return DemoPki(folder)


def create(
    folder: Path,
    *,
    now: datetime,
    hosts: Sequence[str] = ("localhost", "127.0.0.1"),
    cards: Mapping[str, Mapping[str, Any]] = CARDS,
) -> DemoPki:
    """Make the PKI in `folder`, all or nothing.

    now: aware; certificates are valid from 30 days before. hosts: names of the server certificate. cards: the fields of
    each `Order` by name of the card.
    Raises FileExistsError when `folder` holds something.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"le dossier {folder} n'est pas vide")
    draft = DemoPki(folder.with_name(f".{folder.name}.{os.getpid()}"), now)
    try:
        _fill(draft, hosts, cards)
        draft.folder.replace(folder)
    except BaseException:
        shutil.rmtree(draft.folder, ignore_errors=True)
        raise
    return DemoPki(folder, now)


def _fill(pki: DemoPki, hosts: Sequence[str], cards: Mapping[str, Mapping[str, Any]]) -> None:
    orders = {pki.folder / "cards" / name: Order(**fields) for name, fields in cards.items()}
    server = Order(CardKind.SERVER, hosts[0], organisation="DMPWS TEST", hosts=hosts)
    orders[pki.folder / "server"] = server
    count = len(_ROOTS) + len(_INTERMEDIATES) + sum(len(order.pairs) for order in orders.values())
    with ThreadPoolExecutor() as pool:
        keys = pool.map(new_key, range(count))
        _create_authorities(pki, keys)
        for folder, order in orders.items():
            pki._issue(order, folder, [next(keys) for _ in order.pairs])
    files.write(pki.folder / "LISEZMOI.txt", _README.encode())


def _create_authorities(pki: DemoPki, keys: Iterable[RSAPrivateKey]) -> None:
    for name in ("anchors", "intermediates", "crls"):
        (pki.trust_folder / name).mkdir(parents=True)
    keys = iter(keys)
    for name, common_name in _ROOTS.items():
        pki.authority(name).create(common_name, key=next(keys), now=pki._now())
        files.write(pki.trust_folder / "anchors" / f"{name}.pem", files.pem(pki.authority(name).certificate))
    for name, (common_name, parent) in _INTERMEDIATES.items():
        pki.authority(name).create(common_name, key=next(keys), now=pki._now(), parent=pki.authority(parent))
        files.write(pki.trust_folder / "intermediates" / f"{name}.pem", files.pem(pki.authority(name).certificate))
    certificates = [pki.authority(name).certificate for name in (*_ROOTS, *_INTERMEDIATES)]
    files.write(pki.ca_file, files.pem(*certificates))


def _write_p12(path: Path, key: RSAPrivateKey, leaf: x509.Certificate, chain: Sequence[x509.Certificate]) -> None:
    encryption = BestAvailableEncryption(P12_PASSWORD.encode())
    files.write(path, serialize_key_and_certificates(path.parent.name.encode(), key, leaf, chain, encryption), 0o600)
