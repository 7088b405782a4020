"""Official rules of CDA documents, in a folder that the operator names: they are not ours to ship (DMPWS D17).

The folder may have any layout; files are known by their names: `CDA_extended.xsd` with what it includes and, for
the level `schematron`, the rules and stages that dmpws.soap.schematron lists.
"""

import importlib.util
from collections.abc import Callable
from pathlib import Path

from lxml import etree

from dmpws.domain.checks import Report, Rule
from dmpws.soap.schematron import Schematrons
from dmpws.soap.validation import Schema, SchemaLimits, Schemas

_REPOSITORY = "XDSRepositoryMetadataError"
XSD = Rule("CDA-XSD", "Le document suit CDA_extended.xsd", "GI-DMP EX_2.1-1071", _REPOSITORY)
SCHEMATRON = Rule("CDA-SCHEMATRON", "Le document suit les schématrons du CI-SIS", "GI-DMP EX_2.1-1071", _REPOSITORY)

_MOST = SchemaLimits().errors

CheckCda = Callable[[etree._Element, Report], bool]


def cda_checker(level: str, folder: str, schemas: Schemas) -> CheckCda:
    """Return what checks a ClinicalDocument at a level: header, xsd or schematron, each after the ones before.

    Raises FileNotFoundError when the folder lacks the files, OSError when Saxon is not installed.
    """
    if level not in ("xsd", "schematron"):
        return schemas.check_cda_header
    if not folder:
        raise FileNotFoundError(f"cda={level} needs cda_schemas, the folder of the official CDA files")
    schema = Schema(etree.XMLSchema(file=str(_schema_file(Path(folder)))))
    rules = _schematrons(Path(folder)) if level == "schematron" else None

    def check(document: etree._Element, report: Report) -> bool:
        if not schemas.check_cda_header(document, report):
            return False  # what it says bounds what libxml2 spends on the paths of errors
        problems = schema.problems(document, _MOST)
        for p in problems:
            report.failed(XSD, expected=p.expected, found=p.found, where=p.where, text=p.text)
        broken = rules.problems(document, _MOST) if rules is not None and not problems else []
        for text, where in broken:
            report.failed(SCHEMATRON, found=text[:500], where=where[-200:])
        return not problems and not broken

    return check


def _schema_file(folder: Path) -> Path:
    found = sorted(folder.rglob("CDA_extended.xsd"))
    if not found:
        raise FileNotFoundError(f"{folder} has no CDA_extended.xsd: not the folder of the official CDA files")
    return found[0]


def _schematrons(folder: Path) -> Schematrons:
    if importlib.util.find_spec("saxonche") is None:
        raise OSError("cda=schematron needs Saxon: pip install 'dmpws[schematron]'")
    return Schematrons(folder)
