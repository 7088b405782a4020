"""`dmpws serve`: prepares what is missing, starts the protocol port and the operator port, watches over both."""

import argparse
import gc
import os
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dmpws import __version__
from dmpws.app import (
    audit_sender_of,
    build_app,
    build_operator_app,
    build_stub_app,
    certificate_optional,
    disturbed,
    journal_of,
    journalled,
    laboratory,
    store_of,
    trust_folder,
    type_rights,
)
from dmpws.audit.syslog import send_for_ever
from dmpws.cli import EXIT_INTERNAL, EXIT_USAGE, Failure
from dmpws.cli.demo import play
from dmpws.config import LABORATORY, Config
from dmpws.http import SERVICES_PATH, metrics
from dmpws.http.journal import turned_away
from dmpws.http.server import Listen, Server, ServerError
from dmpws.http.supervisor import Supervisor, SupervisorError
from dmpws.http.tls_context import TlsFiles, TurnedAway
from dmpws.http.wsgi import Observed
from dmpws.pki.cards import P12_PASSWORD
from dmpws.pki.demo import create, open_pki
from dmpws.pki.trust import TrustPolicy, TrustStore
from dmpws.pki.trust_folder import TrustFolderError
from dmpws.seed import seed
from dmpws.store import migrate
from dmpws.transactions.ports import StorageError

READY_SECONDS = 180
EARLIEST, LATEST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Outside, the clock of the machine is not set: every certificate and token would be refused."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("serve", help="start the server")
    parser.add_argument("--host", help="address of the HTTPS port")
    parser.add_argument("--port", type=int, help="HTTPS port")
    parser.add_argument("--ops-port", type=int, help="operator port on the loopback address, 0 for none")
    parser.add_argument("--workers", type=int, help="worker processes, 0 for one per core")
    parser.add_argument("--threads", type=int, help="threads of each worker")
    parser.add_argument("--database", metavar="URL", help="SQLAlchemy URL")
    parser.add_argument(
        "--no-tls",
        dest="tls",
        action="store_const",
        const="proxy",
        help="a trusted TLS proxy is in front: listen on its unix socket (unix_socket) or believe its secret",
    )
    parser.add_argument("--stub", action="store_true", help="canned answers of transactions/, chosen by patient, alone")
    parser.add_argument(
        "--client-certificate",
        choices=("required", "optional"),
        help="with --stub and in profile ihe: whether clients must have a certificate",
    )
    parser.add_argument("--demo", action="store_true", help="then play the main scenario")
    parser.add_argument("--once", action="store_true", help="with --demo: stop after it, its result is the exit status")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Prepare, start, and watch until a signal or, with --once, the end of the scenario."""
    started = time.monotonic()
    config: Config = args.config
    if args.stub:
        return stub(config)
    prepare(config)
    metrics.prepare(config.data_folder / "metrics")
    children = {"server": lambda: _serve(config)}
    if config.ops_port:
        children["operator port"] = lambda: _serve_operators(config)
    if config.atna_host:
        children["audit sender"] = lambda: send_for_ever(audit_sender_of(config), time.sleep)
    supervisor = Supervisor(children, (StorageError, ServerError, TrustFolderError, OSError))
    try:
        supervisor.start()
        supervisor.wait_until(lambda: _ready(config), READY_SECONDS)
        print(
            f"Ready in {time.monotonic() - started:.1f} s (dmpws {__version__}, profile {config.profile})\n", flush=True
        )
        status = _play(config) if args.demo else 0
        if not args.once:
            _announce(config)
            supervisor.watch()
    except SupervisorError as error:
        raise Failure(str(error), EXIT_INTERNAL) from None
    finally:
        supervisor.stop()
    return status


def stub(config: Config) -> int:
    """Serve canned answers: PKI and ports are all there is to prepare. Runs until a signal."""
    if not config.laboratory or config.tls != "direct":
        raise Failure(f"--stub is for the profiles {' and '.join(LABORATORY)}, and ends TLS itself", EXIT_USAGE)
    from dmpws.lab.stub import Stub, read_table  # noqa: PLC0415 - never in the other profiles

    _check_writable(config.data_folder)
    _check_port("HTTPS port", config.host, config.port)
    if not config.trust and not config.pki_folder.exists():
        create(config.pki_folder, now=datetime.now(UTC))
    required, table = config.client_certificate == "required", read_table()

    def load() -> Any:
        return build_stub_app(config, Stub(table, lambda: datetime.now(UTC), lambda line: print(line, flush=True)))

    for line in table.lines():
        print(line)
    listen = Listen(config.host, config.port, tls=_tls_files(config, required=required), threads=config.threads)
    supervisor = Supervisor({"server": lambda: Server(listen, load).run()}, (ServerError, TrustFolderError, OSError))
    try:
        supervisor.start()
        supervisor.wait_until(lambda: _listening(config), READY_SECONDS)
        print(f"\nReady (dmpws {__version__}, stub; client certificate {config.client_certificate})")
        _announce(config, stub=True)
        supervisor.watch()
    except SupervisorError as error:
        raise Failure(str(error), EXIT_INTERNAL) from None
    finally:
        supervisor.stop()
    return 0


def prepare(config: Config, now: datetime | None = None) -> None:
    """Check the clock, the folders and the ports; make the PKI, the tables and the cast where they are missing.

    now: aware, instead of the clock of the machine. Raises Failure with one sentence when something stands in the way,
    ConfigError when a file that the configuration names cannot be used.
    """
    now = now or datetime.now(UTC)
    if not EARLIEST < now < LATEST:
        raise Failure(f"the clock of this machine says {now:%Y-%m-%d %H:%M} UTC: set it before starting", EXIT_INTERNAL)
    _check_tls_mode(config)
    _check_journal(config)
    _check_atna(config)
    type_rights(config)
    _check_writable(config.data_folder)
    if not config.unix_socket:
        _check_port("HTTPS port", config.host, config.port)
    if config.ops_port:
        _check_port("operator port", "127.0.0.1", config.ops_port)
    laboratory = config.laboratory
    if (laboratory or config.profile == "ihe") and not config.trust and not config.pki_folder.exists():
        create(config.pki_folder, now=now)
    try:
        TrustStore.from_folder(trust_folder(config), TrustPolicy(crl=config.crl))
        with closing(store_of(config)) as store:
            migrate.upgrade(store.database.engine)
            store.recover()
            if laboratory:
                seed(store, now)
        if (journal := journal_of(config)) is not None:
            journal.close()  # made before two processes want to
    except (StorageError, TrustFolderError) as error:
        raise Failure(str(error), EXIT_INTERNAL) from None


def _check_tls_mode(config: Config) -> None:
    """Who ends TLS must be plain: headers of a proxy are believed in the proxy mode alone, and there from it alone."""
    from_proxy = config.unix_socket or config.proxy_secret
    if config.tls == "proxy" and not from_proxy:
        raise Failure("tls = proxy needs unix_socket or proxy_secret, to know the proxy by", EXIT_INTERNAL)
    if config.tls == "direct" and from_proxy:
        raise Failure("unix_socket and proxy_secret go with tls = proxy", EXIT_INTERNAL)


def _check_journal(config: Config) -> None:
    if config.journal and not config.encryption and not config.laboratory:
        raise Failure("journal = true needs encryption = true outside the profiles local and test", EXIT_INTERNAL)


def _check_atna(config: Config) -> None:
    for name in ("atna_authorities", "atna_certificate", "atna_key") if config.atna_host else ():
        if not Path(getattr(config, name)).is_file():
            raise Failure(f"atna_host needs {name}, a PEM file", EXIT_INTERNAL)


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Failure(f"{folder}: not writable ({error.strerror}); choose another with --data", EXIT_INTERNAL) from None


def _check_port(what: str, host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OverflowError:
            raise Failure(f"{what} {port}: a port is a number from 1 to 65535", EXIT_USAGE) from None
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            raise Failure(f"{what} {port}: {why}; choose another", EXIT_INTERNAL) from None


def _listening(config: Config) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((config.host, config.port)) == 0


def _ready(config: Config) -> bool:
    if not config.ops_port:
        return _listening(config)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{config.ops_port}/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


# The protocol port


def _serve(config: Config) -> None:
    def load() -> Any:
        recorder = metrics.Metrics()

        def observe(seen: Observed) -> None:
            recorder.observe(seen.operation or "none", seen.outcome, seen.seconds, seen.octets_in, seen.octets_out)

        lab = laboratory(config)
        app = disturbed(journalled(build_app(config, observers=[observe], lab=lab), config), lab)
        # What is loaded now lives as long as the worker: the collector need never look at it again, and the pages
        # stay shared between the workers.
        gc.collect()
        gc.freeze()
        return app

    listen = Listen(
        host=config.host,
        port=config.port,
        unix_socket=config.unix_socket,
        tls=_tls_files(config, required=not certificate_optional(config)) if config.tls == "direct" else None,
        workers=config.workers or os.cpu_count() or 1,
        threads=config.threads,
        reading_seconds=config.max_request_seconds,
        turned_away=_turned_away(config),
    )
    Server(listen, load).run()


def _turned_away(config: Config) -> TurnedAway | None:
    """Keeps in the journal why a card could not connect; in a laboratory alone: elsewhere anybody could fill it."""
    kept = journal_of(config) if config.laboratory else None
    return turned_away(kept.add) if kept is not None else None


def _tls_files(config: Config, *, required: bool) -> TlsFiles:
    """The files of the `direct` mode: those configured, or of the demo PKI; bundles of the trusted authorities."""
    trust = trust_folder(config)
    run = config.data_folder / "run"
    run.mkdir(exist_ok=True)
    authorities = _bundle(run / "authorities.pem", [trust / "anchors", trust / "intermediates"])
    crls = _bundle(run / "crls.pem", [trust / "crls"]) if config.tls_crl == "handshake" else None
    pki = open_pki(config.pki_folder) if not config.tls_certificate else None
    return TlsFiles(
        certificate=pki.server_certificate_file if pki else Path(config.tls_certificate),
        key=pki.server_key_file if pki else Path(config.tls_key),
        authorities=authorities,
        crls=crls,
        required=required,
    )


def _bundle(target: Path, folders: list[Path]) -> Path:
    """One PEM file of all PEM files of some folders, as OpenSSL wants it."""
    files = (file for folder in folders if folder.is_dir() for file in sorted(folder.iterdir()))
    target.write_bytes(b"\n".join(file.read_bytes() for file in files))
    return target


def _serve_operators(config: Config) -> None:
    Server(Listen(host="127.0.0.1", port=config.ops_port, threads=4), lambda: build_operator_app(config)).run()


# What a newcomer reads


def _play(config: Config) -> int:
    return play(f"https://localhost:{config.port}{SERVICES_PATH}", open_pki(config.pki_folder))


def _command() -> str:
    """How this program was called, to be called again."""
    path = Path(sys.argv[0])
    return f"{sys.executable} -m dmpws" if path.name == "__main__.py" else str(path)


def _announce(config: Config, *, stub: bool = False) -> None:
    services = f"https://localhost:{config.port}{SERVICES_PATH}"
    print(f"\nServices          {services}/<service>   contracts: {services}/patients?wsdl")
    if config.ops_port and not stub:
        lab = "  /lab" if config.laboratory else ""
        print(f"Operator port     http://127.0.0.1:{config.ops_port}/health  /ready  /metrics  /info  /journal{lab}")
        print(f"Parameters file   http://127.0.0.1:{config.ops_port}/parameters")
    if config.pki_folder.is_dir():
        pki = open_pki(config.pki_folder)
        cards = pki.folder / "cards"
        print(f"CA of the server  {pki.ca_file}")
        print(f"Client cards      {cards}/<card>/  auth.pem + auth.key (TLS), sign.pem + sign.key (VIHF, lot),")
        print(f"                  card.p12 (password {P12_PASSWORD}); `dmpws pki list` names them")
        if not stub:
            print(f"Try               {_command()} --data {config.data} demo --url {services}")
    print("", flush=True)
