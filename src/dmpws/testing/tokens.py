"""The example tokens of the folder `vihf/`: read, rendered with a throw-away PKI, and judged.

Tokens live an hour and are signed by keys that exist for one test run, so an example is not a token but its
recipe: the request, what is changed before and after signing, and the verdict it must get.
"""

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from dmpws import cast
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.checks import Report
from dmpws.domain.code import Code
from dmpws.domain.directory import Card as DirectoryCard
from dmpws.domain.directory import Professional, Structure
from dmpws.domain.patient import Ins
from dmpws.domain.software import ApprovalStatus, Software
from dmpws.pki import files
from dmpws.pki.cards import Card
from dmpws.pki.demo import DemoPki
from dmpws.pki.dn import Dn
from dmpws.pki.trust import TrustPolicy, TrustStore
from dmpws.resources import folder
from dmpws.signature.core import sign_enveloped
from dmpws.soap.message import TlsFacts
from dmpws.vihf.issue import Lps, TokenRequest, build, request_for
from dmpws.vihf.model import VerifiedVihf
from dmpws.vihf.policy import VihfPolicy
from dmpws.vihf.verify import examine
from dmpws.xml.parser import parse

LPS = Lps(cast.SOFTWARE.name, "1.0", cast.SOFTWARE.number, "1.2.250.1.999.1.1.7898")


@dataclass(frozen=True, slots=True)
class CastDirectory:
    """The directory of the public cast. `closed`: structures and people that have ended."""

    closed: frozenset[str] = frozenset()

    def structure(self, identifier: str) -> Structure | None:
        found = cast.STRUCTURES.get(identifier)
        return found and replace(found, active=identifier not in self.closed)

    def professional(self, identifier: str) -> Professional | None:
        found = cast.PROFESSIONALS.get(identifier)
        return found and replace(found, active=identifier not in self.closed)

    def cards(self, serials: Collection[str]) -> Sequence[DirectoryCard]:
        return ()

    def software(self, number: str) -> Software | None:
        found = cast.APPROVED.get(number)
        return replace(found, status=ApprovalStatus.REVOKED) if found and number in self.closed else found


@dataclass(slots=True)
class UsedTokens:
    """A memory of used IDs for one test."""

    used: dict[str, datetime] = field(default_factory=dict)

    def remember(self, assertion_id: str, *, expires_at: datetime) -> bool:
        if assertion_id in self.used:
            return False
        self.used[assertion_id] = expires_at
        return True


@dataclass(frozen=True, slots=True)
class Example:
    """One recipe.

    card: whose keys sign. tls: who is at the other end of the connection, "" for nobody. key: `sign`, `auth` or
    `none`. age: seconds between IssueInstant and reception. uses: how often the token is presented; the verdict
    is that of the last time. before, after: (find, replace) pairs in the text of the token, each found once.
    issue: how to issue `card` when the PKI lacks it (fields of `dmpws.pki.profiles.Order`).
    rule, code, text: of the first failed check; empty when the token is good.
    """

    name: str
    title: str
    card: str
    tls: str
    key: str
    age: float
    uses: int
    issue: Mapping[str, Any]
    request: Mapping[str, Any]
    policy: Mapping[str, Any]
    closed: frozenset[str]
    before: Sequence[tuple[str, str]]
    after: Sequence[tuple[str, str]]
    rule: str
    code: str
    text: str

    @property
    def good(self) -> bool:
        return not self.rule


def examples(base: Path | None = None) -> Iterator[Example]:
    """All examples, by name."""
    for path in sorted((base or folder("vihf") / "examples").glob("*.toml")):
        yield load(path)


def load(path: Path) -> Example:
    """Read one recipe. Raises ValueError naming the file when a key is unknown."""
    data = tomllib.loads(path.read_text("utf-8"))
    verdict = data.pop("verdict", {})
    card = data.get("card", "medecin-libre")
    values = {
        "card": card,
        "tls": card,
        "key": "sign",
        "age": 0,
        "uses": 1,
        "issue": {},
        "request": {},
        "policy": {},
        "closed": (),
        "before": (),
        "after": (),
        **data,
        **{name: verdict.get(name, "") for name in ("rule", "code", "text")},
    }
    if unknown := set(values) - {f.name for f in fields(Example)}:
        raise ValueError(f"{path.name}: clé inconnue {', '.join(sorted(unknown))}")
    for name in ("before", "after"):
        values[name] = [(change["find"], change["replace"]) for change in values[name]]
    values["closed"] = frozenset(values["closed"])
    return Example(name=path.stem, **values)


def request_of(example: Example, card: Card) -> TokenRequest:
    """The request of an example: what the card says, and the changes of its `[request]` table."""
    changes = dict(example.request)
    mode = AuthMode(changes.pop("mode")) if "mode" in changes else None
    patient = cast.PATIENTS[changes.pop("patient", "conteste")].ins
    if "ins" in changes:
        patient = ins(changes.pop("ins"))
    if "purpose" in changes:
        changes["purpose"] = Purpose(changes["purpose"])
    if "roles" in changes:
        changes["roles"] = tuple(role(text) for text in changes["roles"])
    lps = replace(LPS, **changes.pop("lps", {}))
    return replace(request_for(card, patient, lps, mode), **changes)


def ins(text: str) -> Ins:
    """Read `value^authority`."""
    value, _, authority = text.partition("^")
    return Ins(value, authority)


def role(text: str) -> Code:
    """Read `code^system`."""
    code, _, system = text.partition("^")
    return Code(code, system)


def render(example: Example, pki: DemoPki, now: datetime) -> bytes:
    """The token of an example, received at `now`."""
    card = _card(pki, example)
    certificate = card.auth_certificate if example.key == "auth" else card.signing_certificate
    issuer = str(Dn.of(certificate.subject))
    request = request_of(example, card)
    token = build(request, issuer=request.issuer or issuer, now=now - timedelta(seconds=example.age))
    if example.before:
        token = parse(_changed(etree.tostring(token, encoding="UTF-8"), example.before))
    if example.key == "none":
        octets = etree.tostring(token, encoding="UTF-8")
    else:
        key = card.signing_key if example.key == "sign" else files.read_key(card.auth_key_file)
        octets = sign_enveloped(token, key, certificate)
    return _changed(octets, example.after)


def _card(pki: DemoPki, example: Example) -> Card:
    try:
        return pki.card(example.card)
    except FileNotFoundError:
        return pki.issue(name=example.card, **example.issue)


def judge(example: Example, pki: DemoPki, now: datetime) -> tuple[Report, VerifiedVihf | None]:
    """Render an example, present it as often as it says, and return the last verdict."""
    octets = render(example, pki, now)
    trust = TrustStore.from_folder(pki.trust_folder, TrustPolicy())
    memory = UsedTokens()
    verdict: tuple[Report, VerifiedVihf | None] = (Report(), None)
    for _ in range(example.uses):
        verdict = examine(
            octets,
            tls=tls_of(pki.card(example.tls)) if example.tls else None,
            policy=VihfPolicy(**example.policy),
            trust=trust,
            directory=CastDirectory(example.closed),
            memory=memory,
            now=now,
        )
    return verdict


def tls_of(card: Card) -> TlsFacts:
    """A connection opened with this card."""
    return TlsFacts(card.auth_certificate.public_bytes(Encoding.DER), "192.0.2.1")


def _changed(octets: bytes, changes: Sequence[tuple[str, str]]) -> bytes:
    text = octets.decode("utf-8")
    for find, substitute in changes:
        if text.count(find) != 1:
            raise ValueError(f"{find!r} est {text.count(find)} fois dans le jeton, et non une")
        text = text.replace(find, substitute)
    return text.encode("utf-8")
