"""Certificates: trust anchors, path validation, revocation, identity, and the throw-away test PKI."""
