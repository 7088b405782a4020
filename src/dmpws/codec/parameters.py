"""The parameters file of the DMP: what LPS read every week (GI-DMP EX_GEN-1540)."""

from collections.abc import Mapping

from lxml import etree

from dmpws.xml.parser import parse
from dmpws.xml.text import text_of

LIST = "param-si-dmp"


def write_parameters(values: Mapping[str, str]) -> bytes:
    """The file with these values, by code."""
    root = etree.Element("dmp-parameters")
    parameters = etree.SubElement(root, "parameter-list", code=LIST)
    for code, value in values.items():
        etree.SubElement(etree.SubElement(parameters, "parameter", code=code), "value").text = value
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def read_parameters(octets: bytes) -> dict[str, str]:
    """The values by code; a parameter without value is absent. Raises Refused when it is not XML."""
    found = parse(octets).iterfind(f"parameter-list[@code='{LIST}']/parameter")
    return {p.get("code", ""): text_of(value) for p in found if (value := p.find("value")) is not None}
