"""patientList and its answer: TD0.4 (DMP-WSDL PatientsSpecific)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.domain.authorised import AuthorisedRecord, DateType
from dmpws.domain.checks import Rule, refusal
from dmpws.xml.names import PATIENTS
from dmpws.xml.path import path_of

_CONTRACT = "DMP-WSDL PatientsSpecific"
START = Rule("TD04-START", "startDate est un instant AAAAMMJJhhmmss", _CONTRACT, "DMPErrorLPS")
DATE_TYPE = Rule("TD04-DATE", "dateType est LASTAUTORIZATION ou LASTDOC", _CONTRACT, "DMPErrorLPS")
OWNER = Rule("TD04-OWNER", "psOwnerId est un identifiant de professionnel", _CONTRACT, "DMPErrorLPS")

LONGEST_IDENTIFIER = 100
_INSTANT = "%Y%m%d%H%M%S"

# Every child element is qualified, as in the other services that are specific to the DMP.
_E = ElementMaker(namespace=PATIENTS, nsmap={"ns1": PATIENTS})


@dataclass(frozen=True, slots=True)
class PatientListRequest:
    """What a patientList asks. start: aware UTC, None when it asks for all. owner: PS_IdNat, or empty."""

    start: datetime | None
    date_type: DateType
    owner: str


def read_patient_list(body: etree._Element) -> PatientListRequest:
    """Read patientList. Each element may be missing or empty (DMPWS D124). Raises Refused on a value of no use."""
    date_type = _text(body, "dateType") or DateType.AUTHORISATION
    if date_type not in tuple(DateType):
        raise refusal(DATE_TYPE, expected=" ou ".join(DateType), found=date_type[:40], where=path_of(body))
    owner = _text(body, "psOwnerId")
    if len(owner) > LONGEST_IDENTIFIER:
        found = f"{len(owner)} caractères"
        raise refusal(OWNER, expected=f"{LONGEST_IDENTIFIER} caractères au plus", found=found, where=path_of(body))
    return PatientListRequest(_start(body), DateType(date_type), owner)


def patient_list_response(status: str, context: str, listed: Iterable[AuthorisedRecord] = ()) -> etree._Element:
    """Build patientListResponse. status: DMPOk or an error code. listed: the patients, in the order given."""
    return _E.patientListResponse(_E.output(*map(_data, listed), _E.status(status), _E.context(context)))


def _start(body: etree._Element) -> datetime | None:
    value = _text(body, "startDate")
    if not value:
        return None
    try:
        if not (len(value) == 14 and value.isascii() and value.isdigit()):
            raise ValueError
        return datetime.strptime(value, _INSTANT).replace(tzinfo=UTC)
    except ValueError:
        raise refusal(START, expected="14 chiffres", found=value[:40], where=path_of(body)) from None


def _data(listed: AuthorisedRecord) -> etree._Element:
    record, name = listed.record, listed.record.traits.name
    identifiers = [
        _E.patientIdentifier(_E.nationalId(ins.value), _E.nationalIdType(ins.authority)) for ins in record.shown
    ]
    return _E.patientlistData(
        *identifiers,
        *_filled(
            ("lastName", name.used or name.birth),
            ("patronymicalName", name.birth),
            ("firstName", name.given),
            ("civility", name.prefix),
            ("dateOfBirth", record.traits.birth_date),
        ),
        _E.MT(_boolean(listed.treating_doctor)),
        _E.message(_boolean(listed.has_news)),
        *_filled(
            ("lastAccessDate", _instant(listed.last_access)),
            ("lastUpdateDate", _instant(listed.last_update)),
            ("lastAddDate", _instant(listed.last_add)),
        ),
    )


def _filled(*values: tuple[str, str]) -> Sequence[etree._Element]:
    return [_E(name, value) for name, value in values if value]


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _instant(value: datetime | None) -> str:
    return f"{value.astimezone(UTC):{_INSTANT}}" if value else ""


def _text(body: etree._Element, name: str) -> str:
    """The text of a child, empty when it is missing; the schema allows one."""
    return (body.findtext(f"{{{PATIENTS}}}{name}") or "").strip()
