"""What an answer says in one word, whatever carries it."""

from lxml import etree

from dmpws.domain.errors import Carrier
from dmpws.xml.names import HABILITATIONS, HL7, PATIENTS, RS, SOAP


def verdict(body: etree._Element) -> tuple[str, str]:
    """Carrier and code of a Body child: AA, DMPOk, Success, or the first error code; "" when it is no answer."""
    if body.tag == f"{{{SOAP}}}Fault":
        values = [value.text or "" for value in body.iter(f"{{{SOAP}}}Value")]
        return Carrier.FAULT, values[-1].strip().rpartition(":")[2] if values else ""
    for namespace in (HABILITATIONS, PATIENTS):
        if body.tag.startswith(f"{{{namespace}}}"):
            return Carrier.STATUS, body.findtext(f".//{{{namespace}}}status") or ""
    if (acknowledgement := body.find(f".//{{{HL7}}}acknowledgement")) is not None:
        code = acknowledgement.find(f"{{{HL7}}}acknowledgementDetail/{{{HL7}}}code")
        kind = acknowledgement.find(f"{{{HL7}}}typeCode")  # NE2008: an element
        plain = acknowledgement.get("typeCode", "") if kind is None else kind.get("code", "")
        return Carrier.ACKNOWLEDGEMENT, plain if code is None else code.get("code", "")
    error = next(body.iter(f"{{{RS}}}RegistryError"), None)
    status = next((e.get("status", "") for e in body.iter() if e.get("status")), "").rpartition(":")[2]
    return Carrier.REGISTRY, status if error is None else error.get("errorCode", "")
