"""TD0.4 from the client's side."""

from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.client.habilitations import StatusAnswer
from dmpws.domain.authorised import DateType
from dmpws.domain.patient import Ins
from dmpws.xml.names import PATIENTS

_E = ElementMaker(namespace=PATIENTS, nsmap={None: PATIENTS})
_P = f"{{{PATIENTS}}}"
_INSTANT = "%Y%m%d%H%M%S"


@dataclass(frozen=True, slots=True)
class ListedPatient:
    """One patientlistData. birth_date: as received. Instants are aware UTC, None where the answer has none.

    identifiers: the INS-C first, then the NIR. news: `message`, a document came after my last access.
    """

    identifiers: tuple[Ins, ...]
    used_name: str
    birth_name: str
    given: str
    civility: str
    birth_date: str
    treating_doctor: bool
    news: bool
    last_access: datetime | None
    last_update: datetime | None
    last_add: datetime | None


@dataclass(frozen=True, slots=True)
class PatientList(StatusAnswer):
    """Answer of TD0.4: the status, and the patients when it is DMPOk."""

    patients: tuple[ListedPatient, ...] = ()


def list_request(since: datetime | None, date_type: DateType, owner: str) -> etree._Element:
    """Build patientList. since: aware, None for all. owner: PS_IdNat of a colleague, or empty."""
    start = [_E.startDate(since.astimezone(UTC).strftime(_INSTANT))] if since is not None else []
    return _E.patientList(*start, _E.dateType(date_type), *([_E.psOwnerId(owner)] if owner else []))


def list_answer(body: etree._Element) -> PatientList:
    """Read patientListResponse."""
    output = f"{_P}output"
    return PatientList(
        body.findtext(f"{output}/{_P}status") or "",
        body.findtext(f"{output}/{_P}context") or "",
        tuple(map(_patient, body.iterfind(f"{output}/{_P}patientlistData"))),
    )


def _patient(data: etree._Element) -> ListedPatient:
    def text(name: str) -> str:
        return data.findtext(f"{_P}{name}") or ""

    def instant(name: str) -> datetime | None:
        value = text(name)
        return datetime.strptime(value, _INSTANT).replace(tzinfo=UTC) if value else None

    return ListedPatient(
        tuple(
            Ins(i.findtext(f"{_P}nationalId") or "", i.findtext(f"{_P}nationalIdType") or "")
            for i in data.iterfind(f"{_P}patientIdentifier")
        ),
        text("lastName"),
        text("patronymicalName"),
        text("firstName"),
        text("civility"),
        text("dateOfBirth"),
        text("MT") == "true",
        text("message") == "true",
        instant("lastAccessDate"),
        instant("lastUpdateDate"),
        instant("lastAddDate"),
    )
