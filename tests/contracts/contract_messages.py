"""Short messages of every kind, written for these tests, with the public fictitious patients.

GOOD: bodies that our schemas accept; the official ones accept them too, but for those of NOT_OFFICIAL. PARTS: what is
validated beside the bodies. BAD: bodies and parts spoiled in one place, and what is said of it.
"""

from dataclasses import dataclass
from textwrap import dedent

HL7 = 'xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
INS = '<id root="1.2.250.1.213.1.4.10" extension="277076322082910"/>'
NAME = '<name><prefix>Mme</prefix><given>RUTH</given><family qualifier="BR">NESSI</family></name>'

_DEVICES = """
  <receiver typeCode="RCV"><device classCode="DEV" determinerCode="INSTANCE">
    <id root="1.2.250.1.213.4.1.1.1"/><softwareName>DMP</softwareName></device></receiver>
  <sender typeCode="SND"><device classCode="DEV" determinerCode="INSTANCE">
    <id root="1.2.250.1.999.1.1.7898"/><softwareName>dmpws kit</softwareName></device></sender>"""

_DETAIL = """<acknowledgementDetail typeCode="E"><code code="DMPClosed"/><text>Le DMP est fermé</text>
    <location>/PRPA_IN201314UV02</location></acknowledgementDetail>"""
_TARGET = '<targetMessage><id root="1.2.250.1.999.1" extension="1"/></targetMessage>'
ACCEPTED = f'<acknowledgement typeCode="AA">{_TARGET}</acknowledgement>'
REFUSED = f'<acknowledgement typeCode="AE">{_TARGET}{_DETAIL}</acknowledgement>'
ACCEPTED_2008 = f'<acknowledgement><typeCode code="AA"/>{_TARGET}</acknowledgement>'
REFUSED_2008 = f'<acknowledgement><typeCode code="AE"/>{_TARGET}{_DETAIL}</acknowledgement>'


def hl7(number: int, act: str, acknowledgement: str = "", attention: str = "") -> str:
    """One HL7 v3 message: `act` is the content of its controlActProcess."""
    name = f"PRPA_IN201{number}UV02"
    codes = ("P", "NE") if acknowledgement else ("D", "AL")
    return f"""<{name} {HL7} ITSVersion="XML_1.0">
  <id root="1.2.250.1.999.1.1.7898" extension="1633a409-3d61-4869-aed8-74d92ae20272"/>
  <creationTime value="20261121120000"/>
  <interactionId root="2.16.840.1.113883.1.6" extension="{name}"/>
  <processingCode code="{codes[0]}"/><processingModeCode code="T"/><acceptAckCode code="{codes[1]}"/>{_DEVICES}
  {attention}{acknowledgement}
  <controlActProcess classCode="CACT" moodCode="EVN">{act}</controlActProcess>
</{name}>"""


def feed(number: int, more: str = "") -> str:
    """A message of the patient feed (ITI-44)."""
    act = f"""<code code="PRPA_TE201{number}UV02" codeSystem="2.16.840.1.113883.1.6"/><subject typeCode="SUBJ">
      <registrationEvent classCode="REG" moodCode="EVN"><id nullFlavor="NA"/><statusCode code="active"/>
      <subject1 typeCode="SBJ"><patient classCode="PAT">{INS}<statusCode code="active"/>
      <patientPerson classCode="PSN" determinerCode="INSTANCE">{NAME}<administrativeGenderCode code="F"/>
      <birthTime value="19770714"/></patientPerson><providerOrganization classCode="ORG" determinerCode="INSTANCE">
      <id root="1.2.250.1.999.1.1"/><contactParty classCode="CON"><telecom value="tel:+33-1"/></contactParty>
      </providerOrganization></patient></subject1><custodian typeCode="CST"><assignedEntity classCode="ASSIGNED">
      <id root="1.2.250.1.999.1.1"/></assignedEntity></custodian>{more}</registrationEvent></subject>"""
    return hl7(number, act)


_SUBSUMED = """<replacementOf typeCode="RPLC"><priorRegistration classCode="REG" moodCode="EVN">
      <statusCode code="obsolete"/><subject1 typeCode="SBJ"><priorRegisteredRole classCode="PAT">
      <id root="1.2.250.1.213.1.4.10" extension="279035121518989"/></priorRegisteredRole></subject1>
      </priorRegistration></replacementOf>"""


def receipt(acknowledgement: str) -> str:
    """MCCI_IN000002UV01, without control act."""
    message = hl7(0, "", acknowledgement).replace("PRPA_IN2010UV02", "MCCI_IN000002UV01")
    return message.partition("<controlActProcess")[0] + "</MCCI_IN000002UV01>"


def reason(code: str) -> str:
    return f'<reasonCode code="{code}" codeSystem="1.2.250.1.213.1.1.4.11" displayName="{code}"/>'


def gdp(number: int, message: str) -> str:
    name = f"PRPA_IN201{number}UV02_Response"
    return f'<g:{name} xmlns:g="asip:ci-sis:gdp:2010">{message}</g:{name}>'


_QUERY = """<queryByParameter><queryId root="1.2.250.1.999.1.2" extension="1"/><statusCode code="new"/>
    <parameterList><dataSource xsi:nil="true"/><patientIdentifier>
      <value root="1.2.250.1.213.1.4.10" extension="277076322082910"/><semanticsText>Patient.id</semanticsText>
    </patientIdentifier></parameterList></queryByParameter>"""

_ATTENTION = """<attentionLine><keyWordText code="AUTORISATION" codeSystem="1.2.250.1.213.4.1.2.6.1"/>
    <value xsi:type="CV" code="VALIDE" codeSystem="1.2.250.1.213.4.1.2.6.2"/></attentionLine>
  <attentionLine><keyWordText code="STATUT_MT" codeSystem="1.2.250.1.213.4.1.2.6.3"/>
    <value xsi:type="BL" value="false"/></attentionLine>"""


def _observation(code: str, value: str = "true", time: str = "") -> str:
    return f"""<subjectOf typeCode="SBJ"><administrativeObservation classCode="OBS" moodCode="EVN">
      <code code="{code}" codeSystem="1.2.250.1.213.4.1.2.3"/>{time}
      <value xsi:type="BL" value="{value}"/></administrativeObservation></subjectOf>"""


_CUSTODIAN = """<custodian typeCode="CST"><assignedEntity classCode="ASSIGNED">
    <id root="1.2.250.1.213.4.1.1.1"/></assignedEntity></custodian>"""


def _event(patient: str, status: str = "completed", closed: str = "") -> str:
    return f"""<subject typeCode="SUBJ" contextConductionInd="false"><registrationEvent classCode="REG" moodCode="EVN">
    <statusCode code="{status}"/>{closed}
    <subject1 typeCode="SBJ"><patient classCode="PAT">{patient}</patient></subject1>{_CUSTODIAN}
    </registrationEvent></subject>"""


_PERSON = f"""<patientPerson classCode="PSN" determinerCode="INSTANCE">{NAME}
    <telecom use="HP" value="tel:0102030405"/><telecom value="mailto:ruth@example.org"/>
    <administrativeGenderCode code="F"/><birthTime value="19770714"/></patientPerson>"""

_FULL_PERSON = f"""<patientPerson>{NAME}<telecom use="MC" value="tel:0602030405"/>
    <administrativeGenderCode code="F"/><birthTime value="19770714"/><deceasedInd value="false"/>
    <addr><streetAddressLine>1 rue de la Paix</streetAddressLine><additionalLocator>bât. A</additionalLocator>
      <postalCode>75002</postalCode><city>PARIS</city><country>FRA</country></addr>
    <contactParty classCode="CON"><code code="CARTE_SESAM_VITALE" codeSystem="1.2.250.1.213.4.1.2.5"/>
      <telecom nullFlavor="NI"/><contactPerson>{NAME}<birthTime value="19770714"/></contactPerson></contactParty>
    <personalRelationship classCode="PRS"><code code="MTH" codeSystem="2.16.840.1.113883.1.11.19579"/>
      <telecom value="tel:0607080910"/><relationshipHolder1 classCode="PSN" determinerCode="INSTANCE">{NAME}
      </relationshipHolder1></personalRelationship>
    <birthPlace><addr><country>FRA</country></addr></birthPlace></patientPerson>"""

_AUTHOR = """<author typeCode="AUT"><assignedEntity classCode="ASSIGNED">
    <id root="1.2.250.1.71.4.2.1" extension="899900063480"/>
    <code code="1.2.250.1.71.4.2.5" displayName="Médecine générale"/>
    <assignedPerson classCode="PSN" determinerCode="INSTANCE"><name><family>LIBRE</family><given>MAX</given></name>
    </assignedPerson>
    <representedOrganization classCode="ORG" determinerCode="INSTANCE">
      <id root="1.2.250.1.71.4.2.2" extension="499900063480001"/><name>CABINET DR LIBRE</name>
      <contactParty classCode="CON"/></representedOrganization></assignedEntity></author>"""

_PROVIDER = '<providerOrganization classCode="ORG" determinerCode="INSTANCE" xsi:nil="true"/>'
_CONSENT = _observation("CONSENTEMENT_OUVERTURE_DMP", time='<effectiveTime value="20261121"/>')
_OPPOSITIONS = _observation("OPPOSITION_BRIS_DE_GLACE", "false") + _observation("OPPOSITION_ACCES_URGENCE", "false")
_CLOSING = """<reasonOf typeCode="RSON"><detectedIssueEvent classCode="ALRT" moodCode="EVN">
    <code code="FERMETURE_DEMANDE_PATIENT" codeSystem="1.2.250.1.213.4.1.2.4"/><text>demande</text>
    </detectedIssueEvent></reasonOf>"""


def _request(patient: str, status: str = "active") -> str:
    return f"""<subject typeCode="SUBJ"><registrationRequest classCode="REG" moodCode="RQO">
    <statusCode code="{status}"/>
    <subject1 typeCode="SBJ"><patient classCode="PAT">{INS}<statusCode code="active"/>{patient}</patient></subject1>
    {_AUTHOR}</registrationRequest></subject>"""


_PARAMETERS = """<queryByParameter><queryId root="1.2.250.1.999.1.2" extension="1"/><statusCode code="new"/>
    <parameterList><livingSubjectAdministrativeGender><value code="F"/>
      <semanticsText>LivingSubject.administrativeGender</semanticsText></livingSubjectAdministrativeGender>
    <livingSubjectBirthTime><value value="19770714"/><semanticsText>LivingSubject.birthTime</semanticsText>
    </livingSubjectBirthTime>
    <livingSubjectName><value use="SRCH"><family>NESSI</family><given>RUTH</given></value>
      <semanticsText>LivingSubject.name</semanticsText></livingSubjectName>
    <patientAddress><value use=""><postalCode>75002</postalCode><city>PARIS</city></value>
      <semanticsText>Patient.addr</semanticsText></patientAddress>
    </parameterList></queryByParameter>"""

_CANDIDATE = f"""{INS}<statusCode code="active"/><patientPerson classCode="PSN" determinerCode="INSTANCE">{NAME}
    <addr><city>PARIS</city><postalCode>75002</postalCode></addr></patientPerson>
    <subjectOf1 typeCode="SBJ"><queryMatchObservation classCode="OBS" moodCode="EVN"><code code="POURCENTAGE"/>
      <value xsi:type="INT" value="98"/></queryMatchObservation></subjectOf1>
    {_observation("OPPOSITION_ACCES_URGENCE", "false").replace("subjectOf", "subjectOf2")}"""


def _ack(code: str, total: int = 0) -> str:
    return f"""<queryAck><queryId root="1.2.250.1.999.1.2" extension="1"/><queryResponseCode code="{code}"/>
    <resultTotalQuantity value="{total}"/><resultCurrentQuantity value="{total}"/>
    <resultRemainingQuantity value="0"/></queryAck>"""


_EVENT_CODE = '<code code="PRPA_TE201305UV02" codeSystem="2.16.840.1.113883.1.6"/>'

# XDS.b

_XDS = (
    'xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0" xmlns:rs="urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0" '
    'xmlns:query="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0" xmlns:xds="urn:ihe:iti:xds-b:2007" '
    'xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"'
)
_STATUS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType"
_SCHEME = "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a"


def slot(name: str, *values: str) -> str:
    return f'<Slot name="{name}"><ValueList>{"".join(f"<Value>{v}</Value>" for v in values)}</ValueList></Slot>'


def _names(title: str) -> str:
    return f'<Name><LocalizedString charset="UTF-8" xml:lang="FR" value="{title}"/></Name>'


_PACKAGE = f"""<RegistryPackage id="SubmissionSet01">{slot("submissionTime", "20261121120000")}{_names("lot")}
    <Classification id="c1" classificationNode="urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"/>
    <ExternalIdentifier id="e1" identificationScheme="urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8" value="1.2.3">
      {_names("XDSSubmissionSet.uniqueId")}</ExternalIdentifier></RegistryPackage>"""

OBJECT = """objectType="urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1" mimeType="text/xml" """


def entry(number: int) -> str:
    """A document entry; the empty slot is what real clients send."""
    return f"""<ExtrinsicObject id="Document0{number}" {OBJECT}>{slot("creationTime", "20261121110000")}
    {slot("repositoryUniqueId")}{_names("Compte rendu")}
    <Classification id="c2" classificationScheme="{_SCHEME}" classifiedObject="Document0{number}"
        nodeRepresentation="10">
      {slot("codingScheme", "1.2.250.1.213.1.1.4.1")}{_names("Compte rendu")}</Classification>
    <ExternalIdentifier id="e2" registryObject="Document0{number}" value="1.2.4.{number}"
        identificationScheme="urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab">{_names("XDSDocumentEntry.uniqueId")}
    </ExternalIdentifier></ExtrinsicObject>"""


_MEMBER = """<Association id="a1" associationType="urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
    sourceObject="SubmissionSet01" targetObject="Document01"/>"""
_ENTRY_ID = "urn:uuid:7953af1a-ba1c-11eb-816f-0050569e422e"
_DELETION = f"""<Association id="a1" associationType="urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus"
    sourceObject="SubmissionSet01" targetObject="{_ENTRY_ID}">
    {slot("OriginalStatus", "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved")}
    {slot("NewStatus", "urn:asip:ci-sis:2010:StatusType:Deleted")}</Association>"""
INCLUDE = '<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:uuid-1@urn%3Aihe"/>'
_ERRORS = """<rs:RegistryErrorList><rs:RegistryError errorCode="DMPClosed" codeContext="Le DMP est fermé"
    severity="urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error" location="/"/></rs:RegistryErrorList>"""


def submission(*objects: str) -> str:
    content = "".join(objects)
    return f"""<lcm:SubmitObjectsRequest {_XDS}>
  <RegistryObjectList>{content}</RegistryObjectList></lcm:SubmitObjectsRequest>"""


def deposit(*documents: str) -> str:
    name = "xds:ProvideAndRegisterDocumentSetRequest"
    return f"<{name} {_XDS}>{submission(_PACKAGE, entry(1), _MEMBER)}{''.join(documents)}</{name}>"


def stored_query(kind: str, *slots: str) -> str:
    return f"""<query:AdhocQueryRequest {_XDS}>
  <query:ResponseOption returnComposedObjects="true" returnType="{kind}"/>
  <AdhocQuery id="urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d">{"".join(slots)}</AdhocQuery>
</query:AdhocQueryRequest>"""


def found(objects: str, status: str = "Success", errors: str = "") -> str:
    return f"""<query:AdhocQueryResponse {_XDS} status="{_STATUS}:{status}">{errors}
  <RegistryObjectList>{objects}</RegistryObjectList></query:AdhocQueryResponse>"""


def _retrieved(*documents: str, status: str = f"{_STATUS}:Success") -> str:
    return f"""<xds:RetrieveDocumentSetResponse {_XDS}><rs:RegistryResponse status="{status}"/>
  {"".join(documents)}</xds:RetrieveDocumentSetResponse>"""


_DOCUMENT = f"""<xds:DocumentResponse><xds:RepositoryUniqueId>1.2.250.1.213.4.1.1.1.2</xds:RepositoryUniqueId>
    <xds:DocumentUniqueId>1.2.4.1</xds:DocumentUniqueId><xds:mimeType>text/xml</xds:mimeType>
    <xds:Document>{INCLUDE}</xds:Document></xds:DocumentResponse>"""


def habilitations(name: str, content: str = "") -> str:
    return f'<{name} xmlns="urn:si-dmp-habilitations">{content}</{name}>'


def patients(name: str, content: str = "") -> str:
    return f'<{name} xmlns="urn:si-dmp-patients">{content}</{name}>'


_ACCESS = "<output><login>ruth</login><password>x</password><status>DMPOk</status></output>"

GOOD: dict[str, str] = {
    # HL7 v3, record administration
    "TD0.2": hl7(307, reason("TEST_EXST") + _QUERY, attention='<attentionLine xsi:nil="true"/>'),
    "TD0.2 found": hl7(
        308,
        reason("TEST_EXST")
        + _event(f'{INS}<statusCode code="active"/>{_PERSON}{_observation("RATTACHEMENT_ENS")}')
        + _ack("OK", 1),
        ACCEPTED,
        _ATTENTION,
    ),
    "TD0.2 closed": hl7(
        308,
        reason("TEST_EXST")
        + _event(f'{INS}<statusCode code="terminated"/>{_PERSON}', closed='<effectiveTime value="20261120101500"/>')
        + _CLOSING
        + _ack("OK", 1),
        ACCEPTED,
    ),
    "TD0.2 not found": hl7(308, reason("TEST_EXST") + _ack("NF"), ACCEPTED),
    "TD0.2 refused": hl7(308, reason("TEST_EXST") + _ack("AE"), REFUSED),
    "TD1.1": hl7(311, reason("CREA_RD") + _request(_FULL_PERSON + _PROVIDER + _CONSENT + _OPPOSITIONS)),
    "TD1.1 created": gdp(
        311,
        hl7(
            312,
            reason("CREA_RD")
            + _event(
                f'{INS}<statusCode code="active"/>'
                f'<patientPerson classCode="PSN" determinerCode="INSTANCE">{NAME}</patientPerson>'
            ),
            ACCEPTED,
        ),
    ),
    "TD1.1 refused": gdp(311, hl7(313, reason("CREA_RD") + _request(_FULL_PERSON + _PROVIDER), REFUSED)),
    "TD1.3b": hl7(314, reason("MODIF_DATA") + _request(_FULL_PERSON + _OPPOSITIONS)),
    "TD1.3b done": gdp(
        314,
        hl7(315, reason("MODIF_DATA") + _event(f'{INS}<statusCode code="active"/>{_PERSON}'), ACCEPTED),
    ),
    "TD1.4": hl7(314, reason("FERM") + _request(_PERSON, "terminated") + _CLOSING),
    "TD1.4 refused": gdp(314, hl7(316, reason("FERM") + _request(_PERSON), REFUSED)),
    # HL7 v3, search
    "TD0.5": hl7(305, _EVENT_CODE + _PARAMETERS),
    "TD0.5 found": hl7(306, _EVENT_CODE + _event(_CANDIDATE, "active") + _ack("OK", 1) + _PARAMETERS, ACCEPTED_2008),
    "TD0.5 refused": hl7(306, _EVENT_CODE + _ack("AE") + _PARAMETERS, REFUSED_2008),
    # XDS.b
    "TD2.1": deposit(f'<xds:Document id="Document01">{INCLUDE}</xds:Document>'),
    "TD2.1 inline": deposit('<xds:Document id="Document01">PENsaW5pY2FsRG9jdW1lbnQvPg==</xds:Document>'),
    "TD2.1 done": f'<rs:RegistryResponse {_XDS} status="{_STATUS}:Success"/>',
    "TD2.1 refused": f'<rs:RegistryResponse {_XDS} status="{_STATUS}:Failure">{_ERRORS}</rs:RegistryResponse>',
    "TD3.1": stored_query(
        "LeafClass", slot("$XDSDocumentEntryPatientId", "'277076322082910^^^&amp;1.2.250.1.213.1.4.10&amp;ISO^NH'")
    ),
    "TD3.1 list": stored_query("ObjectRef", slot("$XDSDocumentEntryEntryUUID", "(" + f"'{_ENTRY_ID}'," * 20 + ")")),
    "TD3.1 found": found(
        entry(1).replace("id=", f'lid="{_ENTRY_ID}" isOpaque="false" status="urn:x:Approved" id=', 1),
    ),
    "TD3.1 references": found(f'<ObjectRef id="{_ENTRY_ID}"/>'),
    "TD3.1 refused": found("", "Failure", _ERRORS),
    "TD3.2": f"""<xds:RetrieveDocumentSetRequest {_XDS}><xds:DocumentRequest>
      <xds:RepositoryUniqueId>1.2.250.1.213.4.1.1.1.2</xds:RepositoryUniqueId>
      <xds:DocumentUniqueId>1.2.4.1</xds:DocumentUniqueId></xds:DocumentRequest></xds:RetrieveDocumentSetRequest>""",
    "TD3.2 read": _retrieved(_DOCUMENT),
    "TD3.2 partly": _retrieved(_DOCUMENT, status="urn:ihe:iti:2007:ResponseStatusType:PartialSuccess"),
    "TD3.2 refused": _retrieved(status=f"{_STATUS}:Failure"),
    "TD3.3c": submission(_PACKAGE, _DELETION),
    "ITI-44 add": feed(301),
    "ITI-44 revise": feed(302),
    "ITI-44 merge": feed(304, _SUBSUMED),
    "ITI-44 accepted": receipt(f'<acknowledgement><typeCode code="CA"/>{_TARGET}</acknowledgement>'),
    "ITI-44 refused": receipt(f'<acknowledgement><typeCode code="CE"/>{_TARGET}{_DETAIL}</acknowledgement>'),
    "ITI-62": """<lcm:RemoveObjectsRequest xmlns:lcm="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0">
      <ObjectRefList xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">
      <ObjectRef id="urn:uuid:7b1f2c52-35f1-4bd4-9d8c-1c1f8d7f6a01"/></ObjectRefList></lcm:RemoveObjectsRequest>""",
    "ITI-86": f"""<rmd:RemoveDocumentsRequest xmlns:rmd="urn:ihe:iti:rmd:2017" {_XDS}><xds:DocumentRequest>
      <xds:RepositoryUniqueId>1.2.4</xds:RepositoryUniqueId><xds:DocumentUniqueId>1.2.4.1</xds:DocumentUniqueId>
      </xds:DocumentRequest></rmd:RemoveDocumentsRequest>""",
    # Services specific to the DMP
    "TD0.3": habilitations("setAuthorization", "<action>AJOUT</action><role>MEDECIN_TRAITANT</role>"),
    "TD0.3 done": habilitations("setAuthorizationResponse", "<output><status>DMPOk</status><context/></output>"),
    "TD1.6": habilitations("listAuthorizationByPatient", "<mode>TOUTE</mode>"),
    "TD1.6 listed": habilitations(
        "listAuthorizationByPatientResponse",
        "<output><listOfAuthorizationByPatient><nationalId>899900063480</nationalId>"
        "<codeSpeciality>G15_10/SM26</codeSpeciality><mode>ACTIVE</mode>"
        "<specificRight>MEDECIN_TRAITANT</specificRight></listOfAuthorizationByPatient>"
        "<status>DMPOk</status></output>",
    ),
    "TD0.4": patients("patientList", "<startDate>20260101000000</startDate><dateType>LASTAUTORIZATION</dateType>"),
    "TD0.4 listed": patients(
        "patientListResponse",
        "<output><patientlistData><patientIdentifier><nationalId>277076322082910</nationalId></patientIdentifier>"
        "<lastName>NESSI</lastName><MT>false</MT><message>false</message></patientlistData>"
        "<status>DMPOk</status></output>",
    ),
    "TD1.5a": patients("createPatientAccess", "<type>SMS</type><canal>0601020304</canal>"),
    "TD1.5a done": patients("createPatientAccessResponse", _ACCESS),
    "TD1.5b": patients("patientOTPUpdate", "<type>EMAIL</type><canal>ruth@example.org</canal><action>AJOUT</action>"),
    "TD1.5b done": patients("patientOTPUpdateResponse", "<output><status>DMPOk</status></output>"),
    "TD1.5d": patients("updatePatientAccess"),
    "TD1.5d done": patients("updatePatientAccessResponse", _ACCESS),
    "TD0.0": patients("identityCertification", "<rangNaissance>1</rangNaissance>"),
    "TD0.0 done": patients("identityCertificationResponse", "<output><status>DMPOk</status></output>"),
}

NOT_OFFICIAL = {
    "TD3.1 list": "one Value of more than 256 characters, as clients of the DMP send it",
    "TD3.3c": "no classifiedObject nor registryObject, as clients of the DMP send it",
    "TD2.1": "the same, in its submission set",
    "TD2.1 inline": "the same, in its submission set",
}

PARTS: dict[str, str] = {
    "header": """<soap:Header xmlns:soap="http://www.w3.org/2003/05/soap-envelope"
      xmlns:wsa="http://www.w3.org/2005/08/addressing">
      <wsa:To/><wsa:Action mustUnderstand="true">urn:ihe:iti:2007:RegistryStoredQuery</wsa:Action>
      <wsa:MessageID>urn:uuid:f2c3f93b-06e2-4333-b80d-4d0505c332aa</wsa:MessageID>
      <wsa:ReplyTo soap:mustUnderstand="1"><wsa:Address>http://www.w3.org/2005/08/addressing/anonymous</wsa:Address>
      </wsa:ReplyTo><unknown xmlns="urn:other"/>
      <wsse:Security soap:mustUnderstand="true"
        xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">
        <anything xmlns="urn:other"/></wsse:Security></soap:Header>""",
    "VIHF": dedent("""\
      <saml2:Assertion xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion" Version="2.0"
        xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xs="http://www.w3.org/2001/XMLSchema"
        ID="0421d1cc-b27b-4b0d-bab2-7ebcd54d47f6" IssueInstant="2026-11-21T12:00:00.000Z">
      <saml2:Issuer Format="urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName"
        >CN=899900063480,C=FR</saml2:Issuer>
      <saml2:Subject><saml2:NameID>899900063480</saml2:NameID></saml2:Subject>
      <saml2:AuthnStatement AuthnInstant="2026-11-21T12:00:00.000Z"><saml2:AuthnContext>
        <saml2:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI</saml2:AuthnContextClassRef>
        <saml2:AuthnContextDecl>APP_BROWSER_AUTH</saml2:AuthnContextDecl>
      </saml2:AuthnContext></saml2:AuthnStatement>
      <saml2:AttributeStatement>
        <saml2:Attribute Name="VIHF_Version"><saml2:AttributeValue xsi:type="xs:string">4.0</saml2:AttributeValue>
        </saml2:Attribute>
        <saml2:Attribute Name="LPS_Nom"><saml2:AttributeValue>dmpws kit</saml2:AttributeValue></saml2:Attribute>
        <saml2:Attribute Name="urn:oasis:names:tc:xacml:2.0:subject:role">
          <saml2:AttributeValue><Role xmlns="urn:hl7-org:v3" code="10" codeSystem="1.2.250.1.71.1.2.7"
            displayName="Médecin" xsi:type="CE"/></saml2:AttributeValue>
          <saml2:AttributeValue><Role xmlns="urn:hl7-org:v3" code="SM26" codeSystem="1.2.250.1.71.4.2.5"/>
          </saml2:AttributeValue></saml2:Attribute>
      </saml2:AttributeStatement></saml2:Assertion>"""),
    "lot signature": dedent("""\
      <Signature xmlns="http://www.w3.org/2000/09/xmldsig#" Id="1.2.250.1.999.1.5">
      <SignedInfo><CanonicalizationMethod Algorithm="urn:c14n"/><SignatureMethod Algorithm="urn:rsa"/>
        <Reference URI="#IHEManifest"><DigestMethod Algorithm="urn:sha"/><DigestValue>AA==</DigestValue></Reference>
      </SignedInfo><SignatureValue>AA==</SignatureValue>
      <KeyInfo><X509Data><X509Certificate>AA==</X509Certificate></X509Data></KeyInfo>
      <Object><Manifest Id="IHEManifest"><Reference URI="urn:oid:1.2.3"><DigestMethod Algorithm="urn:sha"/>
        <DigestValue>AA==</DigestValue></Reference></Manifest></Object>
      <Object><SignatureProperties xmlns=""><SignatureProperty Id="purposeOfSignature" Target="#1.2.250.1.999.1.5"
        >1.2.840.10065.1.12.1.14</SignatureProperty></SignatureProperties></Object>
      <Object><QualifyingProperties xmlns="http://uri.etsi.org/01903/v1.1.1#" Target="#1.2.250.1.999.1.5">
        <SignedProperties Id="S0-SignedProperties"><SignedSignatureProperties>
        <SigningTime>2026-11-21T13:00:00+01:00</SigningTime>
        <SigningCertificate><Cert><CertDigest><DigestMethod Algorithm="urn:sha"/><DigestValue>AA==</DigestValue>
          </CertDigest><IssuerSerial xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
          <ds:X509IssuerName>CN=AC</ds:X509IssuerName>
          <ds:X509SerialNumber>1491811286229485117823892725943611899366047</ds:X509SerialNumber>
          </IssuerSerial></Cert></SigningCertificate>
        <SignaturePolicyIdentifier><SignaturePolicyImplied/></SignaturePolicyIdentifier>
        </SignedSignatureProperties></SignedProperties></QualifyingProperties></Object></Signature>"""),
    "CDA": dedent(f"""\
      <ClinicalDocument {HL7} xmlns:sdtc="urn:hl7-org:sdtc"><realmCode code="FR"/>
      <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/><templateId root="2.16.840.1.113883.2.8.2.1"/>
      <templateId root="1.2.250.1.213.1.1.1.1"/><templateId root="1.3.6.1.4.1.19376.1.2.20"/>
      <id root="1.2.250.1.999.1.6"/><code code="11502-2" codeSystem="2.16.840.1.113883.6.1"/>
      <title>Compte rendu</title><effectiveTime value="20261121120000+0100"/>
      <confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="fr-FR"/>
      <recordTarget><patientRole>{INS}<patient>{NAME}<administrativeGenderCode code="F"/><birthTime value="19770714"/>
        <sdtc:deceasedInd value="false"/></patient></patientRole></recordTarget>
      <author><time value="20261121120000+0100"/><assignedAuthor>
        <id root="1.2.250.1.71.4.2.1" extension="899900063480"/><assignedPerson><name>
        <family>LIBRE</family></name></assignedPerson></assignedAuthor></author>
      <custodian><assignedCustodian><representedCustodianOrganization><id root="1.2.250.1.71.4.2.2" extension="1"/>
        <name>CABINET DR LIBRE</name></representedCustodianOrganization></assignedCustodian></custodian>
      <legalAuthenticator><time value="20261121120000+0100"/><signatureCode code="S"/>
        <assignedEntity><id root="1.2.250.1.71.4.2.1" extension="899900063480"/></assignedEntity></legalAuthenticator>
      <participant typeCode="INF"><time xsi:type="IVL_TS"><low value="20261121"/></time>
        <associatedEntity classCode="PROV"/></participant>
      <inFulfillmentOf><order><id root="1.2.3"/><accessionNumber xmlns="urn:nema"/></order></inFulfillmentOf>
      <documentationOf><serviceEvent><effectiveTime><low value="20261121"/></effectiveTime></serviceEvent>
      </documentationOf>
      <componentOf><encompassingEncounter><effectiveTime nullFlavor="UNK"/><location><healthCareFacility>
        <code code="SA07" codeSystem="1.2.250.1.71.4.2.4"/></healthCareFacility></location></encompassingEncounter>
      </componentOf>
      <component><nonXMLBody><text mediaType="application/pdf" representation="B64">JVBERi0=</text></nonXMLBody>
      </component>
      </ClinicalDocument>"""),
}


@dataclass(frozen=True)
class Bad:
    """A good message with `old` replaced by `new`, the end of the place and the sentence of its first error."""

    message: str
    old: str
    new: str
    where: str
    said: str


BAD: dict[str, Bad] = {
    # HL7 v3
    "element missing": Bad(
        "TD0.2", '<creationTime value="20261121120000"/>', "", "/PRPA_IN201307UV02/interactionId", "creationTime"
    ),
    "attribute missing": Bad("TD0.2", ' ITSVersion="XML_1.0"', "", "/PRPA_IN201307UV02", "attendu : ITSVersion"),
    "fixed attribute": Bad("TD0.2", "XML_1.0", "XML_2.0", "/@ITSVersion", "attendu : XML_1.0 ; trouvé : XML_2.0"),
    "not an OID": Bad("TD0.2", 'root="1.2.250.1.999.1.2"', 'root="1..2"', "/queryId/@root", "trouvé : 1..2"),
    "not a date": Bad("TD0.2", "20261121120000", "21/11/2026", "/creationTime/@value", "trouvé : 21/11/2026"),
    "no patient": Bad("TD0.2", "patientIdentifier>", "patientIdentity>", "/patientIdentity", "patientIdentifier"),
    "no query": Bad("TD0.2", "queryByParameter>", "query>", "/controlActProcess/query", "queryByParameter"),
    "type does not exist": Bad("TD0.2 found", '"CV"', '"ZZ"', "/attentionLine[1]/value/@type", "xsi:type"),
    "type not given": Bad("TD0.2 found", 'xsi:type="BL" ', "", "/attentionLine[2]/value", "xsi:type"),
    "acknowledgement of the other edition": Bad(
        "TD0.2 not found",
        '<acknowledgement typeCode="AA">',
        '<acknowledgement><typeCode code="AA"/>',
        "/PRPA_IN201308UV02/acknowledgement",
        "attendu : typeCode",
    ),
    "acknowledgement of the other edition, search": Bad(
        "TD0.5 refused",
        '<acknowledgement><typeCode code="AE"/>',
        '<acknowledgement typeCode="AE">',
        "/PRPA_IN201306UV02/acknowledgement/@typeCode",
        "typeCode",
    ),
    "unknown code of acknowledgement": Bad(
        "TD0.2 refused", '"AE"', '"XX"', "/acknowledgement/@typeCode", "trouvé : XX"
    ),
    "no author": Bad("TD1.1", _AUTHOR, "", "/registrationRequest", "attendu : author"),
    "answer in the wrong wrapper": Bad(
        "TD1.1 created",
        "PRPA_IN201311UV02_Response",
        "PRPA_IN201314UV02_Response",
        "_Response/PRPA_IN201312UV02",
        "315",
    ),
    "text among elements": Bad("TD1.4", "<subject1", "zut <subject1", "/registrationRequest", "texte"),
    "negation is no boolean": Bad(
        "TD1.1", 'CON"><code', 'CON" negationInd="oui"><code', "/contactParty/@negationInd", "oui"
    ),
    "date of another form": Bad(
        "TD0.5", 'value="19770714"', 'value="1977-07-14"', "/value/@value", "attendu : [0-9]{1,8}|([0-9]{9,14}|"
    ),
    # XDS.b
    "slot without name": Bad("TD2.1", 'name="codingScheme"', "", "/Classification/Slot", "attendu : name"),
    "value too long": Bad(
        "TD2.1", "20261121120000", "2" * 257, "/Slot/ValueList/Value", "attendu : 256 ; trouvé : 257"
    ),
    "entry without id": Bad("TD2.1", 'ExtrinsicObject id="Document01"', "ExtrinsicObject", "/ExtrinsicObject", "id"),
    "not an object of XDS.b": Bad("TD2.1", "<Association ", '<Organization id="o"/><Association ', "/Organization", ""),
    "identifier before class": Bad(
        "TD2.1",
        "<Classification",
        '<ExternalIdentifier id="e" identificationScheme="x" value="y"/><Classification',
        "/RegistryPackage/Classification",
        "Cet élément n'est pas attendu",
    ),
    "document without id": Bad("TD2.1", 'Document id="Document01"', "Document", "Request/Document", "attendu : id"),
    "include elsewhere": Bad(
        "TD2.1", "<Value>1.2.250.1.213.1.1.4.1</Value>", f"<Value>{INCLUDE}</Value>", "/Value", ""
    ),
    "unknown status": Bad("TD2.1 done", ":Success", ":Succes", "/RegistryResponse/@status", "liste permise"),
    "error without code": Bad("TD2.1 refused", 'errorCode="DMPClosed"', "", "/RegistryError", "attendu : errorCode"),
    "unknown returnType": Bad("TD3.1", "LeafClass", "Leaf", "/ResponseOption/@returnType", "trouvé : Leaf"),
    "query without id": Bad("TD3.1", "AdhocQuery id=", "AdhocQuery lid=", "/AdhocQuery", "attendu : id"),
    "answer without list": Bad("TD3.1 refused", "<RegistryObjectList></RegistryObjectList>", "", "Response", "List"),
    "no repository": Bad(
        "TD3.2", "RepositoryUniqueId", "Repository", "/DocumentRequest/Repository", "RepositoryUniqueId"
    ),
    # Services specific to the DMP
    "unknown action": Bad("TD0.3", "AJOUT", "AJOUTER", "/setAuthorization/action", "attendu : 'AJOUT', 'SUPPRESSION'"),
    "no action": Bad("TD0.3", "<action>AJOUT</action>", "", "/setAuthorization/role", "attendu : action"),
    "action in no namespace": Bad(
        "TD0.3",
        "<action>",
        '<action xmlns="">',
        "/setAuthorization/action",
        "attendu : action (urn:si-dmp-habilitations) ; trouvé : action (sans espace de noms)",
    ),
    "action among blanks": Bad(
        "TD0.3", ">AJOUT<", "> AJOUT <", "/setAuthorization/action", "trouvé : AJOUT, entouré de blancs"
    ),
    "role twice": Bad("TD0.3", "<role>", "<role>MEDECIN_TRAITANT</role><role>", "/setAuthorization/role[2]", ""),
    "misspelling corrected": Bad("TD0.4", "LASTAUTORIZATION", "LASTAUTHORIZATION", "/patientList/dateType", ""),
    "not a boolean": Bad("TD0.4 listed", "<MT>false", "<MT>non", "/patientlistData/MT", "trouvé : non"),
    "an empty message with content": Bad(
        "TD1.5d", "></updatePatientAccess", "><x/></updatePatientAccess", "/updatePatientAccess", ""
    ),
    # Beside the bodies
    "not SAML 2.0": Bad("VIHF", 'Version="2.0"', 'Version="1.1"', "/Assertion/@Version", "attendu : 2.0"),
    "no NameID": Bad("VIHF", "saml2:NameID", "saml2:Name", "/Subject/Name", "NameID"),
    "no instant": Bad("VIHF", ' IssueInstant="2026-11-21T12:00:00.000Z"', "", "/Assertion", "IssueInstant"),
    "role is no CE": Bad("VIHF", 'code="SM26"', 'code="SM 26"', "/AttributeValue[2]/Role/@code", "SM 26"),
    "attribute without name": Bad("VIHF", 'Name="LPS_Nom"', "", "/Attribute[2]", "attendu : Name"),
    "no address": Bad("header", "http://www.w3.org/2005/08/addressing/anonymous", "", "/ReplyTo/Address", "courte"),
    "neither yes nor no": Bad(
        "header", 'mustUnderstand="true"', 'mustUnderstand="maybe"', "/Action/@mustUnderstand", "maybe"
    ),
    "no certificate": Bad("lot signature", "X509Certificate", "X509Certificat", "/X509Data/X509Certificat", ""),
    "no digest": Bad("lot signature", "<DigestValue>AA==</DigestValue>", "", "/SignedInfo/Reference", "DigestValue"),
    "signing time is no time": Bad("lot signature", "T13:00:00", " 13:00:00", "/SigningTime", "2026-11-21 13:00:00"),
    "purpose of nothing": Bad("lot signature", 'Target="#1.2.250.1.999.1.5"', "", "/SignatureProperty", "Target"),
    "not a French document": Bad(
        "CDA", 'realmCode code="FR"', 'realmCode code="DE"', "/realmCode/@code", "attendu : FR"
    ),
    "identifier with extension": Bad(
        "CDA", 'id root="1.2.250.1.999.1.6"', 'id root="1.2" extension="1"', "/id/@extension", ""
    ),
    "nobody answers for it": Bad("CDA", "legalAuthenticator", "authenticator", "/authenticator", "legalAuthenticator"),
    "no patient in the document": Bad("CDA", "recordTarget", "record", "/ClinicalDocument/record", "recordTarget"),
    "not a medium of the DMP": Bad("CDA", "application/pdf", "text/html", "/nonXMLBody/text/@mediaType", "text/html"),
    "not in base64": Bad("CDA", 'representation="B64"', 'representation="TXT"', "/text/@representation", "TXT"),
    "nowhere": Bad("CDA", 'code="SA07" ', "", "/healthCareFacility/code", "attendu : code"),
}
