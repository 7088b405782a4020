"""The named predicates of a detector: what one exchange must be, and what to say when it is not.

A predicate looks at an exchange with the argument of `detect.toml` and returns None, or a `Miss`: the French words in
which `dmpws conformance watch` says what was expected, what came, and what to do. This module has those about who
calls, for whom and with what answer; `dmpws.conformance.contents` those about searches and documents.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dmpws import cast
from dmpws.conformance.seen import Seen
from dmpws.domain import oids
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.authorisation import AuthorisationState
from dmpws.pki.identity import CertificateKind
from dmpws.vihf.roles import BY_ROLE, SOCIAL_PROFESSIONS, TITLE_HOLDERS

ANY = "any"
"""The argument that takes a predicate back, which the case itself would have asked for."""


@dataclass(frozen=True, slots=True)
class Miss:
    """Why an exchange is not the one: French, fit for `attend {expected} : {found} ; {remedy}`."""

    expected: str
    found: str
    remedy: str = ""

    @property
    def sentence(self) -> str:
        return f"attend {self.expected} : {self.found}" + (f" ; {self.remedy}" if self.remedy else "")


@dataclass(frozen=True, slots=True)
class Setting:
    """What a predicate may look at besides the exchange.

    named: the patient of the case, as the plan numbers him (`Cas7`). patients: the INS (`value^authority`) that stand
    for each patient of the plan. before: the exchanges of the same attempt, by the name `detect.toml` gives them.
    """

    named: str
    patients: Mapping[str, frozenset[str]]
    before: Mapping[str, Seen] = field(default_factory=dict)

    def label(self, patient: str) -> str:
        """A patient of the plan, so that one can find him: under the INS a vendor was given, or else ours."""
        person = next((p for p in cast.PATIENTS.values() if p.case == patient), None)
        inses = self.patients.get(patient, frozenset())
        stand_ins = [theirs for theirs in self.patients.values() if theirs < inses]
        ours = f"{person.ins.value}^{person.ins.authority}" if person else ""
        found = sorted(inses.difference(*stand_ins), key=lambda ins: (ins == ours, ins))
        ins = found[0].partition("^")[0] if found else "INS inconnu"
        return f"{patient} ({person.label}, {ins})" if person else f"{patient} ({ins})"


Judge = Callable[[Seen, Any, Setting], Miss | None]
Check = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Predicate:
    """name: its key in `detect.toml`. accepts: whether an argument means something."""

    name: str
    judge: Judge
    accepts: Check


PREDICATES: dict[str, Predicate] = {}
"""In the order in which they are asked; the first ones say best what an exchange is."""


def predicate(accepts: Check) -> Callable[[Judge], Judge]:
    """Register a function as the predicate of its name."""

    def register(judge: Judge) -> Judge:
        name = judge.__name__.strip("_")
        PREDICATES[name] = Predicate(name, judge, accepts)
        return judge

    return register


def words(*allowed: str) -> Check:
    """Arguments that are one of these words, or a list of them."""
    return lambda value: all(one in allowed for one in listed(value)) and bool(listed(value))


def is_text(value: Any) -> bool:
    return bool(listed(value)) and all(isinstance(one, str) for one in listed(value))


def is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def table_of(**allowed: Check) -> Check:
    """Arguments that are a table with these keys."""
    return lambda value: (
        isinstance(value, dict) and bool(value) and all(k in allowed and allowed[k](v) for k, v in value.items())
    )


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def either(options: Iterable[str]) -> str:
    """`a`, `a ou b`, `a, b ou c`."""
    *most, last = options
    return f"{', '.join(most)} ou {last}" if most else last


# Which call it is, and by whom


@predicate(is_text)
def transaction(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """The transaction, or one of several."""
    codes = listed(wanted)
    if any(code in codes for code in seen.transactions):
        return None
    return Miss(
        f"un appel {either(codes)}", f"c'est {either(seen.transactions) if seen.transactions else 'autre chose'}"
    )


_MODES = {
    "direct": (AuthMode.DIRECTE, "l'authentification directe, par carte"),
    "indirect": (AuthMode.INDIRECTE, "l'authentification indirecte, par certificat de structure"),
    "air": (AuthMode.INDIRECTE_RENFORCEE, "l'authentification indirecte renforcée (AIR)"),
}


@predicate(words(*_MODES))
def mode(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """How the user is authenticated: `direct`, `indirect`, `air`."""
    found = seen.line["mode"]
    if any(found == _MODES[one][0] for one in listed(wanted)):
        return None
    if not found:
        return Miss(either(_MODES[one][1] for one in listed(wanted)), "le VIHF de cet appel n'a pas été reconnu")
    return Miss(either(_MODES[one][1] for one in listed(wanted)), f"cet appel est en mode {found}")


def _card(*kinds: CertificateKind) -> Callable[[Seen], bool]:
    return lambda seen: seen.facts.get("certificate_kind") in kinds


def _profession(seen: Seen) -> tuple[str, str]:
    """Code and code system of the first role."""
    roles = seen.facts.get("roles") or ("",)
    code, _, system = str(roles[0]).partition("^")
    return code, system


def _is_professional(seen: Seen) -> bool:
    return _profession(seen)[1] == oids.PROFESSIONS


_CPS = (CertificateKind.CPS, CertificateKind.CPS_REMPLACANT)
_WHO: Mapping[str, tuple[Callable[[Seen], bool], str]] = {
    "cps": (lambda s: _card(*_CPS)(s) or (s.line["mode"] != AuthMode.DIRECTE and _is_professional(s)), "une CPS"),
    "doctor": (lambda s: _profession(s) == ("10", oids.PROFESSIONS), "un médecin"),
    "treating-doctor": (lambda s: s.fact("standing", "treating_doctor") is True, "le médecin traitant du patient"),
    "pharmacist": (lambda s: _profession(s) == ("21", oids.PROFESSIONS), "un pharmacien"),
    "other-profession": (
        lambda s: _is_professional(s) and _profession(s)[0] not in ("10", "21"),
        "un professionnel ni médecin ni pharmacien",
    ),
    "cpe": (_card(CertificateKind.CPE), "une CPE"),
    "cpe-nominative": (
        lambda s: _card(CertificateKind.CPE)(s) and s.fact("certificate", "nominative") is True,
        "une CPE nominative",
    ),
    "cpe-anonymous": (
        lambda s: _card(CertificateKind.CPE)(s) and s.fact("certificate", "nominative") is False,
        "une CPE sans nom",
    ),
    "cpf": (_card(CertificateKind.CPF), "une carte de professionnel en formation (CPF)"),
    "replacement": (_card(CertificateKind.CPS_REMPLACANT), "une CPS de remplaçant"),
    "parm": (lambda s: s.line["purpose"] == Purpose.CENTRE_15, "un permanencier de centre 15"),
    "social-care": (
        lambda s: _profession(s)[1] in (SOCIAL_PROFESSIONS, TITLE_HOLDERS, BY_ROLE),
        "un professionnel du secteur médico-social (RPPS+)",
    ),
}


@predicate(words(*_WHO))
def who(seen: Seen, wanted: Any, setting: Setting) -> Miss | None:
    """The user or his card, in the words of `case.toml`."""
    if any(_WHO[one][0](seen) for one in listed(wanted)):
        return None
    expected = either(_WHO[one][1] for one in listed(wanted))
    if "treating-doctor" in listed(wanted):
        return Miss(
            expected, "ce professionnel ne l'est pas", "déclarez-le par TD0.3 AJOUT avec le rôle MEDECIN_TRAITANT"
        )
    code, system = _profession(seen)
    card = seen.facts.get("certificate_kind") or "une carte inconnue"
    role = f", profession {code}" if system == oids.PROFESSIONS else f", rôle {code}^{system}" if code else ""
    return Miss(expected, f"l'appel vient de {card}{role}", "changez de carte ou de certificat")


@predicate(is_flag)
def linked_structure(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """The VIHF is of a site (EG) and the certificate of its legal entity (EJ)."""
    if seen.fact("caller", "linked_structure", False) is wanted:
        return None
    expected = "un VIHF au nom d'un site (FINESS EG) avec le certificat de son entité juridique (EJ)"
    return Miss(
        expected, "la structure du VIHF est celle du certificat", "mettez le FINESS EG dans Identifiant_Structure"
    )


@predicate(is_flag)
def expired_certificate(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """The certificate of the connection has expired."""
    end = seen.fact("certificate", "not_after")
    expired = seen.fact("certificate", "expired", None)  # told by a handshake that was refused
    if (bool(end) and datetime.fromisoformat(end) < seen.at if expired is None else expired) is wanted:
        return None
    return Miss("un certificat expiré", f"celui de l'appel court jusqu'au {end[:10]}" if end else "il est inconnu")


_PURPOSES = {
    Purpose.NORMAL: "l'accès normal",
    Purpose.BRIS_DE_GLACE: "le bris de glace",
    Purpose.CENTRE_15: "le mode régulation (centre 15)",
}


@predicate(words(*_PURPOSES))
def access_mode(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """PurposeOfUse: `normal`, `bris_de_glace`, `centre_15`."""
    found = seen.line["purpose"]
    if found in listed(wanted):
        return None
    expected = either(_PURPOSES[Purpose(one)] for one in listed(wanted))
    remedy = f"mettez PurposeOfUse à {either(listed(wanted))}"
    return Miss(expected, f"PurposeOfUse vaut {found}" if found else "le VIHF de cet appel n'a pas été reconnu", remedy)


@predicate(is_flag)
def secret(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """Connexion secrète."""
    if bool(seen.facts.get("secret")) is wanted:
        return None
    said = "la connexion secrète" if wanted else "une connexion ordinaire"
    return Miss(said, "ce VIHF dit le contraire", "voyez l'attribut confidentiality-code du VIHF")


# About whom


@predicate(is_text)
def patient(seen: Seen, wanted: Any, setting: Setting) -> Miss | None:
    """The patient of the plan, or one of several."""
    if any(seen.patient in setting.patients.get(one, ()) for one in listed(wanted)):
        return None
    expected = "le patient " + either(setting.label(one) for one in listed(wanted))
    return Miss(expected, f"l'appel porte sur {_known(seen, setting)}")


def _known(seen: Seen, setting: Setting) -> str:
    """The patient of an exchange, as the plan numbers him where it does."""
    number = next((case for case, inses in setting.patients.items() if seen.patient in inses), "")
    if number.isdigit():
        return f"le patient {number}"
    return number or seen.patient.partition("^")[0] or "un patient inconnu"


_RECORDS = {"none": "un patient sans DMP", "active": "un DMP actif", "closed": "un DMP fermé"}
_FOUND = {"none": "ce patient n'a pas de DMP", "active": "ce DMP est actif", "closed": "ce DMP est fermé"}


@predicate(words(*_RECORDS))
def record(seen: Seen, wanted: Any, setting: Setting) -> Miss | None:
    """The DMP as the call found it: `none`, `active`, `closed`."""
    found = seen.fact("situation", "record")
    if found in listed(wanted):
        return None
    expected = either(_RECORDS[one] for one in listed(wanted))
    return Miss(expected, _FOUND.get(found, "la situation n'a pas été atteinte"), _use(setting))


_STATES = {
    AuthorisationState.VALIDE: "une autorisation valide",
    AuthorisationState.NON_EXISTE: "un utilisateur que le patient n'a pas autorisé",
    AuthorisationState.EXPIRE: "une autorisation expirée",
    AuthorisationState.INTERDIT: "un utilisateur que le patient a bloqué",
}


@predicate(words(*_STATES))
def authorisation(seen: Seen, wanted: Any, setting: Setting) -> Miss | None:
    """The authorisation of the user before the call, as TD0.2 says it."""
    found = seen.fact("standing", "authorisation")
    if found in listed(wanted):
        return None
    expected = either(_STATES[AuthorisationState(one)] for one in listed(wanted))
    told = f"ce patient est {found}" if found else "l'appel n'est pas allé jusqu'aux autorisations"
    return Miss(expected, told, _use(setting, _command(AuthorisationState(listed(wanted)[0]), seen)))


def _command(state: AuthorisationState, seen: Seen) -> str:
    """How to bring the patient of the exchange into a state."""
    ins = seen.patient.partition("^")[0]
    key = next((p.key for p in cast.PATIENTS.values() if p.ins.value == ins), ins) or "PATIENT"
    holder = seen.facts.get("holder") or "IDENTIFIANT"
    return {
        AuthorisationState.EXPIRE: f"`dmpws seed expire {key}`",
        AuthorisationState.INTERDIT: f"`dmpws patient block {key} {holder}`",
        AuthorisationState.VALIDE: "autorisez-vous d'abord (TD0.3 AJOUT)",
        AuthorisationState.NON_EXISTE: "retirez d'abord votre autorisation (TD0.3 SUPPRESSION)",
    }[state]


def _use(setting: Setting, otherwise: str = "") -> str:
    """The patient who is there for it, or another way."""
    number = setting.named if not setting.named.isdigit() else f"le patient {setting.named} du plan"
    return " ou ".join(filter(None, (f"utilisez {number}" if number else "", otherwise)))


@predicate(is_flag)
def treating_doctor(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """The user is the médecin traitant."""
    if seen.fact("standing", "treating_doctor", None) is wanted:
        return None
    said = "le médecin traitant" if wanted else "un utilisateur qui n'est pas le médecin traitant"
    action = "AJOUT" if wanted else "SUPPRESSION"
    return Miss(said, "ce n'est pas le cas ici", f"changez-le par TD0.3 {action}, rôle MEDECIN_TRAITANT")


@predicate(words(*Purpose))
def opposed(seen: Seen, wanted: Any, setting: Setting) -> Miss | None:
    """The emergency mode the patient refuses."""
    if wanted in seen.fact("situation", "opposes", ()):
        return None
    expected = f"un patient qui refuse {_PURPOSES[Purpose(wanted)]}"
    return Miss(expected, "celui-ci ne le refuse pas", _use(setting, "changez son opposition (TD1.3b)"))


@predicate(is_flag)
def minor(seen: Seen, wanted: Any, setting: Setting) -> Miss | None:
    """The patient is a minor."""
    if seen.fact("situation", "minor", None) is wanted:
        return None
    expected, found = ("un mineur", "un majeur") if wanted else ("un majeur", "un mineur")
    return Miss(expected, f"ce patient est {found}", _use(setting))


@predicate(is_flag)
def named(seen: Seen, wanted: Any, setting: Setting) -> Miss | None:
    """Both names of the patient, at birth and in use, are known."""
    if seen.fact("situation", "named", None) is wanted:
        return None
    expected = (
        "un patient dont les deux noms sont renseignés" if wanted else "un patient dont un nom n'est pas renseigné"
    )
    return Miss(expected, "ce n'est pas le cas de celui-ci", _use(setting))


@predicate(words("person", "structure"))
def holder(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """Whose authorisation it is: `person` or `structure`."""
    person, structure = seen.user
    if seen.facts.get("holder") == (structure if wanted == "structure" else person):
        return None
    if wanted == "structure":
        remedy = "appelez par CPE ou en AIR sans être professionnel"
        return Miss("l'autorisation de la structure", "c'est celle du professionnel", remedy)
    return Miss("l'autorisation du professionnel", "c'est celle de la structure")


# What was answered


@predicate(is_text)
def answer(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """`accepted`, or the code of a refusal."""
    if seen.accepted if wanted == "accepted" else seen.code in listed(wanted):
        return None
    expected = "une réponse sans erreur" if wanted == "accepted" else f"le refus {either(listed(wanted))}"
    found = f"le serveur a répondu {seen.code} ({seen.reason})" if seen.code else "le serveur a accepté"
    return Miss(expected, found, f"`dmpws journal show {seen.id}`")


@predicate(is_text)
def reason(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """The identifier of a rule, or words, that the sentence of the refusal holds."""
    if any(one in seen.reason for one in listed(wanted)):
        return None
    return Miss(f"un refus pour {either(listed(wanted))}", f"celui-ci dit « {seen.reason} »")
