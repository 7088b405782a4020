"""Validation of HL7 v3 messages: our schemas, and the official ones where the reference material is at hand."""

from collections.abc import Callable

import pytest
from lxml import etree

from dmpws.domain.checks import Report
from dmpws.soap.validation import Schemas
from dmpws.testing.official import errors
from dmpws.xml.parser import reparse


@pytest.fixture
def schema_errors(schemas: Schemas, request: pytest.FixtureRequest) -> Callable[[etree._Element], list[str]]:
    """Validate a message against our schemas and the official ones, and return the errors."""
    try:
        reference = request.getfixturevalue("reference")
    except pytest.skip.Exception:
        reference = None

    def validate(message: etree._Element) -> list[str]:
        report = Report()
        schemas.check(reparse(message), report)
        official = errors(message, reference) if reference else []
        return [check.message for check in report.failures] + official

    return validate
