"""A running stand-in world, one for all folders whose tests change nothing in it but faults and log; and examples of
property tests take as long as the machine lets them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from scout.standin.server import StandIn
from tests.unit.standin.client import Client, new_world

settings.register_profile("no deadline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no deadline")


@pytest.fixture(scope="session")
def running_world() -> Iterator[StandIn]:
    with StandIn(new_world()) as standin:
        yield standin


@pytest.fixture
def client(running_world: StandIn) -> Client:
    """The world, without faults and with an empty log."""
    client = Client(running_world)
    client.faults()
    client.post("/_standin/log", {}, method="DELETE")
    return client
