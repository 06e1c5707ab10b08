"""TileSweep without an extract: the map is Overpass."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from lambdas.connectors.osm_object import PLACE_KEYS
from lambdas.runtime.errors import ServiceUnavailable
from lambdas.tile_sweep import state
from lambdas.tile_sweep.state import tile_sweep
from tests.unit.connectors.outside import Outside
from tests.unit.standin.client import EDINBURGH, Client

Make = Callable[..., Outside]


def named(client: Client) -> set[str]:
    """The record ids of what is to be found."""
    return {
        f"osm:{item.key}"
        for item in client.place("edinburgh").map.near(EDINBURGH.area)
        if item.name and set(PLACE_KEYS) & item.tags.keys()
    }


def sweeping(outside: Make, **options: object) -> Outside:
    run = outside(state="TileSweep", **options)
    assert run.job.sources is None
    return run


@pytest.mark.parametrize("cap", [4_000, 60])
def test_everything_on_the_map_is_found_once(outside: Make, client: Client, monkeypatch: pytest.MonkeyPatch, cap: int):
    monkeypatch.setattr(state, "OVERPASS_CAP", cap)
    run = sweeping(outside)
    output = run.stage(tile_sweep, {}, before="ExpandNeighbors")
    assert run.found().keys() == named(client)
    assert output.records == len(named(client)) == len(run.run.candidates())
    assert output.data["complete"]
    assert output.data["extract"] is None
    assert output.data["calls"] == len(client.log()["requests"]) == run.spent()
    assert (output.data["saturated"] > 0) == (cap == 60)


def test_a_wide_cell_is_asked_for_first(outside: Make):
    run = sweeping(outside)
    output = run.stage(tile_sweep, {}, before="ExpandNeighbors")
    assert output.data["calls"] < 40


def test_what_is_saturated_to_the_end_is_said(outside: Make, client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(state, "OVERPASS_CAP", 1)
    small = sweeping(outside, changes={"seed": {
        "type": "map", "center": {"lat": EDINBURGH.area.center.lat, "lng": EDINBURGH.area.center.lng},
        "radius_km": 0.03,
    }})  # fmt: skip
    client.faults({"service": "overpass", "fault": "status", "status": 200, "body": CROWD})
    output = small.stage(tile_sweep, {}, before="ExpandNeighbors")
    assert output.data["unresolved"] > 0


def test_an_answer_is_full_with_what_has_no_position(outside: Make, client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(state, "OVERPASS_CAP", 60)
    run = sweeping(outside)
    elements = json.loads(CROWD)["elements"]
    elements += [{"type": "relation", "id": ref, "tags": {"name": "R", "leisure": "park"}} for ref in range(59)]
    body = json.dumps({"elements": elements})
    client.faults({"service": "overpass", "fault": "status", "status": 200, "body": body, "times": 1})
    run.stage(tile_sweep, {}, before="ExpandNeighbors")
    # The cell was asked again in parts, which hold what the first answer had no room for.
    assert run.found().keys() - {"osm:node/1"} == named(client)


CROWD = (
    '{"elements": [{"type": "node", "id": 1, "lat": 55.9533, "lon": -3.1883, "tags": {"name": "A", "shop": "books"}}]}'
)


def test_a_retry_goes_on_from_where_overpass_failed(outside: Make, client: Client):
    run = sweeping(outside)
    client.faults({"service": "overpass", "fault": "remark", "keep": 2, "skip": 3, "times": 1})
    with pytest.raises(ServiceUnavailable):
        run.stage(tile_sweep, {}, before="ExpandNeighbors")
    asked = len(client.log()["requests"])
    run.run = run.another_run()
    output = run.stage(tile_sweep, None, before="ExpandNeighbors")
    assert run.found().keys() == named(client)
    assert len(client.log()["requests"]) == asked + output.data["calls"] - 3


def test_without_leave_to_ask_nothing_is_found_and_nothing_asked(outside: Make, client: Client):
    run = sweeping(outside, changes={"kill_switches": {"open_data": True}})
    output = run.stage(tile_sweep, {}, before="ExpandNeighbors")
    assert not output.data["complete"]
    assert run.run.skipped > 0
    assert client.log()["requests"] == []
