"""Google Places (New), text search alone (https://developers.google.com/maps/documentation/places/web-service/text-search).

What it knows is the commercial map of the world; of that, it gives ids, and refuses to give more: the project asks for
nothing else, and may keep nothing else.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from lambdas.mock.register import Sighting
from lambdas.places.geo import Point
from scout.standin.exchange import Refused, Reply, Request, json_reply
from scout.standin.location import alike, before
from scout.standin.world import World

KEY_PREFIX: Final = "AIza"
"""What every key begins with; the world takes any such key."""

FIELD_MASK: Final = "places.id"
_MAX_RESULTS: Final = 20
_KNOWN: Final = frozenset({"textQuery", "pageSize", "locationRestriction", "languageCode", "regionCode"})


class Google:
    """Answers ``places:searchText``.

    Args:
        world: Whose places.
    """

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, request: Request, _: list[Any]) -> Reply:
        """The answer to a request with a key and a field mask.

        Raises:
            Refused: By 400 without a field mask, with another one, or with wrong parameters; by 403 without a key; by
                404 for another method.
        """
        if request.method != "POST" or request.path != "/v1/places:searchText":
            raise _refused(404, "NOT_FOUND", "Method not found.")
        if not request.headers.get("x-goog-api-key", "").startswith(KEY_PREFIX):
            raise _refused(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers.")
        if request.headers.get("x-goog-fieldmask") != FIELD_MASK:
            raise _refused(400, "INVALID_ARGUMENT", f"This world answers to the field mask {FIELD_MASK} alone.")
        try:
            asked = request.json()
        except ValueError:
            raise _refused(400, "INVALID_ARGUMENT", "Invalid JSON payload received.") from None
        if not isinstance(asked, dict) or not asked.keys() <= _KNOWN or not asked.get("textQuery"):
            raise _refused(400, "INVALID_ARGUMENT", "Empty text_query, or an unknown name.")
        limit = asked.get("pageSize", _MAX_RESULTS)
        if not isinstance(limit, int) or not 1 <= limit <= _MAX_RESULTS:
            raise _refused(400, "INVALID_ARGUMENT", f"page_size must be 1 to {_MAX_RESULTS}.")
        found = self._found(asked["textQuery"], (asked.get("locationRestriction") or {}).get("rectangle"))
        # As the real one, it leaves the list out where that is empty.
        return json_reply({"places": [{"id": place_id(one)} for one in found[:limit]]} if found else {})

    def _found(self, text: str, rectangle: Mapping[str, Any] | None) -> list[Sighting]:
        place = self._world.named_in(text)
        if place is None:
            return []
        return [sighting for sighting, _ in alike(place, before(text, place)) if _within(sighting.at, rectangle)]


def place_id(sighting: Sighting) -> str:
    """The id of a place in this service, opaque as the real ones."""
    return "ChIJ" + base64.urlsafe_b64encode(f"standin:{sighting.id}".encode()).decode().rstrip("=")


def _within(at: Point, rectangle: Mapping[str, Any] | None) -> bool:
    if rectangle is None:
        return True
    try:
        low, high = rectangle["low"], rectangle["high"]
        return bool(low["latitude"] <= at.lat <= high["latitude"] and low["longitude"] <= at.lng <= high["longitude"])
    except (KeyError, TypeError):
        raise _refused(
            400, "INVALID_ARGUMENT", "A rectangle has low and high, each with latitude and longitude."
        ) from None


def _refused(code: int, status: str, message: str) -> Refused:
    return Refused(json_reply({"error": {"code": code, "message": message, "status": status}}, code))
