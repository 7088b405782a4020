"""Wire formats to domain values and back; the only place that knows ebXML, HL7 v3 and CDA element names."""
