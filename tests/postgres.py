"""A real PostgreSQL for tests, on a free port of this machine; it may die and come back as often as a story needs."""

import atexit
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from care.database import Address
from tests.conftest import free_port

USER = "nachtwacht"
_BEGINS_WITH = "postgresql://"


@dataclass
class Postgres:
    """A cluster of its own in a folder."""

    folder: Path
    port: int
    fsync: bool = False  # where what is killed is a process, never the machine, nothing need be on disk
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if not (self.folder / "data").exists():
            self._run("initdb", "-D", str(self.folder / "data"), "-A", "trust", "-U", USER, "--no-sync", "-E", "UTF8")
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        options["fsync"] = "on" if self.fsync else "off"
        said = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        self.process = subprocess.Popen(
            [program("postgres"), "-D", str(self.folder / "data"), *said],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **_as_somebody(),
        )
        self._wait_until_open()

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """End it as fast as it may (SIGQUIT: at once, as at a crash, with all its children)."""
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(30)

    def new(self) -> Address:
        """Return the address of an empty database."""
        name = f"t{secrets.token_hex(6)}"
        with psycopg.connect(f"{_BEGINS_WITH}{USER}@127.0.0.1:{self.port}/postgres", autocommit=True) as db:
            db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return Address(f"{_BEGINS_WITH}{USER}@127.0.0.1:{self.port}/{name}")

    def empty(self, address: Address) -> None:
        """Take every row out of a database, for whoever has it next: that is quicker than a new one."""
        with psycopg.connect(address, autocommit=True) as db:
            found = db.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('people', 'looks')")
            tables = [sql.Identifier(*row) for row in found]
            if tables:
                db.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(tables)))

    def holding(self, words: str) -> list[Path]:
        """Return the files in which these words lie, its write-ahead log left out."""
        with psycopg.connect(f"{_BEGINS_WITH}{USER}@127.0.0.1:{self.port}/postgres", autocommit=True) as db:
            db.execute("CHECKPOINT")  # what is in memory is on disk, and files that nobody needs are gone
        files = [one for one in (self.folder / "data").rglob("*") if one.is_file() and "pg_wal" not in one.parts]
        return [file for file in files if words.encode() in file.read_bytes()]

    def _wait_until_open(self, seconds: float = 30) -> None:
        """Wait until it takes connections: it listens before. Bounded."""
        end = time.monotonic() + seconds
        while True:
            try:
                psycopg.connect(f"{_BEGINS_WITH}{USER}@127.0.0.1:{self.port}/postgres", connect_timeout=2).close()
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
            else:
                return

    def _run(self, name: str, *words: str) -> None:
        subprocess.run([program(name), *words], check=True, capture_output=True, timeout=60, **_as_somebody())


def program(name: str) -> str:
    """Return where a program of PostgreSQL's server is; Debian keeps each version's in a folder of its own."""
    places = [str(folder) for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    found = shutil.which(name, path=os.pathsep.join([*places, os.environ["PATH"]]))
    if found is None:
        pytest.exit("PostgreSQL is not installed: run 'make setup', which installs it or names the command.", 3)
    return found


def new_postgres(folder: Path, *, fsync: bool = False) -> Postgres:
    """Start a server in a folder; with `fsync` as one is run that must not lose what it said it has.

    It will not run as root. Then it lies in a folder of its own: any run of pytest that begins shuts its parent's.
    """
    if os.geteuid() == 0:
        folder = Path(tempfile.mkdtemp(prefix="nachtwacht-postgres-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        shutil.chown(folder, "postgres")
    made = Postgres(folder, free_port(), fsync)
    made.start()
    return made


def _as_somebody() -> dict[str, Any]:
    """Return as whom it runs: it will not as root."""
    if os.geteuid() != 0:
        return {}
    who = pwd.getpwnam("postgres")
    return {"user": who.pw_uid, "group": who.pw_gid}
