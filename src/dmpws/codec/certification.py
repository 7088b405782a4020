"""TD0.0: the answer of the service that certified a patient's identity (DMP-WSDL patientCertif)."""

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.xml.names import PATIENTS

_E = ElementMaker(namespace=PATIENTS, nsmap={None: PATIENTS})


def certification_response(status: str, context: str) -> etree._Element:
    """Build identityCertificationResponse."""
    return _E.identityCertificationResponse(_E.output(_E.status(status), _E.context(context)))
