"""The TLS context of the protocol port, in `direct` mode: the DMP's suites, client certificates required, save where
profile `ihe` lets clients in without."""

import logging
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

journal = logging.getLogger("dmpws.http")

# PDT-INF-579: TLS 1.2 with these three suites. TLS 1.3 has its own list, which is left as it is.
SUITES = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-SHA384"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """certificate, key: of the server, PEM. authorities: PEM bundle of those that issue client certificates.

    crls: PEM bundle of revocation lists, to refuse revoked clients in the handshake; None leaves revocation to the
    application, which can say why it refuses and keeps a trace (DMPWS D22). required: clients must have a certificate.
    """

    certificate: Path
    key: Path
    authorities: Path
    crls: Path | None = None
    required: bool = True

    def __iter__(self) -> Iterator[Path]:
        return iter(p for p in (self.certificate, self.key, self.authorities, self.crls) if p is not None)


TurnedAway = Callable[[int, str, str], None]
"""Told of a client certificate the handshake refuses: OpenSSL's code and words for it, IP address of the client."""


def make_context(files: TlsFiles, turned_away: TurnedAway | None = None) -> ssl.SSLContext:
    """Read the files into a context. Raises OSError (ssl.SSLError included) when one cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES)
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(files.authorities)
    context.verify_mode = ssl.CERT_REQUIRED if files.required else ssl.CERT_OPTIONAL
    if files.crls is not None:
        context.load_verify_locations(files.crls)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    if turned_away is not None:
        context.sslsocket_class = _telling(turned_away)
    return context


def _telling(turned_away: TurnedAway) -> type[ssl.SSLSocket]:
    class Telling(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            try:
                super().do_handshake(block)
            except ssl.SSLCertVerificationError as refused:
                try:
                    turned_away(refused.verify_code, refused.verify_message, self.getpeername()[0])
                except Exception:
                    journal.exception("a refused certificate could not be told of")
                raise

    return Telling


class ContextCache:
    """The context for each new connection, read again when a file changed.

    gunicorn asks for it at every connection; building it costs up to 88 ms with a large revocation list.
    """

    def __init__(self, files: TlsFiles, turned_away: TurnedAway | None = None) -> None:
        self._files = files
        self._turned_away = turned_away
        self._lock = threading.Lock()
        self._stamp = self._now()
        self._context = make_context(files, turned_away)

    def context(self) -> ssl.SSLContext:
        """The current context; the former one when the new files cannot be used, which the journal says."""
        stamp = self._now()
        if stamp != self._stamp:
            with self._lock:
                if stamp != self._stamp:
                    self._reload(stamp)
        return self._context

    def _reload(self, stamp: tuple[tuple[int, int], ...]) -> None:
        self._stamp = stamp
        try:
            self._context = make_context(self._files, self._turned_away)
        except OSError as error:
            journal.error("TLS files changed and cannot be used, the former ones stay: %s", error)

    def _now(self) -> tuple[tuple[int, int], ...]:
        return tuple(_stamp(path) for path in self._files)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        facts = path.stat()
    except OSError:
        return (0, 0)
    return (facts.st_mtime_ns, facts.st_size)
