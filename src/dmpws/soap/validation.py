"""Validation of messages with XSD: the project's own, or those of a folder of official ones.

Everything is compiled once, before the workers are forked. lxml keeps the error log of a validation on the schema,
where another thread overwrites it: a lock per schema covers the validation and the reading of its log.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree

from dmpws.domain.checks import Report, Rule
from dmpws.resources import folder
from dmpws.soap.official_schemas import official_bodies
from dmpws.soap.schema_messages import Problem, problem_of
from dmpws.xml.names import DS, GDP, HABILITATIONS, HL7, LCM, PATIENTS, QUERY, RMD, RS, SAML, SOAP, SOAP11, XDSB
from dmpws.xml.path import path_of
from dmpws.xml.xop import INCLUDE


def _rule(name: str, title: str, reference: str) -> Rule:
    return Rule(f"SCHEMA-{name}", title, reference, "DMPInvalidRequest")


UNKNOWN = _rule("UNKNOWN", "Ce message fait partie d'un contrat", "SOAP12 5.3")
SIZE = _rule("SIZE", "Le message a un nombre raisonnable d'éléments", "DMPWS LIMITS")
RECORD = _rule("GDP", "Le message suit le schéma de la gestion des dossiers", "DMP-WSDL GestionDossierPatientPartage")
SEARCH = _rule("PDQ", "Le message suit le schéma de la recherche de patients", "DMP-WSDL PDQSupplier")
FEED = _rule("FEED", "Le message suit le schéma de l'alimentation en patients", "ITI TF-2 3.44")
XDS = _rule("XDSB", "Le message suit les schémas XDS.b", "DMP-WSDL XDS.b_DocumentRepository")
LOT_BODY = Rule("SCHEMA-ITI41", "Un lot suit les schémas XDS.b", "ITI TF-2 3.42.4.1.3", "XDSRegistryMetadataError")
"""A lot is refused with the code that ITI-41 has for it."""
RIGHTS = _rule("HABILITATIONS", "Le message suit le schéma des habilitations", "DMP-WSDL Habilitations")
SPECIFIC = _rule("PATIENTS", "Le message suit le schéma des services propres au DMP", "DMP-WSDL PatientsSpecific")
TOKEN = _rule("VIHF", "Le VIHF a la forme d'une assertion SAML 2.0 du DMP", "SAML2 2.3")
HEADER = _rule("HEADER", "L'en-tête SOAP suit WS-Addressing et WS-Security", "WSA10 3")
CDA = _rule("CDA", "L'en-tête du document suit CDA R2", "CI-SIS SM 3.5")
LOT = _rule("LOT", "La signature du lot suit XML-DSig et XAdES 1.1.1", "XADES 7.2")

_NE2009 = "hl7v3/gdp-messages.xsd"
_NE2008 = "hl7v3/pdq-messages.xsd"
_FEED = "hl7v3/ihe-messages.xsd"
_GDP = "dmp/gdp.xsd"
_XDSB = "ihe/xds-b.xsd"
_RIGHTS = "dmp/habilitations.xsd"
_PATIENTS = "dmp/patients.xsd"

_SPECIFIC = (
    *("patientList", "createPatientAccess", "patientOTPUpdate", "updatePatientAccess"),
    "identityCertification",
)

BODIES: Mapping[str, tuple[str, Rule]] = {
    **{f"{{{HL7}}}PRPA_IN201{n}UV02": (_NE2009, RECORD) for n in (307, 308, *range(311, 317))},
    **{f"{{{HL7}}}PRPA_IN201{n}UV02": (_NE2008, SEARCH) for n in (305, 306)},
    **{f"{{{HL7}}}PRPA_IN201{n}UV02": (_FEED, FEED) for n in (301, 302, 304)},
    f"{{{HL7}}}MCCI_IN000002UV01": (_FEED, FEED),
    **{f"{{{GDP}}}PRPA_IN201{n}UV02_Response": (_GDP, RECORD) for n in (311, 314)},
    f"{{{XDSB}}}ProvideAndRegisterDocumentSetRequest": (_XDSB, LOT_BODY),
    f"{{{XDSB}}}RetrieveDocumentSetRequest": (_XDSB, XDS),
    f"{{{XDSB}}}RetrieveDocumentSetResponse": (_XDSB, XDS),
    f"{{{RS}}}RegistryResponse": (_XDSB, XDS),
    f"{{{LCM}}}SubmitObjectsRequest": (_XDSB, XDS),
    f"{{{LCM}}}RemoveObjectsRequest": (_XDSB, XDS),
    f"{{{RMD}}}RemoveDocumentsRequest": ("ihe/rmd.xsd", XDS),
    f"{{{QUERY}}}AdhocQueryRequest": (_XDSB, XDS),
    f"{{{QUERY}}}AdhocQueryResponse": (_XDSB, XDS),
    **{
        f"{{{HABILITATIONS}}}{name}{end}": (_RIGHTS, RIGHTS)
        for name in ("setAuthorization", "listAuthorizationByPatient")
        for end in ("", "Response")
    },
    **{f"{{{PATIENTS}}}{name}{end}": (_PATIENTS, SPECIFIC) for name in _SPECIFIC for end in ("", "Response")},
}
"""Every Body child of the interface: its schema, under schemas/, and the rule that it follows it."""

PARTS: Mapping[str, tuple[str, Rule]] = {
    f"{{{SAML}}}Assertion": ("security/vihf.xsd", TOKEN),
    f"{{{SOAP}}}Header": ("soap/envelope.xsd", HEADER),
    f"{{{SOAP11}}}Header": ("soap/envelope-1.1.xsd", HEADER),
    f"{{{HL7}}}ClinicalDocument": ("cda/header.xsd", CDA),
    f"{{{DS}}}Signature": ("security/xmldsig.xsd", LOT),
}
"""What is validated apart from the bodies, always with the project's own schemas."""

_DESCRIBED = {**BODIES, **PARTS}


@dataclass(frozen=True, slots=True)
class SchemaLimits:
    """Bounds of what is validated, and of what is said about it.

    lxml computes the path of every error, which takes as long as the element has siblings before it: 9 MB of
    wrong slots under one parent took more than ten minutes.
    """

    elements: int = 100_000
    siblings: int = 5_000
    errors: int = 20


class Schema:
    """One compiled schema, safe to share between threads."""

    def __init__(self, compiled: etree.XMLSchema) -> None:
        self._compiled = compiled
        self._lock = threading.Lock()

    def problems(self, element: etree._Element, most: int) -> list[Problem]:
        """What is wrong with `element`, at most `most` of it; empty when it is valid."""
        with self._lock:
            if self._compiled.validate(element):
                return []
            log: Any = self._compiled.error_log  # lxml-stubs says neither list nor iterable; it is both
            entries = [(e.message, e.line, e.path or "") for e in log[:most]]
        return [problem_of(message, line, path, element) for message, line, path in entries]


class Schemas:
    """The schemas of an installation, compiled.

    own: by file. official: by qualified name of the message, instead of its own one.
    """

    def __init__(
        self, own: Mapping[str, Schema], official: Mapping[str, Schema], limits: SchemaLimits = SchemaLimits()
    ) -> None:
        self._own = own
        self._official = official
        self._limits = limits
        self._too_large: Any = etree.XPath(
            # The first test alone is cheap, and decides for every ordinary message.
            f"count(descendant::*) > {limits.siblings} and "
            f"(count(descendant::*) > {limits.elements} or descendant-or-self::*/*[{limits.siblings + 1}])"
        )

    @classmethod
    def load(cls, official: Path | None = None, limits: SchemaLimits = SchemaLimits()) -> "Schemas":
        """Compile every schema.

        official: folder of official schemas to use for the bodies (see dmpws.soap.official_schemas); what it does
        not describe, and everything around the bodies, is validated with the project's own.
        Raises etree.XMLSchemaParseError, FileNotFoundError.
        """
        base = folder("schemas")
        files = dict.fromkeys(file for file, _ in _DESCRIBED.values())
        own = {file: Schema(etree.XMLSchema(file=str(base / file))) for file in files}
        theirs = {} if official is None else official_bodies(official)
        return cls(own, {name: Schema(compiled) for name, compiled in theirs.items()}, limits)

    def check(self, body: etree._Element, report: Report) -> bool:
        """Validate a Body child, chosen by its qualified name. An xop:Include counts as the octets it stands for."""
        _, rule = BODIES.get(str(body.tag), ("", UNKNOWN))
        with without_includes(body):
            valid = self._check(body, rule, report)
            # The official package describes what is in a wrapper of TD1.x, not the wrapper.
            wrapper = valid and body.tag not in self._official
            wrapped = [child for child in body if child.tag in self._official] if wrapper else []
            return valid and all(self._check(child, rule, report) for child in wrapped)

    def check_vihf(self, assertion: etree._Element, report: Report) -> bool:
        """Validate the form of a VIHF; what it must say is the business of dmpws.vihf."""
        return self._check(assertion, TOKEN, report)

    def check_header(self, header: etree._Element, report: Report) -> bool:
        """Validate a SOAP 1.2 (or 1.1, DMPWS D25) Header: addressing and security, the assertion left aside."""
        return self._check(header, HEADER, report)

    def check_cda_header(self, document: etree._Element, report: Report) -> bool:
        """Validate the header of a ClinicalDocument and the kind of its body."""
        return self._check(document, CDA, report)

    def check_lot_signature(self, signature: etree._Element, report: Report) -> bool:
        """Validate the form of the signature of a lot."""
        return self._check(signature, LOT, report)

    def _check(self, element: etree._Element, rule: Rule, report: Report) -> bool:
        name, limits = str(element.tag), self._limits
        file, described_by = _DESCRIBED.get(name, ("", None))
        if described_by is not rule:
            return report.require(False, rule, found=name, where=path_of(element))
        if self._too_large(element):
            expected = f"au plus {limits.elements} éléments, {limits.siblings} dans le même parent"
            return report.require(False, SIZE, expected=expected, found="davantage", where=path_of(element))
        problems = (self._official.get(name) or self._own[file]).problems(element, limits.errors)
        for p in problems:
            report.failed(rule, expected=p.expected, found=p.found, where=p.where, text=p.text)
        if not problems:
            report.passed(rule, found=etree.QName(element).localname)
        return not problems


@contextmanager
def without_includes(body: etree._Element) -> Iterator[None]:
    """Take each xop:Include out of its Document while the body is validated.

    In the infoset that the contract describes there is no Include, there are octets (XOP 1.0 section 3), and base64
    may be empty. Elsewhere than in a Document an Include stays, and is refused.
    """
    documents = list(body.iter(f"{{{XDSB}}}Document"))
    held = [(document, include) for document in documents for include in document.findall(INCLUDE)]
    for document, include in held:
        document.remove(include)
    try:
        yield
    finally:
        for document, include in held:
            document.append(include)
