"""Places in PostgreSQL: upserts that may be repeated, in transactions of some thousand rows."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import islice
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import pg8000
from pg8000.native import Connection, identifier

from lambdas.contracts.candidate import Place
from lambdas.contracts.finalization import PostgresSettings
from lambdas.persist.rows import Row, neighborhood_rows, rows_of
from lambdas.places.near import Near
from lambdas.runtime.context import Deadline
from lambdas.runtime.errors import AccessDenied, InvalidInput, ServiceUnavailable
from lambdas.runtime.run import Run
from lambdas.runtime.secrets import secret_text

KEYS: Mapping[str, tuple[str, ...]] = {
    "t_locations_prd": ("place_id",),
    "t_location_coordinates": ("place_id",),
    "t_locations_prd_details": ("place_id",),
    "t_location_neighborhoods": ("place_id", "neighbor_id"),
}
"""The tables, in the order in which rows refer to each other, with their primary keys."""

# U+0000 is a character in JSON, and none in PostgreSQL's text. Behind an escaped backslash it is no escape.
_NULL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
# Makers of the tables wait for each other: two CREATE TABLE IF NOT EXISTS at once may collide in the catalogue.
_LOCK = 0x6461_7461_5F73_636F
_DEFAULT_PORT = 5432
# Classes of SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html) that pass: connection, rollback
# for another transaction's sake, resources, intervention of an operator, failure of the system.
_PASSING = ("08", "40", "53", "55", "57", "58")
_NOT_ALLOWED = ("28", "42501")
# Results of OpenSSL's verification: the issuer of a certificate is not there, or signed by itself
# (https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/).
_UNKNOWN_ISSUER = frozenset({18, 19, 20, 21})


@dataclass(frozen=True)
class Access:
    """How a database is reached.

    Attributes:
        host: Its host.
        database: Its name.
        user: As whom.
        password: With which password, if any.
        port: Its port.
        ca: A certificate authority, as PEM, that is trusted in place of the system's.
    """

    host: str
    database: str
    user: str
    password: str | None = field(default=None, repr=False)
    port: int = _DEFAULT_PORT
    ca: str | None = field(default=None, repr=False)

    @classmethod
    def of_secret(cls, text: str) -> Self:
        """Read a secret: ``postgresql://user:password@host:port/database``, or the JSON that RDS keeps in its own.

        The JSON has ``host``, ``username``, ``password``, ``dbname`` and ``port``; a member ``ca`` may stand beside.

        Raises:
            ValueError: It is neither. The message does not repeat it.
        """
        try:
            if text.lstrip().startswith("{"):
                said = json.loads(text)
                port = int(said.get("port", _DEFAULT_PORT))
                parts = (said["host"], said["dbname"], said["username"], said.get("password"), port, said.get("ca"))
            else:
                url = urlsplit(text.strip())
                if url.scheme not in {"postgresql", "postgres"}:
                    raise ValueError(url.scheme)
                password = None if url.password is None else unquote(url.password)
                name, user = unquote(url.path.lstrip("/")), unquote(url.username or "")
                parts = (url.hostname or "", name, user, password, url.port or _DEFAULT_PORT, None)
            if not all(isinstance(part, str) and part for part in parts[:3]):
                raise ValueError("host, database and user are needed")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ValueError("it is neither postgresql://user:password@host:port/database nor RDS's JSON") from None
        return cls(*parts)


class Database:
    """A connection that puts places in.

    Args:
        access: Where, and as whom.
        settings: How.
        deadline: When this invocation ends.
    """

    def __init__(self, access: Access, settings: PostgresSettings, deadline: Deadline) -> None:
        self._settings = settings
        self._deadline = deadline
        self._statements: dict[str, str] = {}
        with _named_errors():
            self._connection = Connection(
                access.user,
                host=access.host,
                database=access.database,
                port=access.port,
                password=access.password,
                timeout=settings.timeout_seconds,
                ssl_context=_tls(access.ca) if settings.tls else None,
                application_name="data-scout",
            )

    @classmethod
    def of(cls, settings: PostgresSettings, deadline: Deadline) -> Self:
        """Connect to the database that a secret names.

        Raises:
            AccessDenied: The function may not read the secret, or the database does not let it in.
            InvalidInput: The secret does not exist, or holds no connection; the database's certificate is not trusted.
            ServiceUnavailable: One of the two could not be reached.
        """
        return cls(_access(settings.secret), settings, deadline)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._connection.close()
        except (pg8000.Error, OSError):
            # Whatever broke the connection has been raised where it was used.
            return

    def upsert(self, places: Sequence[Place], near: Sequence[Near], run: Run) -> dict[str, int]:
        """Put the places of a run in. What a later run has written stays.

        Args:
            places: The places.
            near: The NEAR edges.
            run: The run.

        Returns:
            For each table how many rows were new or changed, as metrics. A repetition changes none.

        Raises:
            ServiceUnavailable: The database was lost or busy; what was committed is found again by a retry.
            AccessDenied: The user lacks a right.
            InvalidInput: The database refuses a row.
        """
        seen_at = run.record.started_at
        changed = dict.fromkeys(KEYS, 0)
        with _named_errors():
            self._connection.run("SELECT set_config('search_path', :path, false)", path=self._settings.table_schema)
            self._make_tables()
            waiting = iter(places)
            while batch := list(islice(waiting, self._settings.batch)):
                rows: dict[str, list[Row]] = {table: [] for table in KEYS}
                for place in batch:
                    made = rows_of(place, city=run.job.city, run_id=run.run_id, seen_at=seen_at)
                    for table, row in made.items():
                        rows[table].append(row)
                self._write(rows, changed)
            edges = iter(neighborhood_rows(places, near, seen_at=seen_at))
            while chunk := list(islice(edges, self._settings.batch)):
                self._write({"t_location_neighborhoods": chunk}, changed)
        return {f"{table}_rows": count for table, count in changed.items()}

    def _make_tables(self) -> None:
        """Make the tables, unless all are there: IF NOT EXISTS asks for the right to create one in any case."""
        names = self._connection.run(
            "SELECT to_regclass(name) FROM unnest(CAST(:names AS text[])) AS name", names=[*KEYS]
        )
        if all(name for (name,) in names or ()):
            return
        self._connection.run("BEGIN")
        self._connection.run("SELECT pg_advisory_xact_lock(:lock)", lock=_LOCK)
        self._connection.run(files("lambdas.persist").joinpath("schema.sql").read_text(encoding="utf-8"))
        self._connection.run("COMMIT")

    def _write(self, rows: Mapping[str, Sequence[Row]], changed: dict[str, int]) -> None:
        """All rows in one transaction."""
        self._deadline.check()
        self._connection.run("BEGIN")
        for table, of_table in rows.items():
            if of_table:
                text = _NULL.sub(r"\1\\ufffd", json.dumps(of_table, ensure_ascii=False))
                self._connection.run(self._statement(table), rows=text)
                changed[table] += self._connection.row_count
        self._connection.run("COMMIT")

    def _statement(self, table: str) -> str:
        """An upsert of rows that come as one JSON array, so that their number does not matter to the protocol."""
        if table not in self._statements:
            named = self._connection.run(
                "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:table AS regclass) AND attnum > 0"
                " AND NOT attisdropped ORDER BY attnum",
                table=table,
            )
            key, columns = KEYS[table], [name for (name,) in named or ()]
            others = ", ".join(
                f"{identifier(name)} = EXCLUDED.{identifier(name)}" for name in columns if name not in key
            )
            old = ", ".join(f"{table}.{identifier(name)}" for name in columns)
            new = ", ".join(f"EXCLUDED.{identifier(name)}" for name in columns)
            self._statements[table] = (
                f"INSERT INTO {table} AS {table} SELECT * FROM"  # noqa: S608 - names of this module and of the catalogue
                f" jsonb_populate_recordset(CAST(NULL AS {table}), CAST(:rows AS jsonb))"
                f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {others}"
                f" WHERE {table}.seen_at <= EXCLUDED.seen_at AND ({old}) IS DISTINCT FROM ({new})"
            )
        return self._statements[table]


def _access(secret: str) -> Access:
    text = secret_text(secret)
    if text is None:
        raise InvalidInput(f"The secret {secret} of persist.postgres does not exist, or holds no text.")
    try:
        return Access.of_secret(text)
    except ValueError as error:
        raise InvalidInput(f"The secret {secret} of persist.postgres: {error}.") from error


def _tls(ca: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=ca)
    except (ssl.SSLError, TypeError) as error:
        # TypeError: PEM is ASCII.
        raise InvalidInput(
            f"The member ca of the secret of persist.postgres is no certificate in PEM: {error}."
        ) from error


@contextmanager
def _named_errors() -> Iterator[None]:
    """What the driver raises, by the names that Retry knows."""
    try:
        yield
    except pg8000.DatabaseError as error:
        said: Mapping[str, Any] = error.args[0] if error.args and isinstance(error.args[0], Mapping) else {}
        state, text = str(said.get("C", "")), str(said.get("M", error))
        if state.startswith(_NOT_ALLOWED):
            raise AccessDenied(f"PostgreSQL does not let this function in or do this: {text} ({state}).") from error
        if state.startswith(_PASSING):
            raise ServiceUnavailable(f"PostgreSQL is busy or going down: {text} ({state}).") from error
        raise InvalidInput(f"PostgreSQL refuses the places: {text} ({state or 'no code'}).") from error
    except ssl.SSLCertVerificationError as error:
        advice = "name its host in the secret of persist.postgres as it does, or have it renewed"
        if error.verify_code in _UNKNOWN_ISSUER:
            advice = "put the authority that issued it, as PEM, into the member ca of the secret of persist.postgres"
        raise InvalidInput(
            f"The certificate of PostgreSQL is not trusted ({error.verify_message}): {advice}."
        ) from error
    except (pg8000.Error, OSError) as error:
        raise ServiceUnavailable(f"PostgreSQL could not be reached, or was lost: {error}") from error
