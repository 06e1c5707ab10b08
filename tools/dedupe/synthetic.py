"""Sightings of the places of a synthetic city, whose truth is known: as hard for deduplication as a real city's.

Chains whose branches stand side by side, malls with dozens of places at one position, shops and gardens named after
the place that they are in, typing errors, names in one script here and in another there, wrong phone numbers, positions
that are some hundred metres off or missing. All names are invented; equal seeds give equal sightings on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lambdas.contracts.candidate import (
    AdditionalContent,
    Address,
    Candidate,
    Confidences,
    ExternalRefs,
    Licence,
    Lineage,
    Source,
)
from lambdas.mock.lexicon import CATEGORY_WEIGHTS, CHAINS
from lambdas.mock.naming import Naming, region_of, typo, variant
from lambdas.mock.stream import Lottery, Stream
from lambdas.places.geo import Point, offset

AT = "2026-01-01T00:00:00.000Z"
PER_KM2 = 1000
"""Records on a square kilometre, as in the middle of a city."""

_LINEAGE = Lineage(created_at=AT, pipeline_version="synthetic")
_LICENCES = {
    Source.OSM: (Licence(id="ODbL-1.0", attribution="Synthetic data", share_alike=True),),
    Source.GOOGLE: (Licence(id="CDLA-Permissive-2.0", attribution="Synthetic data"),),
    Source.WIKIDATA: (Licence(id="CC0-1.0", attribution="Synthetic data"),),
    Source.WEB: (Licence(id="facts-only", attribution="Synthetic data"),),
    Source.OPEN_DATA: (Licence(id="OGL-UK-3.0", attribution="Synthetic data"),),
    Source.OTM: (Licence(id="ODbL-1.0", attribution="Synthetic data", share_alike=True),),
}
_WIDE = frozenset({"park", "nature", "viewpoint", "market"})
_QUARTERS = ("Old Town", "Central", "West End", "City Centre", "Waterside", "North Side", "Market", "Upper Town")
_STREET_SHORT = (("Street", "St."), ("Road", "Rd"), ("Avenue", "Ave."), ("Square", "Sq."), ("Lane", "Ln"))


@dataclass(frozen=True)
class City:
    """Where the synthetic places are: the names are those of the region."""

    name: str
    center: Point


EDINBURGH = City("Edinburgh", Point(55.9533, -3.1883))
TOKYO = City("Tokyo", Point(35.6762, 139.6503))


@dataclass(frozen=True, slots=True)
class Entity:
    """A place that is there; ``part_of`` is the number of the place that it is in."""

    number: int
    names: dict[str, str]
    category: str
    at: Point
    street: str
    house: int
    phone: str
    host: str
    wikidata: str | None
    chain: bool


@dataclass(frozen=True)
class _Profile:
    source: Source
    covers: float
    noise_m: float
    typos: float
    variants: float
    facts: float
    address: float
    category: float
    position: float
    far: float
    twins: float


_PROFILES = (
    _Profile(Source.OSM, 0.70, 6, 0.03, 0.06, 0.40, 0.55, 0.96, 1.00, 0.010, 0.015),
    _Profile(Source.GOOGLE, 0.62, 9, 0.03, 0.16, 0.80, 0.85, 0.94, 0.99, 0.020, 0.010),
    _Profile(Source.WEB, 0.38, 14, 0.09, 0.22, 0.35, 0.55, 0.60, 0.93, 0.070, 0.030),
    _Profile(Source.WIKIDATA, 0.90, 16, 0.00, 0.08, 0.00, 0.10, 0.90, 1.00, 0.040, 0.0),
    # Directories: addresses and phone numbers, of which half have no position.
    _Profile(Source.OPEN_DATA, 0.09, 20, 0.03, 0.25, 0.85, 0.95, 0.90, 0.50, 0.020, 0.005),
    _Profile(Source.OTM, 0.09, 20, 0.04, 0.25, 0.85, 0.95, 0.80, 0.50, 0.030, 0.005),
)


def sightings(city: City, count: int, seed: int) -> Iterator[tuple[Candidate, int]]:
    """Sightings of a synthetic city, each with the number of the place that it is of.

    Args:
        city: Where.
        count: How many sightings, within some percent.
        seed: Another seed is another city at the same place.
    """
    # A place has 1.95 sightings on average.
    for entity, stream in _entities(city, round(count / 1.95), seed):
        for profile in _PROFILES:
            covers = profile.covers if profile.source is not Source.WIKIDATA or entity.wikidata else 0.0
            if stream.chance(covers):
                for copy in range(2 if stream.chance(profile.twins) else 1):
                    yield _sighting(stream, city, profile, entity, copy), entity.number


def _entities(city: City, count: int, seed: int) -> Iterator[tuple[Entity, Stream]]:
    naming, radius = Naming(region_of(city.center)), 1000 * math.sqrt(count * 1.95 / PER_KM2 / math.pi)
    kinds = Lottery(CATEGORY_WEIGHTS.items())
    plan = Stream("synthetic", city.name, seed)
    streets = [naming.street(plan) for _ in range(max(12, count // 40))]
    quarters = [_anywhere(plan, city.center, radius) for _ in range(max(6, count // 400))]
    whole: Entity | None = None
    mall: tuple[Point, str, int] | None = None
    left_in_mall = 0
    for number in range(count):
        stream = Stream("synthetic", city.name, seed, number)
        category = kinds.draw(stream)
        at = _anywhere(stream, city.center, radius)
        if stream.chance(0.6):
            quarter = stream.pick(quarters)
            at = offset(quarter, stream.gauss(350), stream.gauss(350))
        street, house = stream.pick(streets), stream.whole(1, 220)
        chain = category in CHAINS and stream.chance(0.28)
        names = {"en": stream.pick(CHAINS[category])} if chain else naming.place(stream, category)
        shared: Entity | None = None
        if left_in_mall and mall:
            left_in_mall -= 1
            at, street, house = offset(mall[0], stream.gauss(18), stream.gauss(18)), mall[1], mall[2]
        elif stream.chance(0.004):
            mall, left_in_mall = (at, street, house), stream.whole(8, 40)
        if whole and not chain and stream.chance(0.06):
            category = stream.pick(("shop", "cafe", "park", "service", "restaurant"))
            # A hotel's restaurant has a name of its own, and the hotel's address, and half of them its phone.
            names = naming.part_of(stream, whole.names) if stream.chance(0.7) else naming.place(stream, category)
            at, street, house = offset(whole.at, stream.gauss(20), stream.gauss(20)), whole.street, whole.house
            shared = whole if stream.chance(0.5) else None
        elif numbered := _numbered(stream, naming, streets):
            names, category = numbered, "service"
        entity = Entity(
            number=number,
            names=names,
            category=category,
            at=at,
            street=street,
            house=house,
            phone=shared.phone if shared else naming.phone((seed * 7919 + number) % 999_983),
            host=_host(names, number, chain, shared),
            wikidata=f"Q{900_000_000 + number}" if not chain and stream.chance(0.16) else None,
            chain=chain,
        )
        if category in {"museum", "park", "religious", "historic", "hotel", "theatre"} and not chain:
            whole = entity
        yield entity, stream


def _host(names: dict[str, str], number: int, chain: bool, shared: Entity | None) -> str:
    if shared:
        return shared.host
    return f"{_ascii(names)}.example" if chain else f"{_ascii(names)}{number % 97}.example"


def _numbered(stream: Stream, naming: Naming, streets: Sequence[str]) -> dict[str, str] | None:
    """The names of one in a row of things that only their numbers tell apart, for some places."""
    if not stream.chance(0.02):
        return None
    number, street = stream.whole(1, 6), stream.pick(streets[:12])
    if naming.region.locale is None:
        return {"ja": f"{number}番乗り場", "ja-Latn": f"{street} Noriba {number}", "en": f"{street} Stop {number}"}
    return {"en": f"{street} {stream.pick(('Stop', 'Car Park', 'Platform'))} {number}"}


def _anywhere(stream: Stream, center: Point, radius: float) -> Point:
    angle, away = stream.between(0, 2 * math.pi), radius * math.sqrt(stream.random())
    return offset(center, away * math.cos(angle), away * math.sin(angle))


def _ascii(names: dict[str, str]) -> str:
    return "".join(letter for letter in names.get("en", "") if letter.isascii() and letter.isalnum()).lower()


def _sighting(stream: Stream, city: City, profile: _Profile, entity: Entity, copy: int) -> Candidate:
    name, names = _written(stream, profile, entity, altered=copy > 0)
    spread = profile.noise_m * (4 if entity.category in _WIDE else 1)
    far = stream.between(100, 450) if stream.chance(profile.far) else 0.0
    turn = stream.between(0, 2 * math.pi)
    at = offset(
        entity.at,
        far * math.cos(turn) + stream.gauss(spread),
        far * math.sin(turn) + stream.gauss(spread),
    )
    placed = stream.chance(profile.position)
    kind = f"{profile.source}:{'way' if copy else 'node'}/{entity.number}" if profile.source is Source.OSM else None
    record = kind or f"{profile.source}:{entity.number}-{copy}"
    return Candidate(
        record_id=record,
        name=name,
        names=names,
        source=profile.source,
        lat=round(at.lat, 7) if placed else None,
        lng=round(at.lng, 7) if placed else None,
        category=_category(stream, profile, entity.category),
        coordinates_confidence=0.9 if profile.source is not Source.WEB else 0.6,
        confidences=Confidences(overall=0.8),
        lineage=_LINEAGE,
        external_refs=_refs(stream, profile, entity),
        additional_content=AdditionalContent(
            phone=_phone(stream, entity) if stream.chance(profile.facts) else None,
            website=f"https://{entity.host}/" if stream.chance(profile.facts * 0.7) else None,
        ),
        address=_address(stream, city, entity) if not placed or stream.chance(profile.address) else None,
        licences=_LICENCES[profile.source],
    )


def _written(stream: Stream, profile: _Profile, entity: Entity, *, altered: bool) -> tuple[str, dict[str, str]]:
    """A place's name as a source writes it, and the names in other languages that it has beside."""
    names = dict(entity.names)
    if "ja" in names:
        names = _japanese(stream, profile, names)
    name = next(iter(names.values()))
    chance = stream.random()
    if chance < profile.typos:
        name = typo(stream, typo(stream, name) if stream.chance(0.2) else name)
    elif altered or chance < profile.typos + profile.variants:
        name = variant(stream, name) if stream.chance(0.6) else _elaborated(stream, name, entity.category)
    return name, {language: other for language, other in list(names.items())[1:] if other != name}


def _elaborated(stream: Stream, name: str, category: str) -> str:
    """A name with more or fewer words than on the spot: what it is, where it is, or what it is called for short."""
    words = name.split()
    if not name.isascii() or (len(words) > 2 and stream.chance(0.35)):
        return " ".join(words[:-1]) if len(words) > 1 else name
    kinds = {
        "restaurant": ("Restaurant", "Bistro", "Restaurant & Bar", "Cuisine", "Bar and Grill"),
        "cafe": ("Cafe", "Coffee", "Cafe & Bakery", "Tea Room"),
        "bar": ("Bar", "Pub", "Bar & Kitchen"),
        "hotel": ("Hotel", "Hotel & Spa"),
        "shop": ("Shop", "Store", "Ltd"),
    }.get(category, ("Centre", "& Grounds"))
    added = (
        stream.pick(kinds),
        f"({stream.pick(_QUARTERS)})",
        f", {stream.pick(_QUARTERS)}",
        f"at the {stream.pick(_QUARTERS)} {stream.pick(('Building', 'Hotel', 'Centre'))}",
    )
    return f"{name} {stream.pick(added)}"


def _japanese(stream: Stream, profile: _Profile, names: dict[str, str]) -> dict[str, str]:
    """Map data has the local name, most of it an English one beside; pages and Wikidata are often written in romaji."""
    local, romaji, english = (names[language] for language in ("ja", "ja-Latn", "en"))
    if profile.source in (Source.WEB, Source.WIKIDATA) and stream.chance(0.45):
        shown = {"en": romaji if stream.chance(0.6) else english}
        beside = {"ja": local} if stream.chance(0.35) else {}
        return shown | beside
    beside = {"en": english} if stream.chance(0.6) else {}
    return {"ja": local} | beside | ({"ja-Latn": romaji} if stream.chance(0.5) else {})


def _category(stream: Stream, profile: _Profile, category: str) -> str | None:
    if not stream.chance(profile.category):
        return None if stream.chance(0.6) else stream.pick(("attraction", "shop", "service"))
    return category


def _phone(stream: Stream, entity: Entity) -> str:
    """The place's number; for one in twenty another one of its numbers."""
    if not stream.chance(0.05):
        return entity.phone
    return entity.phone[:-3] + f"{stream.whole(0, 999):03d}"


def _refs(stream: Stream, profile: _Profile, entity: Entity) -> ExternalRefs:
    known: dict[str, Any] = {}
    if entity.wikidata and (profile.source is Source.WIKIDATA or (profile.source is Source.OSM and stream.chance(0.6))):
        known["wikidata_id"] = entity.wikidata
    return ExternalRefs(**known)


def _address(stream: Stream, city: City, entity: Entity) -> Address:
    street = entity.street
    if stream.chance(0.3):
        for long, short in _STREET_SHORT:
            street = street.replace(long, short)
    house = str(entity.house if not stream.chance(0.04) else entity.house + 2)
    return Address(street_number=house, street_name=street, city=city.name)
