package org.example.lps;

import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Properties;
import java.util.UUID;
import org.hl7.v3.CE;
import org.hl7.v3.CS;
import org.hl7.v3.CodedText;
import org.hl7.v3.CommunicationFunction;
import org.hl7.v3.Device;
import org.hl7.v3.GetDemographicsControlAct;
import org.hl7.v3.GetDemographicsParameters;
import org.hl7.v3.GetDemographicsQuery;
import org.hl7.v3.II;
import org.hl7.v3.IdentifierParameter;
import org.hl7.v3.PRPAIN201307UV02;
import org.hl7.v3.TS;
import org.hl7.v3.Text;

/** TD0.2 and TD1.3a with the generated classes of HL7 v3. */
final class Demographics {
    private static final String SOFTWARE = "1.2.250.1.999.1.1.7898";
    private static final String DMP = "1.2.250.1.213.4.1.1.1";

    private Demographics() {
    }

    static PRPAIN201307UV02 request(Properties facts, String why) {
        PRPAIN201307UV02 message = new PRPAIN201307UV02();
        message.setITSVersion("XML_1.0");
        message.setId(id(SOFTWARE, UUID.randomUUID().toString()));
        TS now = new TS();
        now.setValue(LocalDateTime.now().format(DateTimeFormatter.ofPattern("yyyyMMddHHmmss")));
        message.setCreationTime(now);
        message.setInteractionId(id("2.16.840.1.113883.1.6", "PRPA_IN201307UV02"));
        message.setProcessingCode(code("D"));
        message.setProcessingModeCode(code("T"));
        message.setAcceptAckCode(code("AL"));
        message.getReceiver().add(device("RCV", DMP, "DMP"));
        message.setSender(device("SND", SOFTWARE, "CXF"));
        GetDemographicsControlAct act = new GetDemographicsControlAct();
        act.setClassCode("CACT");
        act.setMoodCode("EVN");
        CE reason = new CE();
        reason.setCode(why);
        reason.setCodeSystem("1.2.250.1.213.1.1.4.11");
        act.getReasonCode().add(reason);
        act.setQueryByParameter(query(facts));
        message.setControlActProcess(act);
        return message;
    }

    private static GetDemographicsQuery query(Properties facts) {
        GetDemographicsQuery query = new GetDemographicsQuery();
        query.setQueryId(id(SOFTWARE, UUID.randomUUID().toString()));
        query.setStatusCode(code("new"));
        IdentifierParameter patient = new IdentifierParameter();
        patient.getValue().add(id(facts.getProperty("authority"), facts.getProperty("ins")));
        Text semantics = new Text();
        semantics.setValue("Patient.id");
        patient.setSemanticsText(semantics);
        GetDemographicsParameters parameters = new GetDemographicsParameters();
        parameters.getPatientIdentifier().add(patient);
        query.setParameterList(parameters);
        return query;
    }

    private static CommunicationFunction device(String type, String root, String name) {
        Device device = new Device();
        device.setClassCode("DEV");
        device.setDeterminerCode("INSTANCE");
        device.getId().add(id(root, null));
        CodedText software = new CodedText();
        software.setValue(name);
        device.setSoftwareName(software);
        CommunicationFunction function = new CommunicationFunction();
        function.setTypeCode(type);
        function.setDevice(device);
        return function;
    }

    private static II id(String root, String extension) {
        II id = new II();
        id.setRoot(root);
        id.setExtension(extension);
        return id;
    }

    private static CS code(String value) {
        CS code = new CS();
        code.setCode(value);
        return code;
    }
}
