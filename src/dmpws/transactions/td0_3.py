"""TD0.3, mise à jour de l'autorisation d'accès (DMP-FRAME TD0.3)."""

from lxml import etree

from dmpws.codec.habilitations import Action, SetAuthorization, read_set_authorization, set_authorization_response
from dmpws.domain.authorisation import (
    SECRET_CONNECTION,
    Authorisation,
    AuthorisationState,
    By,
    Holder,
    HolderKind,
    state_of,
)
from dmpws.domain.caller import Caller
from dmpws.domain.checks import Refused
from dmpws.domain.errors import OK_STATUS, Carrier
from dmpws.domain.patient import PatientRecord
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.admission import admit, caller_of, hold
from dmpws.transactions.call import Call
from dmpws.transactions.observed import tell_asked
from dmpws.transactions.registry import ALL_MODES, ALL_PROFILES, Transaction, register
from dmpws.xml.names import HABILITATIONS

ROWS = {
    (Action.ADD, False): "TD0.3 declare oneself authorised",
    (Action.ADD, True): "TD0.3 declare oneself medecin traitant",
    (Action.REMOVE, False): "TD0.3 remove own authorisation",
    (Action.REMOVE, True): "TD0.3 remove oneself as medecin traitant",
}

ALREADY = "Autorisation déjà présente aucune action effectuée"
"""The DMP's own sentence (DMP-FRAME TD0.3)."""
ADDED = "Autorisation ajoutée"
RENEWED = "Autorisation renouvelée"
REMOVED = "Autorisation supprimée"
NO_LONGER_DOCTOR = "Rôle de médecin traitant supprimé"
NOTHING_TO_REMOVE = "Autorisation absente aucune action effectuée"

OPERATION = Operation(
    service="habilitations",
    name="setAuthorization",
    body=f"{{{HABILITATIONS}}}setAuthorization",
    action="urn:si-dmp-habilitations:HabilitationsEndPoint:setAuthorization",
    response_action="urn:si-dmp-habilitations:HabilitationsEndPoint:setAuthorizationResponse",
    action_variants=("urn:hl7-org:v3:setAuthorization",),  # the soapAction of the official WSDL
)


def handle(call: Call, body: etree._Element) -> SoapReply:
    """Add, renew or remove the caller's own authorisation on the DMP of the VIHF's patient."""
    request = read_set_authorization(body)
    tell_asked(action=request.action, treating_doctor=request.treating_doctor)
    call = hold(call)
    record = admit(call, ROWS[request.action, request.treating_doctor])
    caller = caller_of(call.vihf)
    before = call.store.authorisations.get(record.id, caller.holders[0])
    change = _add if request.action is Action.ADD else _remove
    context = change(call, record, caller, before, request)
    return SoapReply(set_authorization_response(OK_STATUS, context))


def _add(
    call: Call, record: PatientRecord, caller: Caller, before: Authorisation | None, request: SetAuthorization
) -> str:
    """Grant for the duration of DMPWS D12. A valid authorisation is left as it is, its end included; an expired
    one is renewed and keeps the role MEDECIN_TRAITANT."""
    state = state_of(before, call.now)
    was_doctor = before is not None and before.treating_doctor
    if state is AuthorisationState.VALIDE and was_doctor >= request.treating_doctor:
        return ALREADY
    holder = caller.holders[0]
    call.store.authorisations.grant(
        record.id,
        holder,
        by=_by(call),
        now=call.now,
        expires_at=call.now + call.settings.authorisation_duration,
        treating_doctor=was_doctor or request.treating_doctor,
        specialties=caller.specialties if holder.kind is HolderKind.PERSON else (),
    )
    _note(call, holder, state, AuthorisationState.VALIDE)
    return RENEWED if state is AuthorisationState.EXPIRE else ADDED


def _remove(
    call: Call, record: PatientRecord, caller: Caller, before: Authorisation | None, request: SetAuthorization
) -> str:
    """End the authorisation, or only the role. Removing what is not there changes nothing and is no error, as
    adding what is there (our choice: the official material is silent)."""
    state = state_of(before, call.now)
    if state is AuthorisationState.NON_EXISTE:
        return NOTHING_TO_REMOVE
    holder, only_role = caller.holders[0], request.treating_doctor
    call.store.authorisations.revoke(record.id, holder, by=_by(call), now=call.now, only_treating_doctor=only_role)
    _note(call, holder, state, state if only_role else AuthorisationState.NON_EXISTE)
    return NO_LONGER_DOCTOR if only_role else REMOVED


def _by(call: Call) -> By:
    capacity = SECRET_CONNECTION if call.vihf.secret_connection else ""
    return By(call.vihf.name_id, call.vihf.subject_id, capacity)


def _note(call: Call, holder: Holder, old: AuthorisationState, new: AuthorisationState) -> None:
    call.notes.changes.append({"authorisation": holder.identifier, "old": old, "new": new})


def refuse(refused: Refused, _body: etree._Element) -> SoapReply:
    """Answer with the code in output/status and the reason in output/context."""
    return SoapReply(set_authorization_response(refused.code, refused.message))


register(
    Transaction(
        code="TD0.3",
        title="Mise à jour de l'autorisation d'accès",
        operation=OPERATION,
        modes=ALL_MODES,
        carrier=Carrier.STATUS,
        profiles=ALL_PROFILES,
        writes=True,
        audit="set-authorization",
        references=("DMP-FRAME TD0.3", "DMP-WSDL Habilitations", "PDT-INF-526", "PDT-INF-606", "DMPWS D12"),
        module=__name__,
        handle=handle,
        refuse=refuse,
    )
)
