"""How much of what the stand-in's web says of places is extracted: every page of two towns, and the sites of places."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import pytest

from lambdas.contracts.candidate import CANDIDATES, Candidate
from lambdas.mock.web import Mention
from lambdas.places.geo import distance_m
from scout.standin.server import StandIn
from scout.standin.sites import Sites
from tests.unit.extract_with_llm.extracting import Extracting
from tests.unit.fetching.runs import job

pytestmark = pytest.mark.usefixtures("extracting")

TOWNS = ("edinburgh", "tokyo")
# Printed with five decimals, as people write them.
_ROUNDED_M = 2.0
_OWN_SITES = 120


def read(reading: Extracting, sites: Sites, host: str, path: str) -> Sequence[Candidate]:
    sent = sites.get(host, path)
    assert sent is not None
    return CANDIDATES.validate_json(json.dumps(reading.page(sent.body.decode()).data["candidates"]))


def count(mention: Mention, place: Candidate) -> Counter[str]:
    """What of a mention is told, and what of it was extracted."""
    counted = Counter({"found": 1, "kinds": place.category == mention.category})
    if mention.local_name is not None:
        counted += Counter({"local": 1, "local found": mention.local_name in {place.name, *place.names.values()}})
    if mention.at is not None:
        counted["positions"] += 1
        if place.lat is not None and place.lng is not None:
            counted["positions found"] += distance_m((place.lat, place.lng), mention.at) <= _ROUNDED_M
    return counted


@pytest.mark.parametrize("town", TOWNS)
def test_what_pages_say_of_places_is_extracted(standin: StandIn, town: str) -> None:
    # A run with a budget for all of them.
    reading = Extracting(job("tokyo"))
    sites = Sites(standin.app.world)
    counted: Counter[str] = Counter()
    missed: list[tuple[str, str]] = []
    for page in sites.of(standin.app.world.places[town]).pages.values():
        found = read(reading, sites, page.host, page.url.split("/", 3)[3])
        counted["extracted"] += len(found)
        by_name = {name: place for place in found for name in (place.name, *place.names.values())}
        for mention in page.mentions:
            counted["said"] += 1
            if mention.name in by_name:
                told = count(mention, by_name[mention.name])
                # Running text gives the name in the page's language alone.
                counted += told if page.style != "prose" else told - Counter(local=told["local"])
            else:
                missed.append((page.url, mention.name))
    assert counted["said"] > 500
    assert counted["found"] / counted["said"] >= 0.98, missed[:10]
    assert counted["found"] / counted["extracted"] >= 0.98, counted
    assert counted["positions found"] / counted["positions"] >= 0.98, counted
    assert counted["local found"] >= 0.98 * counted["local"], counted
    # schema.org has no type for some of the kinds.
    assert counted["kinds"] / counted["found"] >= 0.9, counted


@pytest.mark.parametrize("town", TOWNS)
def test_a_place_is_extracted_from_its_own_site(standin: StandIn, town: str) -> None:
    reading = Extracting(job("tokyo"))
    sites = Sites(standin.app.world)
    owners = [entity for entity in standin.app.world.places[town].city.entities if entity.website][:_OWN_SITES]
    missed = []
    for entity in owners:
        assert entity.website is not None
        found = read(reading, sites, entity.website.split("/")[2], "")
        names = {name for place in found for name in (place.name, *place.names.values())}
        if names.isdisjoint(entity.names.values()):
            missed.append(entity.website)
    assert len(owners) == _OWN_SITES
    assert len(missed) / len(owners) <= 0.02, missed[:10]
