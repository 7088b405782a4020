package org.example.lps;

import jakarta.xml.ws.BindingProvider;
import jakarta.xml.ws.Service;
import jakarta.xml.ws.soap.AddressingFeature;
import jakarta.xml.ws.soap.MTOMFeature;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.TrustManagerFactory;
import javax.xml.namespace.QName;
import javax.xml.parsers.DocumentBuilderFactory;
import org.apache.cxf.configuration.jsse.TLSClientParameters;
import org.apache.cxf.frontend.ClientProxy;
import org.apache.cxf.headers.Header;
import org.apache.cxf.transport.http.HTTPConduit;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/** Makes ports that speak to the server: the card opens the connection, CXF adds the addressing headers and MTOM. */
final class Connection {
    private static final String WSSE =
            "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";

    private final String services;
    private final TLSClientParameters tls;

    Connection(String services, Path card, char[] password, Path authorities) throws Exception {
        this.services = services;
        this.tls = new TLSClientParameters();
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream stream = Files.newInputStream(card)) {
            keys.load(stream, password);
        }
        KeyManagerFactory identity = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        identity.init(keys, password);
        tls.setKeyManagers(identity.getKeyManagers());
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null, null);
        try (InputStream stream = Files.newInputStream(authorities)) {
            int number = 0;
            for (Certificate found : CertificateFactory.getInstance("X.509").generateCertificates(stream)) {
                trusted.setCertificateEntry("authority" + number++, found);
            }
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        tls.setTrustManagers(trust.getTrustManagers());
    }

    /** A port at an address of the server, whose calls carry this token. */
    <T> T port(Service service, Class<T> type, String path, Path token, boolean mtom) throws Exception {
        T port = mtom
                ? service.getPort(type, new AddressingFeature(true, true), new MTOMFeature(true))
                : service.getPort(type, new AddressingFeature(true, true));
        var context = ((BindingProvider) port).getRequestContext();
        // Requests and answers are held against the schemas of the contract, by another validator than the server's.
        context.put("schema-validation-enabled", "true");
        context.put(BindingProvider.ENDPOINT_ADDRESS_PROPERTY, services + "/" + path);
        // A list CXF can write to: it adds its addressing headers.
        context.put(Header.HEADER_LIST, new ArrayList<>(List.of(security(token))));
        ((HTTPConduit) ClientProxy.getClient(port).getConduit()).setTlsClientParameters(tls);
        return port;
    }

    private static Header security(Path token) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        Document assertion = factory.newDocumentBuilder().parse(token.toFile());
        Document document = factory.newDocumentBuilder().newDocument();
        Element header = document.createElementNS(WSSE, "wsse:Security");
        header.appendChild(document.importNode(assertion.getDocumentElement(), true));
        return new Header(new QName(WSSE, "Security"), header);
    }
}
