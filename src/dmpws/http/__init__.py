"""The WSGI edge: TLS client certificate, limits, MTOM/XOP, operator port."""

SERVICES_PATH = "/si-dmp-server/v2/services"
"""Where the services of the DMP are, on every platform."""
