"""Requests as an LPS sends them, and tree comparison."""

from collections.abc import Iterator

from lxml import etree

from dmpws.xml.parser import parse

HEAD = """
<id root="1.2.250.1.999.1.1.7898" extension="1633a409-3d61-4869-aed8-74d92ae20272"/>
<creationTime value="20261121120000"/>
<interactionId root="2.16.840.1.113883.1.6" extension="{interaction}"/>
<processingCode code="D"/><processingModeCode code="T"/><acceptAckCode code="AL"/>
<receiver typeCode="RCV"><device classCode="DEV" determinerCode="INSTANCE">
  <id root="1.2.250.1.213.4.1.1.1"/><softwareName>DMP</softwareName></device></receiver>
<sender typeCode="SND"><device classCode="DEV" determinerCode="INSTANCE">
  <id root="1.2.250.1.999.1.1.7898"/><softwareName>dmpws kit</softwareName></device></sender>
"""
QUERY = """<PRPA_IN201307UV02 xmlns="urn:hl7-org:v3" ITSVersion="XML_1.0">{head}
<attentionLine xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>
<controlActProcess classCode="CACT" moodCode="EVN">
<reasonCode code="TEST_EXST" codeSystem="1.2.250.1.213.1.1.4.11"/>
<queryByParameter><queryId root="1.2.250.1.999.1.2" extension="87d5fd8f-72b2-43bf-938c-0402bf850d25"/>
<statusCode code="new"/>
<parameterList><patientIdentifier><value root="1.2.250.1.213.1.4.10" extension="279035121518989"/>
<semanticsText>Patient.id</semanticsText></patientIdentifier></parameterList></queryByParameter>
</controlActProcess></PRPA_IN201307UV02>"""
CREATION = """<PRPA_IN201311UV02 xmlns="urn:hl7-org:v3" ITSVersion="XML_1.0"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{head}
<controlActProcess classCode="CACT" moodCode="EVN">
<reasonCode code="CREA_RD" codeSystem="1.2.250.1.213.1.1.4.11"/>
<subject typeCode="SUBJ"><registrationRequest classCode="REG" moodCode="RQO"><statusCode code="active"/>
<subject1 typeCode="SBJ"><patient classCode="PAT">
<id root="1.2.250.1.213.1.4.10" extension="277076322082910"/><statusCode code="active"/>
<patientPerson>
  <name><prefix>Mme</prefix><family qualifier="SP">DE VINCI</family><family qualifier="BR">NESSI</family>
    <given>RUTH</given></name>
  <telecom use="HP" value="tel:0102030405"/><telecom value="mailto:ruth@example.org"/>
  <administrativeGenderCode code="F"/><birthTime value="19770714"/>
  <addr><streetAddressLine>1 rue
     de la Paix</streetAddressLine><additionalLocator>bat. A</additionalLocator><postalCode>75002</postalCode>
    <city>PARIS</city><country>FRA</country></addr>
  <contactParty classCode="CON"><code code="CARTE_SESAM_VITALE" codeSystem="1.2.250.1.213.4.1.2.5"/>
    <telecom nullFlavor="NI"/><contactPerson><name><family qualifier="BR">NESSI</family><given>RUTH I</given></name>
    <birthTime value="19770714"/></contactPerson></contactParty>
  <personalRelationship classCode="PRS"><code code="MTH" codeSystem="2.16.840.1.113883.1.11.19579"/>
    <telecom value="tel:0607080910"/>
    <relationshipHolder1 classCode="PSN" determinerCode="INSTANCE"><name><family qualifier="BR">NESSI</family>
    <given>NATHALIE</given></name></relationshipHolder1></personalRelationship>
  <birthPlace><addr><country>FRA</country></addr></birthPlace>
</patientPerson>
<providerOrganization classCode="ORG" determinerCode="INSTANCE" xsi:nil="true"/>
<subjectOf typeCode="SBJ"><administrativeObservation classCode="OBS" moodCode="EVN">
  <code code="CONSENTEMENT_OUVERTURE_DMP" codeSystem="1.2.250.1.213.4.1.2.3"/><effectiveTime value="20261121"/>
  <value xsi:type="BL" value="true"/></administrativeObservation></subjectOf>
<subjectOf typeCode="SBJ"><administrativeObservation classCode="OBS" moodCode="EVN">
  <code code="OPPOSITION_BRIS_DE_GLACE" codeSystem="1.2.250.1.213.4.1.2.3"/>
  <value xsi:type="BL" value="true"/></administrativeObservation></subjectOf>
</patient></subject1>
<author typeCode="AUT"><assignedEntity classCode="ASSIGNED">
  <id root="1.2.250.1.71.4.2.1" extension="899900063480"/>
  <assignedPerson classCode="PSN" determinerCode="INSTANCE"><name><family>LIBRE</family><given>MAX</given></name>
  </assignedPerson>
  <representedOrganization classCode="ORG" determinerCode="INSTANCE">
    <id root="1.2.250.1.71.4.2.2" extension="499900063480001"/><name>CABINET DR LIBRE</name>
    <contactParty classCode="CON"/></representedOrganization>
</assignedEntity></author>
</registrationRequest></subject></controlActProcess></PRPA_IN201311UV02>"""


def query(*changes: tuple[str, str]) -> etree._Element:
    """A PRPA_IN201307UV02; each change is a text and what replaces it."""
    return _message(QUERY, "PRPA_IN201307UV02", changes)


def creation(*changes: tuple[str, str]) -> etree._Element:
    """A PRPA_IN201311UV02 with all that an LPS may say, changed likewise."""
    return _message(CREATION, "PRPA_IN201311UV02", changes)


def _message(template: str, interaction: str, changes: tuple[tuple[str, str], ...]) -> etree._Element:
    text = template.format(head=HEAD.format(interaction=interaction))
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return parse(text.encode())


def flat(element: etree._Element) -> Iterator[tuple[str, dict[str, str], str]]:
    """Name, attributes and text of each element in document order: what two messages are compared by."""
    for node in element.iter(etree.Element):
        yield str(node.tag), dict(node.attrib), (node.text or "").strip()
