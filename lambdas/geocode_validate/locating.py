"""Where a place of a page is: by what the page printed, by the run's own maps, or by a geocoder."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from lambdas.connectors.protocols import Located
from lambdas.contracts.candidate import Candidate, Licence, Source
from lambdas.geocode_validate.gazetteer import SAME_PLACE_M, Gazetteer, Known, street_form
from lambdas.places.geo import Point, distance_m
from lambdas.places.names import Names, similarity
from lambdas.places.validation import Rejection

# A printed position this near to the map's bears it out; a little further off one of the two is rough; beyond, they
# may speak of two places of one name.
_AGREES_M, _ROUGH_M = 50.0, 250.0
_AGREED, _DOUBTED, _COARSE = 0.9, 0.6, 0.45
_BY_MAP, _BY_MAP_AND_STREET, _BY_GEOCODER = 0.85, 0.9, 0.7
# A name that is only like the map's is not enough without the street.
_SAME_NAME = 0.97
_GEOCODED_LIKENESS = 0.8
# So many places at one position, and it is the one that a geocoder gives for what it does not know.
_MOST_AT_ONE = 5
# Three decimals are some 100 m.
_LEAST_DECIMALS = 4


def printed(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates of a page, without positions that cannot be their own.

    Args:
        candidates: All of a page.
    """
    names: defaultdict[tuple[float | None, float | None], set[str]] = defaultdict(set)
    for candidate in candidates:
        names[candidate.lat, candidate.lng].add(candidate.name)
    return [
        _without_position(candidate)
        if candidate.source is Source.WEB and len(names[candidate.lat, candidate.lng]) > _MOST_AT_ONE
        else candidate
        for candidate in candidates
    ]


def by_maps(candidate: Candidate, gazetteer: Gazetteer) -> Candidate | Rejection:
    """What the run's own maps say to a candidate of a page.

    Args:
        candidate: It, with or without a position.
        gazetteer: The maps.

    Returns:
        The candidate with a position, as sure as maps and page agree; else that it has none (``NO_POSITION``) or could
        be one of several (``AMBIGUOUS``): a geocoder may know.
    """
    known = gazetteer.find([candidate.name, *candidate.names.values()])
    if candidate.lat is not None and candidate.lng is not None:
        return _compared(candidate, Point(candidate.lat, candidate.lng), known)
    street = _street(candidate)
    on_street = [place for place in known if street and place.street == street]
    if len(on_street) == 1:
        return _moved(candidate, on_street[0].at, _BY_MAP_AND_STREET)
    same = [place for place in known if place.likeness >= _SAME_NAME]
    # A branch in another street is another place.
    possible = [place for place in same if not street or place.street is None]
    if len(possible) == 1 and len(same) == 1:
        return _moved(candidate, possible[0].at, _BY_MAP)
    return Rejection.AMBIGUOUS if len(same) > 1 else Rejection.NO_POSITION


def by_geocoder(candidate: Candidate, hits: Sequence[Located], city: str, licence: Licence) -> Candidate | Rejection:
    """What a geocoder says to a candidate without a position.

    Args:
        candidate: It.
        hits: The places that the geocoder knows by its name.
        city: The city.
        licence: Of the geocoder's positions, which the candidate is then under, too.
    """
    own = Names.of([candidate.name, *candidate.names.values()], city)
    alike = [
        hit for hit in hits if similarity(own, Names.of(hit.names, city), _GEOCODED_LIKENESS) >= _GEOCODED_LIKENESS
    ]
    street = _street(candidate)
    on_street = [hit for hit in alike if street and street_form(hit.street) == street]
    # Without a street of its own, or where the geocoder knows none, a hit has only its name.
    chosen = on_street or [hit for hit in alike if not street or not hit.street]
    places: list[Point] = []
    for hit in chosen:
        at = Point(hit.lat, hit.lng)
        if all(distance_m(at, other) > SAME_PLACE_M for other in places):
            places.append(at)
    if len(places) == 1:
        licences = tuple(dict.fromkeys((*candidate.licences, licence)))
        return _moved(candidate.model_copy(update={"licences": licences}), places[0], _BY_GEOCODER)
    return Rejection.AMBIGUOUS if places else Rejection.NO_POSITION


def counted(rejections: Sequence[Rejection]) -> Mapping[str, int]:
    """How many rejections there were for each reason."""
    return dict(sorted(Counter(reason.value for reason in rejections).items()))


def _compared(candidate: Candidate, at: Point, known: Sequence[Known]) -> Candidate:
    """A candidate with a printed position, as sure as the maps make it."""
    # Noughts at the end of one number are chance, of both they are not.
    if max(_decimals(at.lat), _decimals(at.lng)) < _LEAST_DECIMALS:
        near = [place for place in known if distance_m(at, place.at) <= 2 * _ROUGH_M]
        if len(near) == 1:
            return _moved(candidate, near[0].at, _BY_MAP)
        return _sure(candidate, min(candidate.coordinates_confidence, _COARSE))
    nearest = min((distance_m(at, place.at) for place in known), default=None)
    if nearest is None:
        return candidate
    if nearest <= _AGREES_M:
        return _sure(candidate, max(candidate.coordinates_confidence, _AGREED))
    if nearest <= _ROUGH_M:
        return _sure(candidate, min(candidate.coordinates_confidence, _DOUBTED))
    return candidate


def _decimals(number: float) -> int:
    """How many decimals are printed; of a number in exponent notation none are."""
    return len(repr(number).partition(".")[2])


def _street(candidate: Candidate) -> str:
    return street_form(candidate.address.street_name) if candidate.address else ""


def _without_position(candidate: Candidate) -> Candidate:
    update = {"lat": None, "lng": None, "coordinates_confidence": 0.0}
    return candidate.model_copy(update=update)


def _moved(candidate: Candidate, at: Point, confidence: float) -> Candidate:
    return _sure(candidate.model_copy(update={"lat": at.lat, "lng": at.lng}), confidence)


def _sure(candidate: Candidate, confidence: float) -> Candidate:
    confidences = candidate.confidences.model_copy(update={"location": confidence})
    return candidate.model_copy(update={"coordinates_confidence": confidence, "confidences": confidences})
