"""What is done to a record without an LPS: by the patient, who acts for him, a producer, or the host's operator."""
