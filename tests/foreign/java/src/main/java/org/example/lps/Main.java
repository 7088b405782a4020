package org.example.lps;

import asip.ci_sis.gdp._2010.GDPPortType;
import asip.ci_sis.gdp._2010.GDPService;
import habilitations.dmp.si.ActionType;
import habilitations.dmp.si.HabilitationsEndPoint;
import habilitations.dmp.si.HabilitationsEndPointImplService;
import habilitations.dmp.si.ModeType;
import ihe.iti.xds_b._2007.DocumentRegistryPortType;
import ihe.iti.xds_b._2007.DocumentRegistryService;
import ihe.iti.xds_b._2007.DocumentRepositoryPortType;
import ihe.iti.xds_b._2007.DocumentRepositoryService;
import ihe.iti.xds_b._2007.DocumentRequest;
import ihe.iti.xds_b._2007.DocumentType;
import ihe.iti.xds_b._2007.ProvideAndRegisterDocumentSetRequest;
import ihe.iti.xds_b._2007.RetrieveDocumentSetRequest;
import ihe.iti.xds_b._2007.RetrieveDocumentSetResponse;
import jakarta.xml.bind.JAXBContext;
import jakarta.xml.ws.WebServiceException;
import jakarta.xml.ws.soap.SOAPFaultException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Properties;
import oasis.names.tc.ebxml_regrep.xsd.lcm._3.SubmitObjectsRequest;
import oasis.names.tc.ebxml_regrep.xsd.query._3.AdhocQueryRequest;
import oasis.names.tc.ebxml_regrep.xsd.query._3.ResponseOptionType;
import oasis.names.tc.ebxml_regrep.xsd.rim._3.AdhocQuery;
import oasis.names.tc.ebxml_regrep.xsd.rim._3.ExtrinsicObjectType;
import oasis.names.tc.ebxml_regrep.xsd.rim._3.ParameterType;
import oasis.names.tc.ebxml_regrep.xsd.rim._3.ParameterValuesType;
import oasis.names.tc.ebxml_regrep.xsd.rs._3.RegistryResponse;
import patients.dmp.si.DateType;
import patients.dmp.si.PatientSpecificEndPoint;
import patients.dmp.si.PatientSpecificEndPointImplService;

/** Plays a doctor's software: `Main FOLDER`, the folder that tests/foreign/foreign_desk.py fills. One line per result. */
public final class Main {
    private static final String UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab";
    private static final String FIND_DOCUMENTS = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d";

    private final Path folder;
    private final Properties facts = new Properties();
    private final Connection connection;
    // Reading a contract takes CXF longer than a call: a software makes each service once.
    private final GDPService patients = new GDPService();
    private final HabilitationsEndPointImplService rights = new HabilitationsEndPointImplService();
    private final DocumentRepositoryService repository = new DocumentRepositoryService();

    private Main(Path folder) throws Exception {
        this.folder = folder;
        try (Reader reader = Files.newBufferedReader(folder.resolve("facts.properties"))) {
            facts.load(reader);
        }
        connection = new Connection(
                facts.getProperty("url"),
                folder.resolve("card.p12"),
                facts.getProperty("password").toCharArray(),
                folder.resolve("ca.pem"));
    }

    public static void main(String[] words) throws Exception {
        Main lps = new Main(Path.of(words[0]));
        lps.ask("TD0.2", "TEST_EXST", lps.folder.resolve("vihf.xml"));
        lps.refused();
        lps.outsideTheSchema();
        lps.authorise();
        lps.deposit();
        lps.find();
        lps.retrieve();
        lps.retrieveUnknown();
        lps.lists();
        say("schemas", Schemas.compile(Path.of(lps.facts.getProperty("schemas"))) + " compiled");
    }

    private static void say(String step, Object... values) {
        List<String> words = new ArrayList<>(List.of(step));
        for (Object value : values) {
            words.add(String.valueOf(value));
        }
        System.out.println(String.join("\t", words));
    }

    private GDPPortType patients(Path token) throws Exception {
        return connection.port(patients, GDPPortType.class, "patients", token, false);
    }

    private void ask(String step, String reason, Path token) throws Exception {
        var answer = patients(token).patientGetDemographicsPRPAIN201307UV02(Demographics.request(facts, reason));
        say(step, answer.getAcknowledgement().get(0).getTypeCode().value(),
                answer.getControlActProcess().getQueryAck().getQueryResponseCode().getCode());
    }

    private void refused() throws Exception {
        try {
            ask("altered VIHF", "TEST_EXST", folder.resolve("vihf-altered.xml"));
        } catch (SOAPFaultException fault) {
            var subcodes = fault.getFault().getFaultSubcodes();
            String last = "";
            while (subcodes.hasNext()) {
                last = subcodes.next().getLocalPart();
            }
            say("altered VIHF", last, fault.getFault().getFaultReasonText(java.util.Locale.FRENCH));
        }
    }

    /** CXF holds messages against the schemas of the contract: this one never leaves. */
    private void outsideTheSchema() throws Exception {
        var request = Demographics.request(facts, "TEST_EXST");
        request.getCreationTime().setValue("yesterday");
        try {
            patients(folder.resolve("vihf.xml")).patientGetDemographicsPRPAIN201307UV02(request);
            say("outside the schema", "sent");
        } catch (WebServiceException refused) {
            say("outside the schema", refused.getMessage().contains("cvc-pattern-valid") ? "refused by CXF" : refused);
        }
    }

    private HabilitationsEndPoint rights() throws Exception {
        return connection.port(rights, HabilitationsEndPoint.class, "habilitations",
                folder.resolve("vihf.xml"), false);
    }

    private void authorise() throws Exception {
        say("TD0.3", rights().setAuthorization(ActionType.AJOUT, null).getStatus());
    }

    /** What else answers with more than a status: CXF holds each against the schemas. */
    private void lists() throws Exception {
        ask("TD1.3a", "CNSLT_DATA", folder.resolve("vihf.xml"));
        var authorised = rights().listAuthorizationByPatient(ModeType.TOUTE);
        say("TD1.6", authorised.getStatus(),
                authorised.getListOfAuthorizationByPatient().stream().map(a -> a.getLastName()).toList());
        PatientSpecificEndPoint own = connection.port(new PatientSpecificEndPointImplService(),
                PatientSpecificEndPoint.class, "patientsSpecific", folder.resolve("vihf.xml"), false);
        say("TD0.4", own.patientList("20200101000000", DateType.LASTAUTORIZATION, null).getStatus());
    }

    private DocumentRepositoryPortType repository() throws Exception {
        return connection.port(repository, DocumentRepositoryPortType.class, "repository",
                folder.resolve("vihf.xml"), true);
    }

    private void deposit() throws Exception {
        var unmarshaller = JAXBContext.newInstance(
                SubmitObjectsRequest.class, oasis.names.tc.ebxml_regrep.xsd.rim._3.ObjectFactory.class)
                .createUnmarshaller();
        ProvideAndRegisterDocumentSetRequest request = new ProvideAndRegisterDocumentSetRequest();
        request.setSubmitObjectsRequest(
                (SubmitObjectsRequest) unmarshaller.unmarshal(folder.resolve("submit-objects.xml").toFile()));
        for (String id : facts.getProperty("documents").split(" ")) {
            DocumentType document = new DocumentType();
            document.setId(id);
            document.setValue(Files.readAllBytes(folder.resolve(id + ".xml")));
            request.getDocument().add(document);
        }
        say("TD2.1", result(repository().documentRepositoryProvideAndRegisterDocumentSetB(request)));
    }

    private void find() throws Exception {
        DocumentRegistryPortType registry = connection.port(
                new DocumentRegistryService(), DocumentRegistryPortType.class, "registry",
                folder.resolve("vihf.xml"), false);
        AdhocQueryRequest request = new AdhocQueryRequest();
        ResponseOptionType option = new ResponseOptionType();
        option.setReturnType("LeafClass");
        option.setReturnComposedObjects(true);
        request.setResponseOption(option);
        AdhocQuery query = new AdhocQuery();
        query.setId(FIND_DOCUMENTS);
        query.getSlot().add(parameter("$XDSDocumentEntryPatientId", "'" + facts.getProperty("cx") + "'"));
        query.getSlot().add(parameter(
                "$XDSDocumentEntryStatus", "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')"));
        request.setAdhocQuery(query);
        var answer = registry.documentRegistryRegistryStoredQuery(request);
        for (Object found : answer.getRegistryObjectList().getRegistryPackageOrExtrinsicObjectOrAssociation()) {
            ExtrinsicObjectType entry = (ExtrinsicObjectType) found;
            if (uniqueId(entry).equals(facts.getProperty("uniqueId"))) {
                say("TD3.1", entry.getName().getLocalizedString().get(0).getValue(), entry.getMimeType());
            }
        }
    }

    private static ParameterType parameter(String name, String value) {
        ParameterType slot = new ParameterType();
        slot.setName(name);
        slot.setValueList(new ParameterValuesType());
        slot.getValueList().getValue().add(value);
        return slot;
    }

    private static String uniqueId(ExtrinsicObjectType entry) {
        return entry.getExternalIdentifier().stream()
                .filter(identifier -> UNIQUE_ID.equals(identifier.getIdentificationScheme()))
                .findFirst().orElseThrow().getValue();
    }

    private RetrieveDocumentSetResponse read(String uniqueId) throws Exception {
        DocumentRequest wanted = new DocumentRequest();
        wanted.setRepositoryUniqueId(facts.getProperty("repository"));
        wanted.setDocumentUniqueId(uniqueId);
        RetrieveDocumentSetRequest request = new RetrieveDocumentSetRequest();
        request.getDocumentRequest().add(wanted);
        return repository().documentRepositoryRetrieveDocumentSet(request);
    }

    private void retrieve() throws Exception {
        var answer = read(facts.getProperty("uniqueId"));
        byte[] octets = answer.getDocumentResponse().get(0).getDocument();
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(octets);
        say("TD3.2", result(answer.getRegistryResponse()), HexFormat.of().formatHex(digest));
    }

    private void retrieveUnknown() throws Exception {
        say("unknown document", result(read("1.2.3.4.5").getRegistryResponse()));
    }

    private static String result(RegistryResponse response) {
        String status = response.getStatus().substring(response.getStatus().lastIndexOf(':') + 1);
        if (response.getRegistryErrorList() == null) {
            return status;
        }
        return status + " " + response.getRegistryErrorList().getRegistryError().get(0).getErrorCode();
    }
}
