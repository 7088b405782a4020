"""Admission: may this caller do this operation on this patient's DMP? One function, in the order of DMPWS D30.

The token is verified before. Then: NIA, patient known, closed, blocked, opposed mode, rights cell, authorisation,
document; the first that fails gives the code (DMPWS D11).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.authorisation import Authorisation, AuthorisationState, Holder, HolderKind, state_of
from dmpws.domain.caller import Caller
from dmpws.domain.checks import Rule, demand, refusal
from dmpws.domain.directory import equal_structures, works_in
from dmpws.domain.document import StoredEntry
from dmpws.domain.patient import DmpStatus, Ins, PatientRecord, is_minor
from dmpws.domain.rights import Decision, decide
from dmpws.transactions.call import Call, Context
from dmpws.transactions.observed import tell_situation, tell_standing
from dmpws.vihf.model import VerifiedVihf

NIA = Rule("ADM-NIA", "Un patient qui n'a qu'un NIA n'a pas de DMP", "DMP-CDT 0.2-080", "DMPInvalidRequest")
SAME = Rule("ADM-SAME", "Le patient du message est celui du VIHF", "DMPWS D11", "DMPInvalidRequest")
KNOWN = Rule("ADM-PATIENT", "Le patient a un DMP", "DMPWS D11", "DMPInvalidRequest")
KNOWN_XDS = Rule("ADM-PATIENT-XDS", "Le patient a un DMP", "DMPWS D11", "XDSUnknownPatientId")
OPEN = Rule("ADM-OPEN", "Le DMP est ouvert", "DMPWS D11", "DMPClosed")
BLOCKED = Rule("ADM-BLOCKED", "Le patient n'a pas bloqué le professionnel", "DMPWS D11", "DMPAccessForbidden")
OPPOSED = Rule("ADM-OPPOSED", "Le patient ne s'est pas opposé à ce mode d'accès", "DMPWS D11", "DMPAccessForbidden")
SECRET = Rule("ADM-SECRET", "La connexion secrète est réservée aux mineurs", "DMPWS D83", "DMPInvalidRequest")
RIGHTS = Rule("ADM-RIGHTS", "La matrice des droits permet l'opération", "PDT-INF-526", "DMPAccessDeniedByRightsService")
RIGHTS_AIR = Rule(
    "ADM-RIGHTS-AIR", "La matrice des droits permet l'opération", "PDT-INF-606", "DMPAccessDeniedByRightsService"
)
AUTHORISED = Rule(
    "ADM-AUTHORISED", "Une autorisation valide permet l'opération", "DMPWS D28", "DMPAuthorizationNotFound"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a DMP holds about its caller.

    state: what TD0.2 reports. treating_doctor: a MEDECIN_TRAITANT authorisation of the person is stored, be it
    expired (the column mt_bdg has no other use). own: the authorisation that TD0.3 changes.
    """

    state: AuthorisationState
    treating_doctor: bool
    own: Authorisation | None


def caller_of(vihf: VerifiedVihf) -> Caller:
    return Caller(
        vihf.mode, vihf.purpose, vihf.name_id, vihf.structure, vihf.roles, cpe_card=vihf.certificate_kind == "CPE"
    )


def standing_of(call: Context, caller: Caller, record: PatientRecord) -> Standing:
    """Read the authorisations that concern the caller. A block of the person or of the structure beats all.

    A professional shares the authorisation of his structure, as its équipe de soin (DMPWS D132).
    """
    holders = blocking_holders(call, caller)
    stored = call.store.authorisations.of_holders(record.id, holders)
    held = [stored.get(holder) for holder in holders]
    person, structure, *_ = held
    serving = [person if holder == caller.person_holder else structure for holder in caller.holders]
    if structure is not None and structure not in serving and in_care_team(call, caller):
        serving.append(structure)
    states = [state_of(authorisation, call.now) for authorisation in serving]
    if any(found is not None and found.blocked for found in held):
        state = AuthorisationState.INTERDIT
    else:
        state = next((s for s in _BEST_FIRST if s in states), AuthorisationState.NON_EXISTE)
    treating_doctor = caller.is_doctor and person is not None and person.treating_doctor and not person.blocked
    tell_standing(state, treating_doctor=treating_doctor)
    return Standing(state, treating_doctor, serving[0])


def blocking_holders(call: Context, caller: Caller) -> tuple[Holder, ...]:
    """Those whose block keeps the caller out: himself, his structure, and the legal entity that it is a site of, since
    a token names any site of its certificate's entity (DMPWS D210)."""
    own = call.store.directory.structure(caller.structure)
    entity = (Holder(HolderKind.STRUCTURE, own.parent),) if own is not None and own.parent else ()
    return (caller.person_holder, caller.structure_holder, *entity)


def in_care_team(call: Context, caller: Caller) -> bool:
    """The directory knows the professional in the structure: some cards name none, and are believed about it
    (DMPWS D43), but what the structure was granted is not theirs to claim."""
    shares = call.settings.care_team == "structure" and caller.mode is AuthMode.DIRECTE and caller.is_professional
    return shares and works_in(call.store.directory, caller.person, caller.structure)


_BEST_FIRST = (AuthorisationState.VALIDE, AuthorisationState.EXPIRE)


def with_equals(call: Call, caller: Caller, entries: Iterable[StoredEntry]) -> Caller:
    """The caller with the structures that count as its own, among those that authored `entries`."""
    named = frozenset[str]().union(*(entry.author_institutions for entry in entries)) - {caller.structure}
    if not named:
        return caller
    return replace(caller, equal_structures=equal_structures(call.store.directory, caller.structure, named))


def begin(call: Call, row: str) -> Caller:
    """Note who does what on whom for the trace, and refuse a NIA."""
    ins = call.vihf.patient
    caller = caller_of(call.vihf)
    call.notes.patient = f"{ins.value}^{ins.authority}"
    call.notes.holder = caller.holders[0].identifier
    call.notes.operation = row
    tell_situation(call.patient, minor=partial(is_under_age, call))
    demand(not ins.is_nia, NIA, expected="un NIR", found=f"l'autorité {ins.authority}")
    return caller


def hold(call: Call) -> Call:
    """The call with its record read again and locked: what the admission sees stays true until the call ends.

    Only in a transaction that writes.
    """
    if call.patient is None:
        return call
    call.store.patients.lock(call.patient.id)
    return replace(call, patient=call.store.patients.find(call.vihf.patient))


def require_same_patient(call: Call, ins: Ins) -> None:
    """Refuse a message that names another patient than the VIHF's resource-id."""
    expected = call.vihf.patient
    found = f"{ins.value}^{ins.authority}"[:80]
    demand(ins == expected, SAME, expected=f"{expected.value}^{expected.authority}", found=found)


def admit(call: Call, row: str, *, documents: Sequence[StoredEntry] = ()) -> PatientRecord:
    """Admit the caller to the operation `row` of `dmpws.domain.rights_table`, and return the record.

    documents: the entries concerned, when the row is about documents. Raises Refused with the code of DMPWS D11.
    """
    return admit_standing(call, row, documents=documents)[0]


def admit_standing(call: Call, row: str, *, documents: Sequence[StoredEntry] = ()) -> tuple[PatientRecord, Standing]:
    """The same, with what the record holds about the caller, for who needs it again. Raises Refused likewise."""
    caller, record = begin(call, row), _known(call, row)
    closing = f"fermé le {record.closed_at:%d/%m/%Y}" if record.closed_at else "fermé"
    demand(record.status is not DmpStatus.CLOSED, OPEN, expected="un DMP actif", found=closing)
    return record, _admitted(call, row, caller, record, documents)


def admit_to_closed(call: Call, row: str) -> PatientRecord:
    """Admit the caller to an operation on a DMP that is closed. Raises Refused likewise."""
    caller, record = begin(call, row), _known(call, row)
    _admitted(call, row, caller, record, ())
    return record


def _known(call: Call, row: str) -> PatientRecord:
    if call.patient is None:
        if row.startswith(("TD2", "TD3")):  # which name the patient (ITI TF-3 4.2.4.1)
            patient = call.vihf.patient
            raise refusal(
                KNOWN_XDS, expected="un DMP", found=f"aucun DMP pour {patient.value}^^^&{patient.authority}&ISO^NH"
            )
        raise refusal(KNOWN, expected="un DMP", found="aucun DMP pour cet INS")
    return call.patient


def _admitted(
    call: Call, row: str, caller: Caller, record: PatientRecord, documents: Sequence[StoredEntry]
) -> Standing:
    """The checks that come after the state of the record."""
    standing = standing_of(call, caller, record)
    demand(standing.state is not AuthorisationState.INTERDIT, BLOCKED, expected="aucun blocage", found="bloqué")
    demand(
        not opposes(record, caller.purpose),
        OPPOSED,
        expected="aucune opposition",
        found=f"opposition au mode {caller.purpose}",
    )
    if call.vihf.secret_connection and not row.startswith("TD2"):  # a lot has rules of its own about it
        demand(is_under_age(call, record), SECRET, expected="un mineur", found="un majeur")
    decision = allow(row, caller, standing=standing, record=record)
    if _authorisation_needed(call, row, decision):
        valid = standing.state is AuthorisationState.VALIDE
        demand(valid, AUTHORISED, expected=AuthorisationState.VALIDE, found=standing.state)
    caller = with_equals(call, caller, documents)
    for document in documents:
        allow(row, caller, standing=standing, record=record, document=document)
    return standing


def allow(
    row: str,
    caller: Caller,
    *,
    standing: Standing | None = None,
    record: PatientRecord | None = None,
    document: StoredEntry | None = None,
) -> Decision:
    """Ask the rights and return what they allow; raises Refused when they say no."""
    decision = decide(
        row,
        caller,
        treating_doctor=standing is not None and standing.treating_doctor,
        masked_in_emergency=record is not None and record.masked_visible_in_emergency,
        document=document,
    )
    found = f"non pour {decision.column}" if decision.condition is None else decision.condition.value
    where = document.entry_uuid if document is not None else ""
    rule = RIGHTS_AIR if caller.is_air else RIGHTS
    demand(decision.allowed, rule, expected=f"oui pour « {row} »", found=found, where=where)
    return decision


def is_under_age(call: Context, record: PatientRecord) -> bool:
    """The patient is a minor, and the server manages minors (GI-DMP EX_GEN-1550)."""
    settings = call.settings
    return settings.minors_enabled and is_minor(record.traits.birth_date, call.now.date(), settings.majority_age)


def opposes(record: PatientRecord, purpose: Purpose) -> bool:
    """The patient opposed this emergency mode."""
    return (purpose is Purpose.BRIS_DE_GLACE and record.opposes_bris_de_glace) or (
        purpose is Purpose.CENTRE_15 and record.opposes_centre_15
    )


def _authorisation_needed(call: Call, row: str, decision: Decision) -> bool:
    feeding = row.startswith("TD2") and call.settings.feeding_requires == "authorisation"  # DMPWS D20
    return decision.needs_authorisation or (feeding and call.vihf.purpose is Purpose.NORMAL)
