"""Whether a candidate's position can be true, and what is wrong with it if not."""

from __future__ import annotations

from enum import StrEnum

from lambdas.contracts.candidate import Candidate
from lambdas.places.geo import Disc

# A position exactly at the city's centre says "somewhere in the city".
_CENTER_M = 20.0
_SWAPPED_CONFIDENCE = 0.6


class Rejection(StrEnum):
    """Why a candidate was rejected."""

    NO_POSITION = "no_position"
    NULL_ISLAND = "null_island"
    CITY_CENTER = "city_center"
    OUTSIDE = "outside"
    OUTSIDE_CITY = "outside_city"
    AMBIGUOUS = "ambiguous"


def validate(candidate: Candidate, area: Disc) -> Candidate | Rejection:
    """Check a candidate's position against the area of the run.

    Args:
        candidate: The candidate.
        area: The disc that is searched.

    Returns:
        The candidate if it lies inside; with latitude and longitude exchanged, and little confidence, if only so it
        does; else why it is rejected. A position of exactly 0, 0 is a missing one, and one in the very centre of the
        city is a geocoder's answer to a name that it did not know, unless a map service says so.
    """
    if candidate.lat is None or candidate.lng is None:
        return Rejection.NO_POSITION
    here = (candidate.lat, candidate.lng)
    if here == (0.0, 0.0):
        return Rejection.NULL_ISLAND
    if area.contains(here):
        vague = candidate.address is None and candidate.coordinates_confidence < 0.5
        if vague and Disc(area.center, _CENTER_M).contains(here):
            return Rejection.CITY_CENTER
        return candidate
    if abs(candidate.lng) <= 90 and area.contains((candidate.lng, candidate.lat)):
        update = {"lat": candidate.lng, "lng": candidate.lat, "coordinates_confidence": _SWAPPED_CONFIDENCE}
        return candidate.model_copy(update=update)
    return Rejection.OUTSIDE
