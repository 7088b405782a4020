"""HL7 v3 messages of the record's administration, both editions as the DMP speaks them."""
