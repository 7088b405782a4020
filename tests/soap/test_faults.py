"""How a fault is written."""

from lxml import etree

from dmpws.soap.faults import FaultCode, SoapFault, must_understand, xml_attribute, xml_text
from dmpws.xml.names import SOAP, WSA


def read(fault: SoapFault) -> etree._Element:
    return etree.fromstring(f'<e xmlns:soap="{SOAP}">{fault.to_xml()}</e>')[0]


def test_subcodes_nest_and_their_prefixes_are_bound() -> None:
    fault = read(SoapFault(FaultCode.SENDER, "<non>", subcodes=[f"{{{WSA}}}One", f"{{{SOAP}}}Two"]))
    values = fault.findall(f"{{{SOAP}}}Code//{{{SOAP}}}Value")
    assert [v.text for v in values] == ["soap:Sender", "wsa:One", "soap:Two"]
    assert values[1].nsmap["wsa"] == WSA
    nested = fault.find(f"{{{SOAP}}}Code/{{{SOAP}}}Subcode/{{{SOAP}}}Subcode/{{{SOAP}}}Value")
    assert nested is not None and nested.text == "soap:Two"
    assert fault.findtext(f"{{{SOAP}}}Reason/{{{SOAP}}}Text") == "<non>"


def test_without_detail_there_is_no_detail_element() -> None:
    assert read(SoapFault(FaultCode.RECEIVER, "x")).find(f"{{{SOAP}}}Detail") is None


def test_texts_are_legal_short_and_escaped() -> None:
    assert xml_text("a\x00\ud800<&") == "a\ufffd\ufffd&lt;&amp;"
    assert xml_attribute("\"\x1b'") == '"&quot;\ufffd\'"'
    assert len(xml_text("é" * 5000)) == 1000
    assert xml_text("é" * 5000).endswith("…")


def test_the_outcome_is_the_most_specific_code() -> None:
    assert SoapFault(FaultCode.SENDER, "", subcodes=[f"{{{WSA}}}A", f"{{{WSA}}}B"]).outcome == "B"
    assert must_understand(["{urn:x}y"]).outcome == "MustUnderstand"


def test_namespaces_of_headers_not_understood_are_escaped() -> None:
    (header,) = must_understand(["{urn:x?a&b}y"]).headers
    element = etree.fromstring(header)
    assert (element.get("qname"), element.nsmap["h"]) == ("h:y", "urn:x?a&b")
