"""TD0.4, liste des DMP autorisés (DMP-WSDL PatientsSpecific).

The VIHF names a patient all the same, who need not have a DMP and is not looked at.
"""

from lxml import etree

from dmpws.codec.patient_list import PatientListRequest, patient_list_response, read_patient_list
from dmpws.domain.access import Purpose
from dmpws.domain.authorisation import Holder, HolderKind
from dmpws.domain.authorised import AuthorisedQuery, DateType, Sight
from dmpws.domain.caller import Caller
from dmpws.domain.checks import Refused, Rule, demand, refusal
from dmpws.domain.directory import works_in
from dmpws.domain.errors import OK_STATUS, Carrier
from dmpws.domain.rights import Condition, Decision, profile_of
from dmpws.domain.software import Profile
from dmpws.domain.visibility import STRUCTURE_PROFILES
from dmpws.soap.message import Operation, SoapReply
from dmpws.transactions.admission import allow, begin, blocking_holders, in_care_team
from dmpws.transactions.call import Call
from dmpws.transactions.registry import ALL_MODES, Transaction, register
from dmpws.xml.names import PATIENTS

ROW = "TD0.4 list authorised DMPs"

_DENIED = "DMPAccessDeniedByRightsService"
NEW_ONLY = Rule("TD04-NEW", Condition.NEW_AUTHORISATIONS.capitalize(), "PDT-INF-526", _DENIED)
SINCE = Rule("TD04-SINCE", "Une structure demande les autorisations depuis une date", "DMPWS D123", "DMPErrorLPS")
WHOSE = Rule("TD04-WHOSE", "La liste est celle du demandeur ou d'un confrère de sa structure", "DMPWS D123", _DENIED)
BOUNDED = Rule("TD04-BOUNDED", "La liste a une longueur raisonnable", "DMPWS D126", "DMPErrorLPS")

OPERATION = Operation(
    service="patientsSpecific",
    name="patientList",
    body=f"{{{PATIENTS}}}patientList",
    action="urn:si-dmp-patients:PatientSpecificEndPoint:patientList",
    response_action="urn:si-dmp-patients:PatientSpecificEndPoint:patientListResponse",
)


def handle(call: Call, body: etree._Element) -> SoapReply:
    """List the open DMPs on which the caller, or who he may ask for, has a valid authorisation."""
    request = read_patient_list(body)
    caller = begin(call, ROW)
    call.notes.patient = ""  # the patient of the VIHF has nothing to do with it
    decision = allow(ROW, caller)
    _require_bounds(decision, request)
    holders = _whose(call, caller, decision, request.owner)
    query = AuthorisedQuery(
        holders,
        without_block_of=(*holders, *blocking_holders(call, caller)),
        sight=_sight(call, caller, holders),
        now=call.now,
        since=request.start,
        date_type=request.date_type,
    )
    listed = call.store.patients.authorised(query, limit=call.settings.max_listed)
    if listed is None:
        raise refusal(BOUNDED, expected=f"{call.settings.max_listed} au plus", found="davantage")
    _note(call, request, holders, len(listed))
    return SoapReply(patient_list_response(OK_STATUS, f"Nombre de DMP : {len(listed)}", listed))


def _require_bounds(decision: Decision, request: PatientListRequest) -> None:
    """A structure certificate gets what is new, and must say since when (note 3 of PDT-INF-526)."""
    if decision.condition is Condition.NEW_AUTHORISATIONS:
        new = request.date_type is DateType.AUTHORISATION
        demand(new, NEW_ONLY, expected=DateType.AUTHORISATION, found=request.date_type)
        demand(request.start is not None, SINCE, expected="startDate", found="absente")


def _whose(call: Call, caller: Caller, decision: Decision, owner: str) -> tuple[Holder, ...]:
    """The holders whose list it is: those of the caller, or the professional `owner` (DMPWS D123)."""
    own = caller.holders
    if not owner or (owner == caller.person and caller.person_holder not in own):
        shared = caller.structure_holder not in own and in_care_team(call, caller)
        return (*own, caller.structure_holder) if shared else own
    asked = Holder(HolderKind.PERSON, owner)
    colleagues = decision.condition is Condition.SAME_STRUCTURE
    if asked in own or (colleagues and works_in(call.store.directory, owner, caller.structure)):
        return (asked,)
    raise refusal(WHOSE, expected=caller.person, found=owner)


def _sight(call: Call, caller: Caller, holders: tuple[Holder, ...]) -> Sight:
    """What the dates may tell of: what a search would show him, masked documents in normal mode only."""
    usual, others = call.settings.type_rights.of_roles(caller.roles)
    for_structure = profile_of(caller, treating_doctor=False) in STRUCTURE_PROFILES
    return Sight(
        person="" if for_structure else caller.person,
        structure=caller.structure if for_structure else "",
        masked=caller.person_holder in holders and caller.is_doctor and caller.purpose is Purpose.NORMAL,
        types=usual,
        other_types=others,
    )


def _note(call: Call, request: PatientListRequest, holders: tuple[Holder, ...], found: int) -> None:
    call.notes.holder = holders[0].identifier
    call.notes.query = OPERATION.name
    start = f"{request.start:%Y%m%d%H%M%S}" if request.start else ""
    call.notes.parameters = {"startDate": [start], "dateType": [request.date_type.value], "found": [str(found)]}


def refuse(refused: Refused, _body: etree._Element) -> SoapReply:
    """Answer with the code in output/status and the reason in output/context."""
    return SoapReply(patient_list_response(refused.code, refused.message))


register(
    Transaction(
        code="TD0.4",
        title="Liste des DMP autorisés",
        operation=OPERATION,
        modes=ALL_MODES,
        carrier=Carrier.STATUS,
        profiles=frozenset({Profile.CONSULTATION}),
        writes=False,
        audit="list-authorised",
        references=("DMP-WSDL PatientsSpecific", "PDT-INF-526", "PDT-INF-606", "DMPWS D123", "DMPWS D124"),
        module=__name__,
        handle=handle,
        refuse=refuse,
    )
)
