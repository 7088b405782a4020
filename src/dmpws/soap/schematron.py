"""Official Schematron of CDA models, with Saxon: an optional extra (`dmpws[schematron]`), slow and large.

XSLT 2 has no other implementation that runs them. The stages of ISO Schematron are style sheets that come with the
rules. Nothing is loaded before the first document: Saxon must be started after the fork of the workers, takes about
150 MB, and compiles the rules of the header in some fifteen seconds. One document at a time.
"""

import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from dmpws.xml.names import HL7
from dmpws.xml.parser import XmlLimits, parse

journal = logging.getLogger("dmpws.schematron")

_STAGES = ("iso_dsdl_include.xsl", "iso_abstract_expand.xsl", "iso_svrl_for_xslt2.xsl")
_ALWAYS = (
    "ASIP-STRUCT-MIN-StrucMin.sch",
    "IHE.sch",
    "CI-SIS_ModelesDeContenusCDA.sch",
    "CI-SIS_Modeles_ANS.sch",
    "terminologie.sch",
)
"""What every document must pass (GI-DMP EX_2.1-1071), in this order; those that the folder has."""
_MODELS = "CI-SIS_*_*.sch"
_TEMPLATE = re.compile(r"templateId(?:\[|/)@root\s*=\s*['\"](1\.2\.250\.1\.213\.1\.1\.1\.[\d.]+)['\"]")
_HEADER_INCLUDE = re.compile(r"<include\s+href=\"([^\"]*/Entete/[^\"]*)\"")
_CI_SIS = "1.2.250.1.213.1.1.1.1"
_SVRL = "{http://purl.oclc.org/dsdl/svrl}"
_REPORT_LIMITS = XmlLimits(octets=256 * 1024 * 1024, tags=10_000_000, depth=100)


class Schematrons:
    """The rules of a folder, found by the names of their files wherever they are in it.

    Raises FileNotFoundError when the stages or the rules of the header are missing.
    """

    def __init__(self, folder: Path) -> None:
        self._stages = [_only(folder, name) for name in _STAGES]
        self._always = [_only(folder, _ALWAYS[0])]
        self._always += [file for name in _ALWAYS[1:] for file in sorted(folder.rglob(name))[:1]]
        self._models = sorted(
            (file, templates)
            for file in folder.rglob(_MODELS)
            if file.name not in _ALWAYS and (templates := frozenset(_templates(file)))
        )
        self._lock = threading.Lock()
        self._saxon: Any = None
        self._error: type[Exception] = Exception
        self._pipeline: list[Any] = []
        self._compiled: dict[Path, Any] = {}

    def problems(self, document: etree._Element, most: int) -> list[tuple[str, str]]:
        """What breaks the rules: (text, where), at most `most`."""
        octets = etree.tostring(document, with_tail=False).decode()
        found: list[tuple[str, str]] = []
        with self._lock:
            self._start()
            source = self._saxon.parse_xml(xml_text=octets)
            for file in self.files_for(document):
                found += self._failures_of(file, source)
                if len(found) >= most:
                    break
        return found[:most]

    def _failures_of(self, file: Path, source: Any) -> list[tuple[str, str]]:
        try:
            answer = self._rules(file).transform_to_string(xdm_node=source)
        except self._error as error:
            # A value set the folder lacks, mostly: not the depositor's fault.
            journal.error("%s cannot be applied: %s", file.name, " ".join(str(error).split())[:500])
            return []
        return list(_failures(parse(answer.encode(), _REPORT_LIMITS)))

    def files_for(self, document: etree._Element) -> list[Path]:
        """The rules of every document, then those of its model: of its version if there are, else the newest."""
        ids = [(t.get("root", ""), t.get("extension", "")) for t in document.iterchildren(f"{{{HL7}}}templateId")]
        for root, version in ids:
            files = [file for file, templates in self._models if root in templates]
            if files:
                of_version = [file for file in files if version and version in file.name]
                return [*self._always, (of_version or files)[-1]]
        return list(self._always)

    def _start(self) -> None:
        if self._saxon is not None:
            return
        from saxonche import PySaxonApiError, PySaxonProcessor  # noqa: PLC0415  large, and only this level needs it

        self._error = PySaxonApiError
        self._saxon = PySaxonProcessor(license=False)
        compiler = self._saxon.new_xslt30_processor()
        self._pipeline = [compiler.compile_stylesheet(stylesheet_file=str(file)) for file in self._stages]

    def _rules(self, file: Path) -> Any:
        if file not in self._compiled:
            node = self._saxon.parse_xml(xml_file_name=str(file))
            for stage in self._pipeline:
                node = stage.transform_to_value(xdm_node=node).head
            # Value sets are opened beside the rules, wherever the compiled form is.
            text = str(node).replace("<xsl:stylesheet ", f'<xsl:stylesheet xml:base="{file.absolute().as_uri()}" ', 1)
            self._compiled[file] = self._saxon.new_xslt30_processor().compile_stylesheet(stylesheet_text=text)
        return self._compiled[file]


def _only(folder: Path, name: str) -> Path:
    found = next(iter(sorted(folder.rglob(name))), None)
    if found is None:
        raise FileNotFoundError(f"{folder} has no {name}: not the folder of the official CDA files")
    return found


def _templates(file: Path) -> Iterator[str]:
    """The templateIds a model demands, in its own file or in the one about the header."""
    text = file.read_text("utf-8")
    headers = (file.parent / href for href in _HEADER_INCLUDE.findall(text))
    for part in (text, *(header.read_text("utf-8") for header in headers if header.is_file())):
        yield from (root for root in _TEMPLATE.findall(part) if root != _CI_SIS)


def _failures(report: etree._Element) -> Iterator[tuple[str, str]]:
    for failed in report.iter(f"{_SVRL}failed-assert"):
        text = " ".join("".join(map(str, failed.itertext())).split())
        yield text, failed.get("location", "").replace("*:", "")
