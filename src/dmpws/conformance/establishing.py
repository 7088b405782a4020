"""Bringing a record into the state a case needs, as an LPS can, or through the server's own database."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from dmpws.client.patients import AdministrativeData, Existence
from dmpws.conformance.cases import Case, CaseActor, Given, Step
from dmpws.conformance.play import Play
from dmpws.conformance.results import StepResult
from dmpws.conformance.world import NotPlayable
from dmpws.domain.access import Purpose
from dmpws.domain.authorisation import AuthorisationState

Take = Callable[[Step, CaseActor], StepResult]
"""Takes a step and gives what came of it."""

_STATES = {"active": "active", "closed": "terminated"}
_WORDS = {"none": "absent", "active": "ouvert", "closed": "fermé", "terminated": "fermé", "": "absent"}


def establish(play: Play, take: Take) -> Iterator[StepResult]:
    """Make sure of `given`, with TD0.2, TD0.3 and TD1.3a; each step taken is given back. Raises NotPlayable."""
    given, person = play.case.given, play.patient()
    special = given.authorisation or given.treating_doctor is not None
    if not (given.dmp or given.opposed or special):
        return
    if special or given.dmp != "active" or person.ins.value not in play.world.open_records:
        yield from _record(play, take, given)
    yield from _oppositions(play, take)


def _record(play: Play, take: Take, given: Given) -> Iterator[StepResult]:
    who, person = _observer(play.case), play.patient()
    for attempt in range(2):
        yield take(Step("test_existence", "État du DMP avant le cas"), who)
        seen = play.returned
        if not isinstance(seen, Existence):
            raise NotPlayable(f"le serveur ne dit pas l'état du DMP de {person.label}")
        _require_record(play, given, seen)
        wrong = _missing(given, seen)
        if not wrong:
            return
        if attempt:
            break
        for step in _changes(given, seen):
            yield take(step, who)
        if given.authorisation in ("EXPIRE", "INTERDIT") and play.world.bring_about is not None:
            play.world.bring_about(given, person, play.session(who).actor.person)
    raise NotPlayable(f"{person.label} : {wrong}{_remedy(play, given)}")


def _observer(case: Case) -> CaseActor:
    """Who looks: the actor, without what is special about his access, since it is his own authorisation."""
    if case.given.authorisation or case.given.treating_doctor is not None:
        return replace(case.actor, access_mode=Purpose.NORMAL, secret=False)
    return CaseActor()


def _require_record(play: Play, given: Given, seen: Existence) -> None:
    found = seen.status if seen.exists else ""
    wanted = _STATES.get(given.dmp, "")
    if given.dmp and found != wanted:
        raise NotPlayable(
            f"le DMP de {play.patient().label} est {_WORDS[found]}, ce cas le veut {_WORDS[given.dmp]}"
            " (dmpws seed plan fait les patients du plan)"
        )
    if found == "active":
        play.world.open_records.add(play.patient().ins.value)


def _changes(given: Given, seen: Existence) -> Iterator[Step]:
    """What an LPS can do about it."""
    valid = seen.authorisation is AuthorisationState.VALIDE
    if given.authorisation == "NON_EXISTE" and valid:
        yield Step("remove_authorisation", "Le professionnel n'est plus autorisé")
    if (given.authorisation == "VALIDE" or given.treating_doctor) and not valid:
        yield Step("add_authorisation", "Le professionnel s'autorise")
    if given.treating_doctor and not seen.treating_doctor:
        yield Step("add_authorisation", "… comme médecin traitant", {"treating_doctor": True})
    if given.treating_doctor is False and seen.treating_doctor:
        yield Step("remove_authorisation", "… sans être médecin traitant", {"treating_doctor": True})


def _missing(given: Given, seen: Existence) -> str:
    if given.authorisation and seen.authorisation != given.authorisation:
        return f"l'autorisation de ce professionnel est {seen.authorisation}, ce cas la veut {given.authorisation}"
    if given.treating_doctor is not None and seen.treating_doctor != given.treating_doctor:
        negation = "" if given.treating_doctor else "n'"
        ending = "" if given.treating_doctor else " pas"
        return f"ce cas veut que le professionnel {negation}y soit{ending} médecin traitant"
    return ""


def _remedy(play: Play, given: Given) -> str:
    key = play.patient().key
    remedies = {
        "EXPIRE": f" (dmpws seed expire {key})",
        "INTERDIT": f" (dmpws patient block {key} …)",
    }
    return remedies.get(given.authorisation, "")


def _oppositions(play: Play, take: Take) -> Iterator[StepResult]:
    """A structure may read the patient's oppositions without authorisation."""
    opposed = play.case.given.opposed
    if not opposed:
        return
    reader = CaseActor(card="hopital")
    yield take(Step("read_administrative_data", "Oppositions du patient"), reader)
    data = play.returned
    if not isinstance(data, AdministrativeData) or not (
        data.opposes_bris_de_glace if opposed == Purpose.BRIS_DE_GLACE else data.opposes_centre_15
    ):
        raise NotPlayable(f"{play.patient().label} ne s'oppose pas au mode {opposed} (dmpws seed plan)")
