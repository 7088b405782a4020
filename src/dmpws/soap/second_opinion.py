"""A second, independent validator for `frame check` and conformance: the xmlschema package on the same schemas.

It shares no code with libxml2, so a schema that says two things, or a message at the edge of what XSD means, shows as a
difference of verdicts. It is some fifty times slower and never on the path of a call. One difference is known and
wanted: it looks into base64, libxml2 skips what is not base64 in it.
"""

import threading
from itertools import islice
from typing import Any

import xmlschema
from lxml import etree

from dmpws.domain.checks import Report, Rule
from dmpws.resources import folder
from dmpws.soap.schema_messages import Problem, place, shown
from dmpws.soap.validation import BODIES, PARTS, UNKNOWN, without_includes

SECOND = Rule("SCHEMA-SECOND", "Un second validateur trouve le message conforme", "DMPWS SCHEMAS", "DMPInvalidRequest")
_DESCRIBED = {**BODIES, **PARTS}


class SecondOpinion:
    """Schemas compiled when they are first needed (0.05 to 1 s each); may be shared between threads."""

    def __init__(self, errors: int = 20) -> None:
        self._errors = errors
        self._schemas: dict[str, Any] = {}
        self._lock = threading.Lock()

    def check(self, element: etree._Element, report: Report) -> bool:
        """Validate a Body child, a VIHF, a SOAP Header, a CDA document or a lot signature, chosen by its name."""
        if element.tag not in _DESCRIBED:
            return report.require(False, UNKNOWN, found=str(element.tag))
        problems = self.problems(element)
        for problem in problems:
            report.failed(SECOND, where=problem.where, text=problem.text)
        if not problems:
            report.passed(SECOND, found=etree.QName(element).localname)
        return not problems

    def problems(self, element: etree._Element) -> list[Problem]:
        """What this validator holds against `element`. Raises KeyError when no schema describes it."""
        file, _ = _DESCRIBED[str(element.tag)]
        # Prefixes declared above `element` are in scope in it (xsi:type), which xmlschema does not see by itself.
        inherited = {prefix or "": uri for prefix, uri in element.nsmap.items()}
        found: list[Problem] = []
        with without_includes(element), self._lock:
            try:
                for error in islice(self._schema(file).iter_errors(element, namespaces=inherited), self._errors):
                    found.append(_problem(error.reason or str(error), error.elem, element))
            except xmlschema.XMLSchemaException as error:  # an xsi:type that does not exist ends the validation
                found.append(_problem(str(error), None, element))
        return found

    def _schema(self, file: str) -> Any:
        if file not in self._schemas:
            self._schemas[file] = xmlschema.XMLSchema10(str(folder("schemas") / file), allow="local")
        return self._schemas[file]


def _problem(reason: str, element: Any, root: etree._Element) -> Problem:
    at: Any = element if isinstance(element, etree._Element) else root
    return Problem(f"Second validateur : {shown(reason)}", where=place(at, at.sourceline))
