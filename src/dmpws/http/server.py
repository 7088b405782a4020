"""gunicorn, configured for the protocol port: threads, application loaded before the fork, bounded everything."""

import socket
import ssl
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication

from dmpws.http.tls_context import ContextCache, TlsFiles, TurnedAway
from dmpws.http.worker import worker_class


class ServerError(Exception):
    """The server cannot start; the message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where and how the server listens.

    tls: files of the `direct` mode; None behind a TLS proxy. turned_away: told of client certificates that the
    handshake refuses, in that mode. unix_socket: path listened on instead of host and port.
    hooks: gunicorn server hooks by name (`post_fork`, `child_exit`...).
    """

    host: str = "127.0.0.1"
    port: int = 8443
    unix_socket: str = ""
    tls: TlsFiles | None = None
    turned_away: TurnedAway | None = None
    workers: int = 1
    threads: int = 4
    reading_seconds: float = 120
    graceful_seconds: int = 30
    log_level: str = "warning"
    hooks: Mapping[str, Callable[..., Any]] = field(default_factory=dict)

    @property
    def bind(self) -> str:
        if self.unix_socket:
            return f"unix:{self.unix_socket}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Server(BaseApplication):
    """The arbiter and its workers. `Server(listen, load).run()` blocks until a signal, then exits the process.

    load: called once, before the workers are forked; returns the WSGI application.
    Raises ServerError when it is plain that the server could not start.
    """

    def __init__(self, listen: Listen, load: Callable[[], Callable[..., Any]]) -> None:
        self._listen = listen
        self._load = load
        _check_address(listen)
        self._contexts = _contexts(listen.tls, listen.turned_away) if listen.tls else None
        super().__init__()

    def load_config(self) -> None:
        """Called by gunicorn."""
        for name, value in self._settings().items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        """Called by gunicorn, once, because of preload_app."""
        return self._load()

    def _settings(self) -> dict[str, Any]:
        listen = self._listen
        settings: dict[str, Any] = {
            "bind": listen.bind,
            "workers": listen.workers,
            "threads": listen.threads,
            "worker_class": worker_class(reading_seconds=listen.reading_seconds),
            "preload_app": True,
            "graceful_timeout": listen.graceful_seconds,
            "loglevel": listen.log_level,
            "proc_name": "dmpws",
            "control_socket_disable": True,
            # Whoever can open the unix socket of the proxy mode can be anybody: its owner and group, not everyone.
            "umask": 0o007,
            # Nothing a client sends may change the path (gunicorn trusts local clients with SCRIPT_NAME).
            "forwarder_headers": "",
            # X-Forwarded-Proto only tells the contracts which scheme to show.
            "forwarded_allow_ips": "" if listen.tls else "*",
            **listen.hooks,
        }
        if (contexts := self._contexts) is not None and listen.tls is not None:
            settings |= {
                "certfile": str(listen.tls.certificate),
                "keyfile": str(listen.tls.key),
                "ca_certs": str(listen.tls.authorities),
                "cert_reqs": int(ssl.CERT_REQUIRED),
                "ssl_context": lambda _conf, _default: contexts.context(),
            }
        return settings


def _contexts(files: TlsFiles, turned_away: TurnedAway | None) -> ContextCache:
    for path in files:
        try:
            path.open("rb").close()
        except OSError as error:
            raise ServerError(f"{path}: {(error.strerror or 'unreadable').lower()}") from None
    try:
        return ContextCache(files, turned_away)
    except OSError as error:
        names = ", ".join(path.name for path in files)
        raise ServerError(f"{files.certificate.parent}: TLS cannot use {names} ({error})") from None


def _check_address(listen: Listen) -> None:
    """gunicorn would retry five seconds and then say less."""
    if listen.unix_socket:
        _check_unix(Path(listen.unix_socket))
        return
    with socket.socket(socket.AF_INET6 if ":" in listen.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listen.host, listen.port))
        except (OSError, OverflowError) as error:
            why = (getattr(error, "strerror", None) or str(error)).lower()
            raise ServerError(f"{listen.host} port {listen.port}: {why}") from None


def _check_unix(path: Path) -> None:
    if not path.parent.is_dir():
        raise ServerError(f"{path.parent}: no such folder for the unix socket")
    if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
        raise ServerError(f"{path}: exists and is not a socket")
