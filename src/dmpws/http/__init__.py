"""The WSGI edge: TLS client certificate, limits, MTOM/XOP, operator port."""
