"""Persist with PostgreSQL: places as rows of four tables, put in as often as a retry likes."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lambdas.contracts.candidate import Place
from lambdas.contracts.finalization import PostgresSettings
from lambdas.persist.postgres import KEYS, Access, Database
from lambdas.places.dedupe import dedupe
from lambdas.runtime.context import Deadline
from lambdas.runtime.errors import AccessDenied, InvalidInput, ServiceUnavailable
from lambdas.runtime.run import Run
from tests.integration.finalization.conftest import Server
from tests.unit.places.sightings import sighting

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("postgres")]

AT, LATER = "2026-01-02T00:00:00.000Z", "2026-01-03T00:00:00.000Z"
NONE = dict.fromkeys((f"{table}_rows" for table in KEYS), 0)


@pytest.fixture
def database(postgres: Server) -> str:
    return postgres.database()


def settings(**changes: Any) -> PostgresSettings:
    return PostgresSettings.parse({"secret": "places/database", "tls": False, **changes})


def places(*, name: str = "National Museum") -> list[Place]:
    found = [
        sighting("osm:node/1", name, refs={"osm_type": "node", "osm_id": "1", "wikidata_id": "Q5"}, phone="1 2"),
        sighting("google:x", name, east=10, refs={"google_place_id": "x"}),
        sighting("osm:way/2", "The Stand", category="bar", east=200, refs={"osm_type": "way", "osm_id": "2"}),
        sighting("web:3", "Somewhere", lat=None, lng=None, category=None),
    ]
    return list(dedupe(found, city="Edinburgh", merged_at=AT).places)


def run_of(run_id: str = "run-1", at: str = AT) -> Run:
    job, record = SimpleNamespace(city="Edinburgh"), SimpleNamespace(started_at=at)
    return cast(Run, SimpleNamespace(run_id=run_id, job=job, record=record))


def put(
    server: Server, database: str, found: Sequence[Place], run: Run | None = None, near: Any = (), **changes: Any
) -> dict[str, int]:
    with Database(Access.of_secret(server.url(database)), settings(**changes), Deadline(60)) as open_database:
        return open_database.upsert(found, near, run or run_of())


def rows(server: Server, database: str, query: str) -> list[Any]:
    with server.connect(database) as connection:
        return list(connection.run(query) or [])


def test_places_become_rows_of_four_tables(postgres, database):
    museum, somewhere, stand = sorted(places(), key=lambda place: place.name)
    near = [(museum.place_id, "osm:way/2", 190.0), (museum.place_id, "osm:node/404", 5.0)]
    changed = put(postgres, database, places(), near=near)
    assert changed == {
        "t_locations_prd_rows": 3,
        "t_location_coordinates_rows": 2,
        "t_locations_prd_details_rows": 3,
        "t_location_neighborhoods_rows": 1,
    }
    assert rows(postgres, database, "SELECT place_id, externalid, city, run_id FROM t_locations_prd ORDER BY name") == [
        [museum.place_id, "x", "Edinburgh", "run-1"],
        [somewhere.place_id, "web:3", "Edinburgh", "run-1"],
        [stand.place_id, "way/2", "Edinburgh", "run-1"],
    ]
    (details,) = rows(
        postgres,
        database,
        "SELECT members, additional_content->>'phone', external_refs->>'wikidata_id', length(h3_index_12), h3_index_8"
        " FROM t_locations_prd_details WHERE 'osm:node/1' = ANY (members)",
    )
    assert details[:4] == [["google:x", "osm:node/1"], "1 2", "Q5", 15]
    assert details[4].startswith("88")
    assert rows(postgres, database, "SELECT place_id, neighbor_id, distance_m FROM t_location_neighborhoods") == [
        [museum.place_id, stand.place_id, pytest.approx(200, abs=15)]
    ]
    indexes = rows(
        postgres,
        database,
        "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%pkey'",
    )
    assert len(indexes) == 4


def test_a_repetition_changes_nothing(postgres, database):
    put(postgres, database, places())
    assert put(postgres, database, places()) == NONE


def test_a_later_run_changes_what_it_found_and_an_earlier_one_changes_nothing_back(postgres, database):
    put(postgres, database, places())
    renamed = places(name="National Museum of Examples")
    changed = put(postgres, database, renamed[:1], run_of("run-2", LATER))
    assert changed["t_locations_prd_rows"] == 1
    assert put(postgres, database, places()) == NONE
    found = rows(postgres, database, "SELECT name, run_id FROM t_locations_prd")
    assert [renamed[0].name, "run-2"] in found
    assert len(found) == 3


def test_small_batches_put_in_the_same(postgres, database):
    assert put(postgres, database, places(), batch=1)["t_locations_prd_rows"] == 3
    assert put(postgres, database, places(), batch=1000) == NONE


def test_texts_of_every_kind_arrive_as_they_are(postgres, database):
    names = [
        "Robert'); DROP TABLE t_locations_prd;--",
        'quo"te \\u0000 \\\\',
        "東京タワー",
        "a:b :rows {x}",
        "😀",
        "%s $1",
    ]
    found = [sighting(f"web:{n}", name, east=5_000.0 * n) for n, name in enumerate(names)]
    put(postgres, database, dedupe(found, city="x", merged_at=AT).places)
    assert {name for (name,) in rows(postgres, database, "SELECT name FROM t_locations_prd")} == set(names)


def test_a_character_that_postgres_has_not_is_replaced(postgres, database):
    (place,) = dedupe([sighting("web:1", "Bar", names={"x": "a\x00b\\\x00"})], city="x", merged_at=AT).places
    put(postgres, database, [place])
    ((names,),) = rows(postgres, database, "SELECT names FROM t_locations_prd")
    assert names == {"x": "a\ufffdb\\\ufffd"}


def test_many_functions_at_once_make_the_tables_and_put_the_places_in_once(postgres, database):
    errors: list[Exception] = []

    def work() -> None:
        try:
            put(postgres, database, places())
        except Exception as error:  # noqa: BLE001 - whatever it is
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A deadlock is told as one that passes, and a retry finds what was committed.
    assert all(isinstance(error, ServiceUnavailable) for error in errors)
    put(postgres, database, places())
    assert rows(postgres, database, "SELECT count(*) FROM t_locations_prd") == [[3]]


def test_the_tables_stand_in_the_schema_of_the_stack(postgres, database):
    with pytest.raises(InvalidInput, match="no schema has been selected"):
        put(postgres, database, places(), table_schema="atlas")
    rows(postgres, database, "CREATE SCHEMA atlas")
    put(postgres, database, places(), table_schema="atlas")
    assert rows(postgres, database, "SELECT count(*) FROM atlas.t_locations_prd") == [[3]]


def test_a_row_that_is_refused_leaves_nothing_of_its_batch(postgres, database):
    put(postgres, database, [])
    rows(postgres, database, "ALTER TABLE t_locations_prd_details ADD CHECK (h3_index_8 IS NOT NULL)")
    with pytest.raises(InvalidInput, match=r"violates check constraint .* \(23514\)"):
        put(postgres, database, places())
    assert rows(postgres, database, "SELECT count(*) FROM t_locations_prd") == [[0]]


def test_who_may_not_is_told_so(postgres, database):
    access = Access.of_secret(postgres.url(database))
    with pytest.raises(AccessDenied, match="password authentication failed"):
        Database(dataclasses.replace(access, password="wrong"), settings(), Deadline(60))
    with postgres.connect(database) as connection:
        connection.run(f"CREATE ROLE guest_{database} LOGIN PASSWORD '{postgres.password}'")
    guest = Access.of_secret(postgres.url(database, f"guest_{database}"))
    with Database(guest, settings(), Deadline(60)) as open_database, pytest.raises(AccessDenied, match="42501"):
        open_database.upsert(places(), (), run_of())


def test_who_puts_places_in_need_not_be_who_makes_the_tables(postgres, database):
    put(postgres, database, [])
    with postgres.connect(database) as connection:
        connection.run(f"CREATE ROLE writer_{database} LOGIN PASSWORD '{postgres.password}'")
        connection.run(f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO writer_{database}")
    writer = Access.of_secret(postgres.url(database, f"writer_{database}"))
    with Database(writer, settings(), Deadline(60)) as open_database:
        assert open_database.upsert(places(), (), run_of())["t_locations_prd_rows"] == 3


def test_a_server_that_is_not_there_is_worth_another_attempt(postgres, database):
    access = dataclasses.replace(Access.of_secret(postgres.url(database)), port=1)
    with pytest.raises(ServiceUnavailable, match="could not be reached"):
        Database(access, settings(), Deadline(60))


def test_a_connection_that_is_ended_is_worth_another_attempt(postgres, database):
    with Database(Access.of_secret(postgres.url(database)), settings(), Deadline(60)) as open_database:
        rows(
            postgres,
            database,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'data-scout'",
        )
        with pytest.raises(ServiceUnavailable):
            open_database.upsert(places(), (), run_of())


def test_an_encrypted_connection_trusts_the_authority_of_the_secret_alone(postgres, database):
    access = Access.of_secret(postgres.url(database))
    with pytest.raises(InvalidInput, match=r"is not trusted \(.*certificate.*\): put .* into the member ca"):
        Database(access, settings(tls=True), Deadline(60))
    for broken in ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "a file of Ü", " "):
        with pytest.raises(InvalidInput, match=r"ca of the secret .* is no certificate in PEM"):
            Database(dataclasses.replace(access, ca=broken), settings(tls=True), Deadline(60))
    trusting = Access.of_secret(
        json.dumps(
            {"host": "localhost", "username": "tester", "password": postgres.password, "dbname": database}
            | {"port": postgres.port, "ca": postgres.ca}
        )
    )
    with pytest.raises(InvalidInput, match=r"is not trusted \(.*mismatch.*\): name its host"):
        Database(dataclasses.replace(trusting, host="127.0.0.1"), settings(tls=True), Deadline(60))
    with Database(trusting, settings(tls=True), Deadline(60)) as open_database:
        assert open_database.upsert(places(), (), run_of())["t_locations_prd_rows"] == 3


@pytest.mark.parametrize(
    "text",
    ["", "mysql://a:b@host/db", "postgresql://host", "{}", '{"host": 5, "username": "a", "dbname": "b"}', "[1]", "{"],
)
def test_a_secret_that_holds_no_connection_is_refused_without_being_repeated(text: str):
    with pytest.raises(ValueError, match="it is neither postgresql://") as refused:
        Access.of_secret(text)
    assert len(text) < 8 or text not in str(refused.value)


def test_a_password_with_every_kind_of_character_is_read_and_never_shown():
    access = Access.of_secret("postgresql://me:p%40ss%2Fw%3A%23@db.example:6543/places")
    assert access == Access("db.example", "places", "me", "p@ss/w:#", 6543)
    assert "p@ss" not in repr(access)
