"""Google Places (New): ids of places by their names, and nothing more."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.places.geo import offset
from scout.standin.google import place_id
from tests.unit.standin.client import Client

HEADERS = {"X-Goog-Api-Key": "AIza-any", "X-Goog-FieldMask": "places.id"}


def search(client: Client, document: Any, headers: dict[str, str] = HEADERS) -> tuple[int, Any]:
    reply = client.post("/google/v1/places:searchText", document, **headers)
    return reply.status, reply.json()


def test_a_place_is_known_by_its_name_where_it_is(client: Client):
    known = next(one for one in client.place("edinburgh").commercial.sightings if one.entity)
    low, high = offset(known.at, -100, -100), offset(known.at, 100, 100)
    corners = {
        "low": {"latitude": low.lat, "longitude": low.lng},
        "high": {"latitude": high.lat, "longitude": high.lng},
    }
    asked = {"textQuery": f"{known.name}, Edinburgh", "locationRestriction": {"rectangle": corners}}
    status, found = search(client, asked)
    assert status == 200
    assert {"id": place_id(known)} in found["places"]
    assert {key for place in found["places"] for key in place} == {"id"}
    assert search(client, {"textQuery": "Zorbax Casino, Edinburgh"}) == (200, {})


@pytest.mark.parametrize(
    ("document", "headers", "status"),
    [
        ({"textQuery": "x"}, {}, 403),
        ({"textQuery": "x"}, {"X-Goog-Api-Key": "AIza-any"}, 400),
        ({"textQuery": "x"}, {**HEADERS, "X-Goog-FieldMask": "places.id,places.displayName"}, 400),
        ({"textQuery": ""}, HEADERS, 400),
        ({"textQuery": "x", "pageSize": 21}, HEADERS, 400),
        ({"textQuery": "x, Edinburgh", "locationRestriction": {"rectangle": {"low": 1}}}, HEADERS, 200),
        ({"textQuery": "x", "unheard": 1}, HEADERS, 400),
    ],
)
def test_what_is_wrong_is_refused(client: Client, document: Any, headers: dict[str, str], status: int):
    assert search(client, document, headers)[0] == status
