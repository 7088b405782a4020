"""Validation against the official schemas, for those who have them (`DMPWS_REFERENCE`); the project ships none."""

from functools import cache
from pathlib import Path

from lxml import etree

from dmpws.domain.checks import Report
from dmpws.soap.validation import Schemas


@cache
def official_schemas(reference: Path) -> Schemas:
    """The official schemas, compiled once per process (0.7 s).

    reference: the folder of official material. TD1.5 left the official package in 2024, and the wrappers of the answers
    to TD1.x cannot be compiled from it: these are validated with the project's own schemas.
    """
    return Schemas.load(reference / "contracts" / "dmp" / "schema")


def errors(body: etree._Element, reference: Path) -> list[str]:
    """What the official schemas find wrong in a Body child; empty when it is valid."""
    report = Report()
    official_schemas(reference).check(body, report)
    return [f"{check.message} {check.where}" for check in report.failures]
