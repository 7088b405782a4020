"""The step vocabulary: what a step may call, each verb a call of the client kit.

A verb is a function of the play, the session, the patient, and the arguments the step gives; its signature says which.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import NoneType, UnionType
from typing import Any, get_args, get_origin
from uuid import uuid4

from dmpws.cast import CastPatient
from dmpws.client import LpsSession, Unreachable
from dmpws.client.scenario import SignsWithAuth
from dmpws.conformance.cases import Case, Step
from dmpws.conformance.play import Play
from dmpws.conformance.world import NotPlayable
from dmpws.domain.authorisation import ListMode
from dmpws.domain.authorised import DateType
from dmpws.domain.internet_account import ChannelType
from dmpws.domain.patient import Address
from dmpws.domain.patient_search import PatientCriteria
from dmpws.frames.reading import understand
from dmpws.frames.sending import operation_of, send
from dmpws.testing.examples import render
from dmpws.vihf.issue import make

Body = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Verb:
    """title: of a step that has none, in French. arguments: the kinds of values a step may give, and must give."""

    name: str
    title: str
    play: Body
    arguments: Mapping[str, Any]
    needed: frozenset[str]


VERBS: dict[str, Verb] = {}
"""By name."""


def verb(title: str) -> Callable[[Body], Body]:
    """Add a function to the vocabulary under its own name."""

    def adding(function: Body) -> Body:
        _, _, _, *given = inspect.signature(function).parameters.values()
        needed = frozenset(p.name for p in given if p.default is p.empty)
        VERBS[function.__name__] = Verb(
            function.__name__, title, function, {p.name: p.annotation for p in given}, needed
        )
        return function

    return adding


def flaws(case: Case) -> Iterator[str]:
    """What is wrong with the steps of a case: verbs that do not exist, arguments they do not take."""
    for step in (*case.prepare, *case.steps):
        known = VERBS.get(step.call)
        if known is None:
            yield f"{case.id}: there is no verb {step.call!r}"
            continue
        for name, value in step.arguments.items():
            if name not in known.arguments:
                yield f"{case.id}: {step.call} takes no {name!r}"
            elif not _is(value, known.arguments[name]):
                yield f"{case.id}: {step.call}.{name}: {value!r} is not {known.arguments[name]}"
        given = step.arguments.keys()
        for name in known.needed - given:
            yield f"{case.id}: {step.call} needs {name!r}"


def _is(value: object, kind: Any) -> bool:
    kinds = get_args(kind) if get_origin(kind) is UnionType else (kind,)
    return any(type(value) is (get_origin(one) or one) for one in kinds if one is not NoneType)


def title_of(step: Step) -> str:
    """The title of a step, its own or that of its verb."""
    return step.title or VERBS[step.call].title


# Access


@verb("Test d'existence du DMP")
def test_existence(play: Play, lps: LpsSession, person: CastPatient, token: str = "") -> object:
    """TD0.2. token: `altered` after it was signed, `wrong-key` signed with the TLS key, `same` as the last time."""
    return lps.test_existence(person.ins, token=_token(play, lps, person, token))


def _token(play: Play, lps: LpsSession, person: CastPatient, spoilt: str) -> bytes | None:
    if spoilt == "wrong-key":
        return make(lps.token_request(person.ins), card=SignsWithAuth.of(lps.card), now=play.world.clock())
    if spoilt == "same":
        play.token = play.token or lps.token(person.ins)
        return play.token
    return lps.token(person.ins).replace(b"normal", b"Normal", 1) if spoilt == "altered" else None


@verb("Autorisation sur le DMP")
def add_authorisation(_play: Play, lps: LpsSession, person: CastPatient, treating_doctor: bool = False) -> object:
    """TD0.3 AJOUT."""
    return lps.add_authorisation(person.ins, treating_doctor=treating_doctor)


@verb("Retrait de l'autorisation")
def remove_authorisation(_play: Play, lps: LpsSession, person: CastPatient, treating_doctor: bool = False) -> object:
    """TD0.3 SUPPRESSION."""
    return lps.remove_authorisation(person.ins, treating_doctor=treating_doctor)


@verb("Liste des autorisations du DMP")
def list_authorisations(_play: Play, lps: LpsSession, person: CastPatient, mode: str = "TOUTE") -> object:
    """TD1.6. mode: ACTIVE, INTERDITE or TOUTE."""
    return lps.list_authorisations(person.ins, ListMode(mode))


@verb("Liste des DMP autorisés")
def list_authorised(
    play: Play,
    lps: LpsSession,
    person: CastPatient,
    since_days: int = 0,
    date_type: str = "LASTAUTORIZATION",
    owner: str = "",
) -> object:
    """TD0.4. since_days: counted back from now; 0 for no date. owner: PS_IdNat of a colleague."""
    since = play.world.clock() - timedelta(days=since_days) if since_days else None
    return lps.list_authorised(person.ins, since=since, date_type=DateType(date_type), owner=owner)


@verb("Recherche d'un patient sans INS")
def find_patients(
    _play: Play,
    lps: LpsSession,
    person: CastPatient,
    family: str = "",
    given: str = "",
    birth: str = "",
    sex: str = "",
    similar_name: bool = False,
) -> object:
    """TD0.5."""
    criteria = PatientCriteria(family=family, given=given, birth=birth, sex=sex, similar_name=similar_name)
    return lps.find_patients(person.ins, criteria)


@verb("Le certificat du serveur est vérifié")
def verify_server(play: Play, lps: LpsSession, person: CastPatient) -> object:
    """Refuse the server when its authority is not trusted, call it (TD0.2) when it is."""
    if play.world.distrust is None:
        raise NotPlayable("le serveur est appelé sans TLS : il n'a pas de certificat")
    with LpsSession(lps.card, actor=lps.actor, transport=play.world.distrust(lps.card)) as wary:
        try:
            wary.test_existence(person.ins)
        except Unreachable:
            return lps.test_existence(person.ins)
    raise LookupError("le serveur est accepté par un client qui ne connaît pas son autorité")


@verb("Envoi d'une trame")
def send_frame(play: Play, lps: LpsSession, person: CastPatient, file: str) -> object:
    """The frame `file` of the case's folder, with its placeholders filled, as in the folder `transactions/`."""
    values = {
        "ins": person.ins.value,
        "ins_authority": person.ins.authority,
        "now": f"{play.world.clock():%Y%m%d%H%M%S}",
        "url": play.transport(lps).url,
        "message_id": str(uuid4()),
        "vihf": lps.token(person.ins).decode(),
    }
    octets = render((play.case.folder / file).read_text("utf-8"), values).encode()
    operation = operation_of(understand(octets))
    if operation is None:
        raise NotPlayable(f"{file} n'est pas un message du DMP")
    return send(play.transport(lps), operation, octets, {})


# The record


@verb("Création du DMP")
def create_record(play: Play, lps: LpsSession, person: CastPatient, consent: bool = True) -> object:
    """TD1.1."""
    return lps.create_record(person.ins, person.traits, consent=play.world.clock() if consent else None)


@verb("Réactivation du DMP")
def reactivate_record(play: Play, lps: LpsSession, person: CastPatient) -> object:
    """TD1.2."""
    return lps.reactivate_record(person.ins, person.traits.name, consent=play.world.clock())


@verb("Lecture des données administratives")
def read_administrative_data(_play: Play, lps: LpsSession, person: CastPatient) -> object:
    """TD1.3a."""
    return lps.read_administrative_data(person.ins)


@verb("Modification des données administratives")
def change_administrative_data(
    _play: Play, lps: LpsSession, person: CastPatient, city: str = "", opposes_bris_de_glace: bool | None = None
) -> object:
    """TD1.3b. city: a new address; without one the traits stay."""
    traits = person.traits
    if city:
        traits = replace(traits, addresses=(Address(postal_code="69001", city=city, country="FRA"),))
    return lps.change_administrative_data(person.ins, traits, opposes_bris_de_glace=opposes_bris_de_glace)


@verb("Fermeture du DMP")
def close_record(_play: Play, lps: LpsSession, person: CastPatient, text: str = "Je ne veux plus de DMP") -> object:
    """TD1.4."""
    return lps.close_record(person.ins, person.traits.name, text=text)


# The patient's internet account


@verb("Ouverture du compte internet du patient")
def open_internet_account(
    _play: Play, lps: LpsSession, person: CastPatient, kind: str = "SMS", channel: str = "0600000000"
) -> object:
    """TD1.5a."""
    return lps.open_internet_account(person.ins, ChannelType(kind), channel)


@verb("Renouvellement de l'accès internet du patient")
def renew_internet_account(_play: Play, lps: LpsSession, person: CastPatient) -> object:
    """TD1.5d."""
    return lps.renew_internet_account(person.ins)


@verb("Ajout d'un canal pour les codes à usage unique")
def add_otp_channel(_play: Play, lps: LpsSession, person: CastPatient, kind: str, channel: str) -> object:
    """TD1.5b AJOUT."""
    return lps.add_otp_channel(person.ins, ChannelType(kind), channel)


@verb("Changement d'un canal")
def change_otp_channel(_play: Play, lps: LpsSession, person: CastPatient, kind: str, channel: str) -> object:
    """TD1.5b MODIFICATION."""
    return lps.change_otp_channel(person.ins, ChannelType(kind), channel)


@verb("Retrait d'un canal")
def remove_otp_channel(_play: Play, lps: LpsSession, person: CastPatient, kind: str, channel: str = "") -> object:
    """TD1.5b SUPPRESSION."""
    return lps.remove_otp_channel(person.ins, ChannelType(kind), channel)
