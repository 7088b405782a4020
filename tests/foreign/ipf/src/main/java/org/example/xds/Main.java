package org.example.xds;

import java.io.InputStream;
import java.io.OutputStream;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import javax.activation.DataHandler;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.impl.DefaultCamelContext;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Association;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AssociationLabel;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AssociationType;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AssigningAuthority;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AvailabilityStatus;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Code;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Document;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntry;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntryType;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Folder;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Identifiable;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.LocalizedString;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.ObjectReference;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.SubmissionSet;
import org.openehealth.ipf.commons.ihe.xds.core.requests.DocumentReference;
import org.openehealth.ipf.commons.ihe.xds.core.requests.QueryRegistry;
import org.openehealth.ipf.commons.ihe.xds.core.requests.RegisterDocumentSet;
import org.openehealth.ipf.commons.ihe.xds.core.requests.RemoveDocuments;
import org.openehealth.ipf.commons.ihe.xds.core.requests.RemoveMetadata;
import org.openehealth.ipf.commons.ihe.xds.core.requests.RetrieveDocumentSet;
import org.openehealth.ipf.commons.ihe.xds.core.requests.builder.ProvideAndRegisterDocumentSetBuilder;
import org.openehealth.ipf.commons.ihe.xds.core.requests.builder.RegisterDocumentSetBuilder;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.FindDocumentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetAllQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.Query;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.QueryReturnType;
import org.openehealth.ipf.commons.ihe.xds.core.responses.QueryResponse;
import org.openehealth.ipf.commons.ihe.xds.core.responses.Response;
import org.openehealth.ipf.commons.ihe.xds.core.responses.RetrievedDocumentSet;

/** Plays every plain XDS transaction: `Main FOLDER`, which tests/foreign/test_foreign_ipf.py fills. One line per result. */
public final class Main {
    private static final List<AvailabilityStatus> IN_FORCE = List.of(AvailabilityStatus.APPROVED);
    private static final String SET = "set01";
    private static final String DOCUMENT = "document01";

    private final Properties facts = new Properties();
    private final Identifiable patient;
    private final ProducerTemplate template;

    private Main(Path folder) throws Exception {
        try (Reader reader = Files.newBufferedReader(folder.resolve("facts.properties"))) {
            facts.load(reader);
        }
        secure(folder);
        patient = new Identifiable(facts.getProperty("patient"), new AssigningAuthority(facts.getProperty("authority")));
        CamelContext context = new DefaultCamelContext();
        context.start();
        template = context.createProducerTemplate();
    }

    /** The card, and the authorities of the server, for every connection of this machine. */
    private void secure(Path folder) throws Exception {
        String password = facts.getProperty("password");
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        try (InputStream pem = Files.newInputStream(folder.resolve("ca.pem"))) {
            int number = 0;
            for (Certificate found : CertificateFactory.getInstance("X.509").generateCertificates(pem)) {
                trusted.setCertificateEntry("ca" + number++, found);
            }
        }
        Path store = folder.resolve("trusted.p12");
        try (OutputStream out = Files.newOutputStream(store)) {
            trusted.store(out, password.toCharArray());
        }
        System.setProperty("javax.net.ssl.trustStore", store.toString());
        System.setProperty("javax.net.ssl.trustStorePassword", password);
        System.setProperty("javax.net.ssl.keyStore", folder.resolve("card.p12").toString());
        System.setProperty("javax.net.ssl.keyStoreType", "PKCS12");
        System.setProperty("javax.net.ssl.keyStorePassword", password);
    }

    private <T> T send(String endpoint, String service, Object body, Class<T> type) throws Exception {
        String address = facts.getProperty("url").replaceFirst("https://", "");
        String uri = endpoint + "://" + address + "/" + service + "?secure=true&audit=false";
        Exchange exchange = template.send(uri, sent -> sent.getIn().setBody(body));
        if (exchange.getException() != null) {
            throw exchange.getException();
        }
        return exchange.getMessage().getBody(type);
    }

    private void play() throws Exception {
        DocumentEntry entry = entry(".1");
        Folder folder = new Folder();
        folder.setEntryUuid("folder01");
        folder.setUniqueId(facts.getProperty("oid") + ".2");
        folder.setPatientId(patient);
        folder.setTitle(new LocalizedString("Dossier"));
        folder.getCodeList().add(code("Referrals", "1.2.3"));
        Document document = new Document(entry, new DataHandler("Bonjour", "text/plain"));
        say("ITI-41", send("xds-iti41", "repository",
                new ProvideAndRegisterDocumentSetBuilder(true, set(".3")).withDocument(document).withFolder(folder).build(),
                Response.class));

        FindDocumentsQuery find = new FindDocumentsQuery();
        find.setPatientId(patient);
        find.setStatus(IN_FORCE);
        DocumentEntry found = query("ITI-18 FindDocuments", find).getDocumentEntries().get(0);
        System.out.println("found\t" + found.getTitle().getValue() + "\t" + found.getSize());
        GetAllQuery everything = new GetAllQuery();
        everything.setPatientId(patient);
        everything.setStatusDocuments(IN_FORCE);
        everything.setStatusFolders(IN_FORCE);
        everything.setStatusSubmissionSets(IN_FORCE);
        QueryResponse all = query("ITI-18 GetAll", everything);

        DocumentReference reference = new DocumentReference(found.getRepositoryUniqueId(), found.getUniqueId(), null);
        RetrieveDocumentSet wanted = new RetrieveDocumentSet();
        wanted.getDocuments().add(reference);
        RetrievedDocumentSet read = send("xds-iti43", "repository", wanted, RetrievedDocumentSet.class);
        say("ITI-43", read);
        try (InputStream octets = read.getDocuments().get(0).getDataHandler().getInputStream()) {
            System.out.println("read\t" + new String(octets.readAllBytes()));
        }

        DocumentEntry elsewhere = entry(".4");
        elsewhere.setHash("da39a3ee5e6b4b0d3255bfef95601890afd80709");
        elsewhere.setSize(0L);
        elsewhere.setRepositoryUniqueId("1.9.9");
        say("ITI-42", send("xds-iti42", "registry",
                new RegisterDocumentSetBuilder(true, set(".5")).withDocument(elsewhere).build(), Response.class));

        RegisterDocumentSet status = new RegisterDocumentSet();
        status.setSubmissionSet(set(".6"));
        Association change =
                new Association(AssociationType.UPDATE_AVAILABILITY_STATUS, "change01", SET, found.getEntryUuid());
        change.setOriginalStatus(AvailabilityStatus.APPROVED);
        change.setNewStatus(AvailabilityStatus.DEPRECATED);
        status.getAssociations().add(change);
        say("ITI-57 status", send("xds-iti57", "registry", status, Response.class));

        List<ObjectReference> objects = references(all);
        RegisterDocumentSet version = new RegisterDocumentSet();
        version.setSubmissionSet(set(".7"));
        found.setEntryUuid(DOCUMENT);
        found.setTitle(new LocalizedString("Un autre titre"));
        version.getDocumentEntries().add(found);
        Association member = new Association(AssociationType.HAS_MEMBER, "member01", SET, DOCUMENT);
        member.setLabel(AssociationLabel.ORIGINAL);
        member.setPreviousVersion("1");
        version.getAssociations().add(member);
        say("ITI-57 version", send("xds-iti57", "registry", version, Response.class));

        RemoveMetadata removal = new RemoveMetadata();
        removal.getReferences().addAll(objects.subList(0, 1));
        say("ITI-62 refused", send("rmd-iti62", "registry", removal, Response.class));
        removal.getReferences().clear();
        removal.getReferences().addAll(objects);
        say("ITI-62", send("rmd-iti62", "registry", removal, Response.class));

        RemoveDocuments documents = new RemoveDocuments();
        documents.getDocuments().add(reference);
        say("ITI-86", send("rmd-iti86", "repository", documents, Response.class));
    }

    private QueryResponse query(String name, Query asked) throws Exception {
        QueryRegistry request = new QueryRegistry(asked);
        request.setReturnType(QueryReturnType.LEAF_CLASS);
        QueryResponse answer = send("xds-iti18", "registry", request, QueryResponse.class);
        say(name, answer);
        return answer;
    }

    private static List<ObjectReference> references(QueryResponse all) {
        List<ObjectReference> found = new ArrayList<>();
        all.getSubmissionSets().forEach(item -> found.add(new ObjectReference(item.getEntryUuid())));
        all.getDocumentEntries().forEach(item -> found.add(new ObjectReference(item.getEntryUuid())));
        all.getFolders().forEach(item -> found.add(new ObjectReference(item.getEntryUuid())));
        all.getAssociations().forEach(item -> found.add(new ObjectReference(item.getEntryUuid())));
        return found;
    }

    private DocumentEntry entry(String end) {
        DocumentEntry entry = new DocumentEntry();
        entry.setEntryUuid(DOCUMENT);
        entry.setUniqueId(facts.getProperty("oid") + end);
        entry.setPatientId(patient);
        entry.setSourcePatientId(patient);
        entry.setMimeType("text/plain");
        entry.setType(DocumentEntryType.STABLE);
        entry.setAvailabilityStatus(AvailabilityStatus.APPROVED);
        entry.setTitle(new LocalizedString("Bilan d'été \"A&B\" <1>"));
        entry.setLanguageCode("fr-FR");
        entry.setCreationTime("20260301101500");
        entry.setServiceStartTime("20260301");
        entry.setServiceStopTime("2026030110");
        entry.setClassCode(code("11488-4", "2.16.840.1.113883.6.1"));
        entry.setTypeCode(code("34108-1", "2.16.840.1.113883.6.1"));
        entry.setFormatCode(code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3"));
        entry.setHealthcareFacilityTypeCode(code("SA07", "1.2.250.1.71.4.2.4"));
        entry.setPracticeSettingCode(code("AMBULATOIRE", "1.2.250.1.213.1.1.4.9"));
        entry.getConfidentialityCodes().add(code("N", "2.16.840.1.113883.5.25"));
        return entry;
    }

    private SubmissionSet set(String end) {
        SubmissionSet made = new SubmissionSet();
        made.setEntryUuid(SET);
        made.setUniqueId(facts.getProperty("oid") + end);
        made.setSourceId("1.2.3");
        made.setPatientId(patient);
        made.setSubmissionTime("20260301101500");
        made.setContentTypeCode(code("04", "1.2.250.1.213.2.2"));
        return made;
    }

    private static Code code(String code, String system) {
        return new Code(code, new LocalizedString(code), system);
    }

    private static void say(String name, Response answer) {
        StringBuilder line = new StringBuilder(name + "\t" + answer.getStatus());
        answer.getErrors().forEach(error -> line.append('\t').append(error.getErrorCode()));
        System.out.println(line);
    }

    public static void main(String[] words) throws Exception {
        new Main(Path.of(words[0])).play();
        System.exit(0); // Camel keeps threads
    }
}
