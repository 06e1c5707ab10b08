"""A real PostgreSQL server (Debian's package), started for these tests on a free port of this machine."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pg8000.native
import pytest
import trustme

# Where Debian and Red Hat keep what they do not put on PATH.
_FOLDERS = ("/usr/lib/postgresql", "/usr/pgsql")
_UP_SECONDS = 60


@dataclass(frozen=True)
class Server:
    """A running server: one superuser, databases on demand, TLS with a certificate of its own."""

    port: int
    password: str
    ca: str

    def database(self) -> str:
        """A new, empty database."""
        name = f"places_{secrets.token_hex(4)}"
        with self.connect("postgres") as connection:
            connection.run(f"CREATE DATABASE {name}")
        return name

    def connect(self, database: str) -> pg8000.native.Connection:
        return pg8000.native.Connection(
            "tester", host="127.0.0.1", port=self.port, database=database, password=self.password, timeout=30
        )

    def url(self, database: str, user: str = "tester") -> str:
        return f"postgresql://{user}:{self.password}@localhost:{self.port}/{database}"


def _program(name: str) -> str:
    found = [path for folder in _FOLDERS for path in Path("/").glob(f"{folder[1:]}*/*/bin/{name}")]
    program = shutil.which(name) or (str(max(found)) if found else None)
    assert program, f"{name} is needed: apt-get install postgresql"
    return program


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    # The server refuses to run as root; its folder has to be its user's, and pytest's are closed to others.
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    folder = Path(tempfile.mkdtemp(prefix="places-postgres-"))
    authority = trustme.CA()
    password, port = secrets.token_hex(8), _free_port()
    try:
        (folder / "password").write_text(password)
        certificate = authority.issue_cert("localhost")
        certificate.private_key_pem.write_to_path(str(folder / "server.key"))
        (folder / "server.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        (folder / "server.key").chmod(0o600)
        if os.geteuid() == 0:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, user)
        data = folder / "data"
        subprocess.run(
            [
                _program("initdb"), "-D", data, "-U", "tester", "-A", "scram-sha-256", "--pwfile", folder / "password",
                "-E", "UTF8", "--no-locale", "--no-sync",
            ],
            user=user, cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
        options = {
            "listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": folder, "fsync": "off",
            "ssl": "on", "ssl_cert_file": folder / "server.pem", "ssl_key_file": folder / "server.key",
        }  # fmt: skip
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [_program("postgres"), "-D", data, *(f"--{name}={value}" for name, value in options.items())],
                user=user, cwd=folder, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            standing = Server(port, password, authority.cert_pem.bytes().decode())
            _await(standing, folder / "log")
            yield standing
        finally:
            server.terminate()
            server.wait(30)
    finally:
        shutil.rmtree(folder)


def _await(server: Server, log: Path) -> None:
    until = time.monotonic() + _UP_SECONDS
    while True:
        try:
            server.connect("postgres").close()
            return
        except (pg8000.Error, OSError):
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
