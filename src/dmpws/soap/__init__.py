"""SOAP 1.2 as the DMP speaks it: hardened parser, envelope, WS-Addressing, faults, spyne application."""
