"""The real states of finalization: what they do beyond what mock ones do."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lambdas.contracts.candidate import CANDIDATES, Address, Candidate, Licence
from lambdas.contracts.finalization import VARIABLE
from lambdas.contracts.manifest import RunStatus, StateMode
from lambdas.dedupe_canonicalize.handler import STAGES as DEDUPE
from lambdas.finalization.outputs import canonical_key, from_lines
from lambdas.finalize.handler import STAGES as FINALIZE
from lambdas.mock.handler import STAGES as MOCK
from lambdas.persist.handler import STAGES as PERSIST
from lambdas.rank.handler import STAGES as RANK
from lambdas.runtime import keys
from lambdas.runtime.errors import VerificationFailed
from tests.unit.mock.simulation import FINALIZATION, Simulation, example
from tests.unit.places.sightings import sighting

SLUG = "edinburgh"
OPEN = (Licence(id="CC0-1.0", attribution="Wikidata"),)
SHARED = (Licence(id="ODbL-1.0", attribution="(c) OpenStreetMap contributors", share_alike=True),)
CASTLE = sighting("osm:node/1", "Castle of Example", category="historic", names={"gd": "Caisteal"}, licences=SHARED)
CASTLE_TOO = sighting("wikidata:Q1", "Castle of Exampel", category="historic", east=15, licences=OPEN)
BAR = sighting("osm:way/2", "The Stand", category="bar", east=200, licences=SHARED)
WELL = sighting(
    "open_data:7",
    "Old Well",
    category="historic",
    north=300,
    licences=OPEN,
    address=Address(formatted_address="1 High Street"),
)
FOUND = [CASTLE, CASTLE_TOO, BAR, WELL]


def run_with(candidates: list[Candidate], run_id: str = "run-1", **standing: Any) -> Simulation:
    """A run whose four last states are real, up to its manifest."""
    simulation = Simulation(
        example("edinburgh"), run_id=run_id, stages={**MOCK, **DEDUPE, **PERSIST, **RANK, **FINALIZE}
    )
    simulation.modes |= dict.fromkeys(FINALIZATION, StateMode.REAL)
    simulation.s3.objects |= standing.get("objects", {})
    body = CANDIDATES.dump_json(candidates, exclude_none=True)
    simulation.s3.objects[keys.extracted(SLUG, run_id, "found")] = body
    previous = "TileSweep"
    for state in FINALIZATION:
        simulation.stage(state, previous, {"errors": {}})
        previous = state
    return simulation


def rows(body: bytes, query: str, tmp_path: Path) -> list[Any]:
    path = tmp_path / "places.parquet"
    path.write_bytes(body)
    return duckdb.sql(query.format(f"'{path}'")).fetchall()


def test_a_run_leaves_its_places_in_three_forms_and_names_each(tmp_path):
    simulation = run_with(FOUND)
    manifest = simulation.manifest()
    assert manifest.status is RunStatus.SUCCEEDED
    folder = f"cities/{SLUG}/run-1/"
    assert {output.key for output in manifest.outputs} == {
        f"{folder}{name}"
        for name in (
            "canonical.jsonl",
            "canonical.geojson",
            "canonical.parquet",
            "places.jsonl",
            "places.geojson",
            "places.parquet",
            "places-without-share-alike.jsonl",
            "ATTRIBUTION.json",
        )
    }
    places = simulation.places()
    table = rows(simulation.s3.objects[f"{folder}places.parquet"], "SELECT place_id, rank, lng FROM {}", tmp_path)
    assert table == [(place.place_id, place.rank, place.lng) for place in places]
    unranked = rows(simulation.s3.objects[f"{folder}canonical.parquet"], "SELECT count(*), max(rank) FROM {}", tmp_path)
    assert unranked == [(3, None)]
    features = json.loads(simulation.s3.objects[f"{folder}canonical.geojson"])["features"]
    assert len(features) == 3


def test_a_place_without_a_position_has_a_row_and_no_geometry(tmp_path):
    simulation = run_with([sighting("web:1", "Somewhere", lat=None, lng=None), BAR])
    table = rows(
        simulation.s3.objects[f"cities/{SLUG}/run-1/places.parquet"],
        "SELECT name, geometry IS NULL, sources, share_alike FROM {} ORDER BY name",
        tmp_path,
    )
    assert table == [("Somewhere", True, ["web"], False), ("The Stand", False, ["osm"], True)]


def test_forms_that_a_stack_does_not_want_are_not_written(monkeypatch):
    monkeypatch.setenv(VARIABLE, json.dumps({"persist": {"geojson": False, "parquet": False}}))
    names = {output.key.rpartition("/")[2] for output in run_with(FOUND).manifest().outputs}
    assert names == {
        "canonical.jsonl",
        "places.jsonl",
        "places.geojson",
        "places-without-share-alike.jsonl",
        "ATTRIBUTION.json",
    }


def test_places_keep_the_ids_of_the_last_run_though_their_leading_record_is_gone():
    first = run_with([CASTLE_TOO, WELL])
    ids = {place.name: place.place_id for place in first.places()}
    # Now OpenStreetMap has the castle too, and would give the place its name and id.
    second = run_with(FOUND, "run-2", objects=first.s3.objects)
    (castle,) = [place for place in second.places() if "wikidata:Q1" in place.members]
    assert castle.record_id == "osm:node/1"
    assert castle.place_id == ids["Castle of Exampel"]
    assert {place.place_id for place in second.places()} >= set(ids.values())


def test_a_retry_gives_the_same_ids_though_another_run_has_ended_meanwhile():
    first = run_with([CASTLE_TOO, WELL])
    second = run_with(FOUND, "run-2", objects=first.s3.objects)
    written = second.s3.objects["executions/run-2/DedupeCanonicalize/places.jsonl"]
    third = run_with([BAR], "run-3", objects=second.s3.objects)
    again = Simulation(example("edinburgh"), run_id="run-2", stages={**MOCK, **DEDUPE}, s3=third.s3)
    del again.s3.objects[keys.stage_output("run-2", "DedupeCanonicalize")]
    again.stage("DedupeCanonicalize", "TileSweep")
    assert again.s3.objects["executions/run-2/DedupeCanonicalize/places.jsonl"] == written


def test_a_last_run_whose_objects_are_gone_is_none():
    first = run_with([CASTLE_TOO])
    gone = {key: body for key, body in first.s3.objects.items() if key.endswith("latest.json")}
    assert run_with([CASTLE_TOO], "run-2", objects=gone).manifest().counts.places == 1


def test_the_export_without_share_alike_data_has_nothing_of_it():
    simulation = run_with(FOUND)
    body = simulation.s3.objects[keys.places_free(SLUG, "run-1")]
    places = from_lines(body)
    assert {place.name for place in places} == {"Castle of Exampel", "Old Well"}
    (castle,) = [place for place in places if place.members == ("wikidata:Q1",)]
    # The fused place has the name, the other language and the position of OpenStreetMap's sighting.
    assert castle.names == {}
    assert (castle.lat, castle.lng) == (CASTLE_TOO.lat, CASTLE_TOO.lng)
    assert castle.place_id in {place.place_id for place in simulation.places()}
    assert b"osm" not in body
    assert b"ODbL" not in body
    assert all(place.rank is None and place.score is None and not place.anchors for place in places)


def test_data_whose_terms_nobody_said_are_not_exported_as_free():
    unknown = sighting("web:1", "Hidden Garden", licences=(), north=900)
    simulation = run_with([WELL, unknown])
    assert [place.name for place in from_lines(simulation.s3.objects[keys.places_free(SLUG, "run-1")])] == ["Old Well"]
    credit = json.loads(simulation.s3.objects[keys.attribution(SLUG, "run-1")])
    assert credit["unlicensed"] == 1


def test_everybody_whose_data_is_inside_is_named():
    credit = json.loads(run_with(FOUND).s3.objects[keys.attribution(SLUG, "run-1")])
    assert credit["notice"] == "Wikidata; (c) OpenStreetMap contributors"
    assert [(one["id"], one["share_alike"], one["places"]) for one in credit["licences"]] == [
        ("CC0-1.0", False, 2),
        ("ODbL-1.0", True, 2),
    ]
    assert (credit["run_id"], credit["places"], credit["unlicensed"]) == ("run-1", 3, 0)


def test_the_manifest_says_how_far_each_bar_was_met(monkeypatch):
    monkeypatch.setenv(VARIABLE, json.dumps({"quality": {"min_places": 3, "min_addresses": 0.5, "min_niche": 0.3}}))
    manifest = run_with(FOUND).manifest()
    reached: dict[str, Any] = {name: (bar.value, bar.met) for name, bar in manifest.bars.items()}
    assert reached["places"] == (3, True)
    assert reached["duplicate_rate"] == (0, True)
    assert reached["within_50m"] == (1, True)
    assert reached["addresses"] == (pytest.approx(1 / 3, abs=1e-6), False)
    assert reached["niche"] == (pytest.approx(1 / 3, abs=1e-6), True)
    assert reached["secondaries_near"] == (0, False)
    assert manifest.coverage is not None
    assert 0 < manifest.coverage.covered < manifest.coverage.cells
    assert reached["covered"] == (round(manifest.coverage.covered / manifest.coverage.cells, 6), False)


def test_a_result_without_places_meets_and_misses_no_share():
    manifest = run_with([]).manifest()
    assert manifest.status is RunStatus.SUCCEEDED
    assert manifest.bars["places"].met is True
    assert {name for name, bar in manifest.bars.items() if bar.met is None} == {
        "duplicate_rate",
        "within_50m",
        "addresses",
        "niche",
        "secondaries_near",
        "scored",
    }


def test_two_sightings_that_should_have_been_one_are_counted():
    """A record that came to be a place of its own beside its double, as after a change of the model."""
    simulation = run_with([CASTLE, BAR])
    double = from_lines(simulation.s3.objects[keys.places(SLUG, "run-1")])[0]
    from lambdas.contracts.finalization import QualityBars
    from lambdas.finalize.bars import measure
    from lambdas.places.geo import Disc, Point

    other = double.model_copy(update={"record_id": "web:9", "place_id": "p_" + "0" * 20, "source": CASTLE_TOO.source})
    found = measure([double, other], Disc(Point(55.9533, -3.1883), 1000), "Edinburgh", QualityBars())
    assert found.bars["duplicate_rate"].value == 0.5
    assert found.bars["duplicate_rate"].met is False


def test_weights_and_numbers_of_the_stack_rank(monkeypatch):
    monkeypatch.setenv(VARIABLE, json.dumps({"rank": {"max_primaries": 1, "weights": {"geo_centrality": 100}}}))
    places = run_with(FOUND).places()
    assert [place.tier for place in places] == ["primary", "secondary", "secondary"]
    assert places[0].record_id == "osm:node/1"


def test_a_second_finalize_writes_the_same():
    simulation = run_with(FOUND)
    standing = dict(simulation.s3.objects)
    for state, previous in zip(FINALIZATION, ("TileSweep", *FINALIZATION), strict=False):
        del simulation.s3.objects[keys.stage_output("run-1", state)]
        simulation.stage(state, previous, {"errors": {}})
    same = {key: body for key, body in simulation.s3.objects.items() if "latest" not in key}
    assert same == {key: body for key, body in standing.items() if "latest" not in key}


def test_altered_places_are_found_out_before_any_form_is_written():
    simulation = run_with(FOUND)
    simulation.s3.objects["executions/run-1/DedupeCanonicalize/places.jsonl"] += b"{}\n"
    del simulation.s3.objects[keys.stage_output("run-1", "Persist")]
    with pytest.raises(VerificationFailed):
        simulation.stage("Persist", "DedupeCanonicalize")


def test_what_the_functions_are_told_is_refused_if_it_is_wrong(monkeypatch):
    monkeypatch.setenv(VARIABLE, json.dumps({"rank": {"weights": {"fame": 1}}}))
    with pytest.raises(ValueError, match="FINALIZATION is wrong"):
        run_with(FOUND)


def test_a_table_of_many_rows_is_written_in_groups(tmp_path):
    from lambdas.finalization.parquet import write_places

    (place,) = from_lines(run_with([BAR]).s3.objects[canonical_key(SLUG, "run-1")])
    file = io.BytesIO()
    write_places((place for _ in range(25_000)), file)
    count = rows(file.getvalue(), "SELECT count(*), count(DISTINCT row_group_id) FROM parquet_metadata({})", tmp_path)
    assert count[0][1] == 3
    assert rows(file.getvalue(), "SELECT count(*) FROM {}", tmp_path) == [(25_000,)]
