"""Who speaks in a frame, and of whom, completed from the public cast where the frame says nothing."""

import re

from lxml import etree

from dmpws import cast
from dmpws.domain import oids
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.code import Code
from dmpws.domain.patient import Ins
from dmpws.vihf import token
from dmpws.vihf.issue import Lps, TokenRequest
from dmpws.xml.names import HL7

_INS = re.compile(r"([0-9][0-9AB]{14})\^\^\^&(?:amp;)?([0-9.]+)&(?:amp;)?ISO\^NH")
_DOCTOR = (
    Code("10", oids.PROFESSIONS, "Médecin"),
    Code("SM26", oids.SKILLS, "Qualifié en Médecine Générale (SM)"),
)
LPS = Lps(cast.SOFTWARE.name, "1.0", cast.SOFTWARE.number, "1.2.250.1.999.1.1.7898")
_DEFAULT = TokenRequest(
    AuthMode.DIRECTE, "899900063480", "499900063480001", "SA07", _DOCTOR, cast.PATIENTS["pat-trois"].ins, LPS
)


def request_of(read: token.Token | None) -> TokenRequest:
    """What a VIHF says, completed by a doctor of the cast where it says nothing that can be used."""
    if read is None:
        return _DEFAULT
    mode, purpose = read.text(token.MODE), read.code(token.PURPOSE)
    return TokenRequest(
        mode=AuthMode(mode) if mode in list(AuthMode) else _DEFAULT.mode,
        name_id=read.name_id or _DEFAULT.name_id,
        structure=read.text(token.STRUCTURE) or _DEFAULT.structure,
        sector=read.text(token.SECTOR).partition("^")[0] or _DEFAULT.sector,
        roles=read.codes(token.ROLE) or _DEFAULT.roles,
        patient=ins_in(read.text(token.RESOURCE_ID)) or _DEFAULT.patient,
        lps=LPS,
        purpose=Purpose(purpose.code) if purpose and purpose.code in list(Purpose) else _DEFAULT.purpose,
        subject_id=read.text(token.SUBJECT_ID) or read.name_id,
        reason=read.text(token.REASON) or "Urgence",
        secret_connection=read.has(token.CONFIDENTIALITY),
    )


def ins_in(text: str) -> Ins | None:
    """The first INS of a text, in the form of a resource-id or of an XDS patientId."""
    found = _INS.search(text)
    return Ins(found[1], found[2]) if found else None


def ins_of(body: etree._Element) -> Ins | None:
    """The first INS of a message: an HL7 v3 identifier, or as `ins_in`."""
    for element in body.iter(f"{{{HL7}}}id", f"{{{HL7}}}value"):
        if element.get("root") in oids.NIR_AUTHORITIES | {oids.INS_NIA}:
            return Ins(element.get("extension", ""), element.get("root", ""))
    return ins_in(etree.tostring(body, encoding="unicode"))
