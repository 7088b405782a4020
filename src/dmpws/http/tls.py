"""The client certificate, from the one place where it may be believed.

`direct`: gunicorn ends TLS and the certificate is read from its socket. `proxy`: a TLS proxy ends it and passes
the certificate in headers, which are believed only on a unix socket or with a shared secret. Never both: each mode
ignores what the other reads.
"""

import hmac
import ipaddress
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from dmpws.domain.checks import Rule, refusal
from dmpws.soap.message import TlsFacts

PROXY = Rule("TLS-PROXY", "La connexion vient du mandataire TLS", "PDT-INF-579", "DMPAuthenticationError")
CERTIFICATE = Rule(
    "TLS-CERTIFICATE",
    "Le certificat client transmis par le mandataire est valide",
    "PDT-INF-579",
    "DMPInvalidCertificate",
)

TlsReader = Callable[[Mapping[str, Any]], TlsFacts | None]
"""WSGI environment -> what is known of the client; None without certificate. May raise Refused."""


def direct(environ: Mapping[str, Any]) -> TlsFacts | None:
    """Read the certificate of the TLS connection that this server ended."""
    get = getattr(environ.get("gunicorn.socket"), "getpeercert", None)
    certificate = get(binary_form=True) if get is not None else None
    return TlsFacts(certificate, environ.get("REMOTE_ADDR", "")) if certificate else None


def proxy(secret: str = "") -> TlsReader:
    """Return a reader of the proxy's headers: X-SSL-Client-Verify, X-SSL-Client-Cert (URL-escaped PEM), X-Real-IP.

    secret: value of X-DMPWS-Proxy-Secret; "" when the server listens on a unix socket, and only there.
    Without either, every request is refused.
    """

    def read(environ: Mapping[str, Any]) -> TlsFacts | None:
        if not _comes_from_proxy(environ, secret):
            raise refusal(PROXY, expected="socket unix ou X-DMPWS-Proxy-Secret", found="ni l'un ni l'autre")
        verdict = environ.get("HTTP_X_SSL_CLIENT_VERIFY", "NONE")
        if verdict == "NONE":
            return None
        if verdict != "SUCCESS":
            raise refusal(CERTIFICATE, expected="SUCCESS", found=verdict[:200])
        return TlsFacts(_der(environ.get("HTTP_X_SSL_CLIENT_CERT", "")), _peer(environ))

    return read


def anonymous(read: TlsReader) -> TlsReader:
    """A reader for servers that let clients in without certificate: theirs is empty, only the address is known."""

    def read_any(environ: Mapping[str, Any]) -> TlsFacts:
        # X-Real-IP is the proxy's word: a client of ours could write it too.
        address = environ.get("REMOTE_ADDR", "") if read is direct else _peer(environ)
        return read(environ) or TlsFacts(b"", address)

    return read_any


def _comes_from_proxy(environ: Mapping[str, Any], secret: str) -> bool:
    if secret:
        given = environ.get("HTTP_X_DMPWS_PROXY_SECRET", "")
        return hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())
    return getattr(environ.get("gunicorn.socket"), "family", None) == socket.AF_UNIX


def _der(escaped: str) -> bytes:
    try:
        return ssl.PEM_cert_to_DER_cert(unquote(escaped).strip())
    except ValueError as error:
        raise refusal(CERTIFICATE, expected="un certificat PEM", found=str(error)[:200]) from None


def _peer(environ: Mapping[str, Any]) -> str:
    """The client as the proxy saw it, or the proxy."""
    try:
        return str(ipaddress.ip_address(environ.get("HTTP_X_REAL_IP", "").strip()))
    except ValueError:
        return str(environ.get("REMOTE_ADDR", ""))
