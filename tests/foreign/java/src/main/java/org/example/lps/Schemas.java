package org.example.lps;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.xml.XMLConstants;
import javax.xml.validation.SchemaFactory;
import org.xml.sax.SAXException;

/** Compiles every schema with the validator of the JDK, stricter than the server's about what a schema may say. */
final class Schemas {
    private Schemas() {
    }

    static int compile(Path folder) throws Exception {
        List<Path> files;
        try (var found = Files.walk(folder)) {
            files = found.filter(file -> file.toString().endsWith(".xsd")).toList();
        }
        for (Path file : files) {
            try {
                SchemaFactory.newInstance(XMLConstants.W3C_XML_SCHEMA_NS_URI).newSchema(file.toFile());
            } catch (SAXException error) {
                throw new IllegalStateException(file + ": " + error.getMessage(), error);
            }
        }
        return files.size();
    }
}
