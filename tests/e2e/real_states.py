"""A stack of its own in which some states are real, in a stand-in world of a small disc; all other states are mock."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from lambdas.contracts.job import RunInput
from lambdas.places.geo import Disc
from scout.deployment import Deployment
from scout.embedded.deploy.commands import deploy
from scout.embedded.emulator.instance import Emulator
from scout.standin import overture
from scout.standin.server import StandIn
from scout.standin.towns import Town
from scout.standin.world import World
from tests.e2e.support import changed, example
from workflow.city_states import CityState

PROJECT = Path(__file__).resolve().parents[2]


def small_job(name: str, radius_km: float = 1) -> RunInput:
    """A small disc: mock states have a city of their own for each, which the world here is made of, too."""
    small = example("budget-test-small")
    return changed(
        small,
        job_id=f"{name}-001",
        seed={"type": "map", "center": {"lat": 55.9533, "lng": -3.1883}, "radius_km": radius_km},
        budgets={**small.document()["budgets"], "web": {"bytes_per_min": 10_000_000, "max_bytes_total": 100_000_000}},
        early_stop={"min_new_unique_rate": 0.0, "window_calls": 50},
        s3_prefix=f"tests/{name}/",
    )


def world_of(job: RunInput) -> StandIn:
    """The outside services for a job; a context manager."""
    center = job.seed.center
    return StandIn(World([Town(job.city, Disc.of(center.lat, center.lng, job.seed.radius_km * 1000))]))


@contextlib.contextmanager
def own_emulator(folder: Path) -> Iterator[Emulator]:
    """An embedded AWS beside the one that tests share: what all its accounts may read is of one world alone."""
    emulator = Emulator.start(folder, cache_dir=PROJECT / ".scout" / "cache", timeout=180)
    try:
        yield emulator
    finally:
        emulator.stop()


def connectors_of(standin: StandIn, emulator: Emulator, *cities: str) -> dict[str, Any]:
    """Where a stack finds the whole world, Overture Maps with it, which some of its cities are published of."""
    overture.publish(standin.app.world, emulator.endpoint_url, cities or None)
    return {**standin.connectors, "overture": {"endpoint_url": emulator.endpoint_url, "release": overture.RELEASE}}


def new_account() -> str:
    """Twelve digits that nobody else uses."""
    return f"{secrets.randbelow(9 * 10**11) + 10**11}"


def deployed(
    emulator: Emulator,
    folder: Path,
    real: Collection[CityState],
    connectors: Mapping[str, Any],
    *,
    account: str | None = None,
    stack: str = "mock",
    **settings: Mapping[str, Any],
) -> Deployment:
    """Deploy the stack.

    Args:
        emulator: The embedded AWS.
        folder: For its state.
        real: The states that are real.
        connectors: Where they find the outside services.
        account: Twelve digits; with those of an earlier deployment and its folder, that one is changed. Without, an
            account of its own.
        stack: Whose other settings it has.
        **settings: Further settings of the stack, by their keys.
    """
    account = account or new_account()
    over = {
        "data-scout:states": json.dumps({state: "real" if state in real else "mock" for state in CityState}),
        # The world's Overture Maps are on the embedded AWS only where a test brings them there.
        "data-scout:connectors": json.dumps({"overture": {"enabled": False}, **connectors}),
        **{f"data-scout:{key}": json.dumps(value) for key, value in settings.items()},
    }
    result = deploy(PROJECT, stack, emulator, folder, account=account, over=over)
    return Deployment.of(stack, emulator.session(account, result.outputs["region"]), result.outputs)
