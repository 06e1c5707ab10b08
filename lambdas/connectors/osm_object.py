"""A named object of OpenStreetMap, wherever it was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

OsmType = Literal["node", "way", "relation"]

# An object with a name and one of these keys may be worth a visit; roads, borders and bus lines have none of them.
PLACE_KEYS = ("tourism", "historic", "leisure", "amenity", "shop", "natural", "man_made")


@dataclass(frozen=True, slots=True)
class OsmObject:
    """A named object of the map.

    ``lat`` and ``lng`` are degrees: the node's own position, or the middle of the box around all nodes of a way or
    relation, as Overpass's ``out center`` has it. ``complete`` is false where the extract does not hold all of these
    nodes, so that the position is that of the part inside the extract.
    """

    osm_type: OsmType
    osm_id: int
    lat: float
    lng: float
    tags: dict[str, str]
    complete: bool = True

    @property
    def key(self) -> str:
        """The object's identity in OpenStreetMap: ``node/123``."""
        return f"{self.osm_type}/{self.osm_id}"

    def document(self) -> dict[str, Any]:
        """This object as JSON, the inverse of ``from_document``."""
        return {
            "type": self.osm_type,
            "id": self.osm_id,
            "lat": self.lat,
            "lng": self.lng,
            "complete": self.complete,
            "tags": self.tags,
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> OsmObject:
        """The object that ``document`` describes."""
        return cls(
            osm_type=document["type"],
            osm_id=document["id"],
            lat=document["lat"],
            lng=document["lng"],
            tags=document["tags"],
            complete=document["complete"],
        )
