"""From an object of OpenStreetMap to a candidate."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from lambdas.connectors.osm_categories import category
from lambdas.connectors.osm_object import OsmObject
from lambdas.contracts.candidate import (
    AdditionalContent,
    Address,
    Candidate,
    Confidences,
    ExternalRefs,
    Licence,
    Lineage,
    Signals,
    Source,
)

SITE = "https://www.openstreetmap.org"
LICENCE = Licence(id="ODbL-1.0", attribution="© OpenStreetMap contributors", share_alike=True)

# How far a position of each kind can be trusted: a node is where its mapper put it; the middle of a way or a relation
# can lie beside what it stands for; and a border of the extract moves the middle of what it cuts.
POSITION_CONFIDENCE = {"node": 0.98, "way": 0.95, "relation": 0.85}
CUT_POSITION_CONFIDENCE = 0.5
NAME_CONFIDENCE = 0.95
NAMED_CATEGORY_CONFIDENCE = 0.95
GENERAL_CATEGORY_CONFIDENCE = 0.6
OVERALL_CONFIDENCE = 0.9

# BCP 47 as far as OpenStreetMap uses it: name:sv, name:zh-Hant, name:be-tarask; not name:left or name:etymology.
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_OTHER_NAMES = {
    "alt_name": "alt",
    "official_name": "official",
    "short_name": "short",
    "loc_name": "loc",
    "int_name": "int",
}
_WIKIDATA = re.compile(r"Q\d+")
_WIKIPEDIA = re.compile(r"([a-z]{2,3}(?:-[a-z]+)*):(.+)")
_URL = re.compile(r"https?://\S+")
_DOMAIN = re.compile(r"[\w-]+(?:\.[\w-]+)+(?:/\S*)?")


def to_candidate(item: OsmObject, lineage: Lineage) -> Candidate:
    """The candidate that an object of the map is.

    Args:
        item: The object; its ``name`` is not blank.
        lineage: Which run it was found by.

    Returns:
        The candidate ``osm:node/123``, with all tags kept.
    """
    tags = item.tags
    kind, named = category(tags)
    wikipedia = _wikipedia(tags)
    position = POSITION_CONFIDENCE[item.osm_type] if item.complete else CUT_POSITION_CONFIDENCE
    return Candidate(
        record_id=f"osm:{item.key}",
        name=tags["name"],
        names=names(tags),
        source=Source.OSM,
        lat=item.lat,
        lng=item.lng,
        category=kind,
        source_url=f"{SITE}/{item.key}",
        coordinates_confidence=position,
        confidences=Confidences(
            overall=min(OVERALL_CONFIDENCE, position),
            name=NAME_CONFIDENCE,
            location=position,
            category=NAMED_CATEGORY_CONFIDENCE if named else GENERAL_CATEGORY_CONFIDENCE,
        ),
        lineage=lineage,
        external_refs=ExternalRefs(
            osm_id=str(item.osm_id),
            osm_type=item.osm_type,
            wikidata_id=_wikidata(tags),
            wikipedia_url=wikipedia,
        ),
        additional_content=AdditionalContent(
            signals=Signals(has_wikipedia=True) if wikipedia else None,
            tags=tags,
            phone=_first(tags, "phone", "contact:phone"),
            website=_website(tags),
        ),
        address=_address(tags),
        licences=(LICENCE,),
    )


def names(tags: Mapping[str, str]) -> dict[str, str]:
    """All names of an object.

    Args:
        tags: The object's tags.

    Returns:
        ``local`` for the ``name`` on the spot; the language for a ``name:<language>``; ``alt``, ``official``,
        ``short``, ``loc`` and ``int`` for those names, with the language behind a hyphen where the tag has one
        (``alt-sv``), and a number for each further one in the same tag (``alt.2``). Former names are left out, since
        they often belong to another place by now.
    """
    result = {"local": tags["name"].strip()}
    for key, value in tags.items():
        base, _, language = key.partition(":")
        if language and not _LANGUAGE.fullmatch(language):
            continue
        if base == "name" and language and value.strip():
            result[language] = value.strip()
        elif base in _OTHER_NAMES:
            label = f"{_OTHER_NAMES[base]}-{language}" if language else _OTHER_NAMES[base]
            for number, part in enumerate(_parts(value), start=1):
                result[label if number == 1 else f"{label}.{number}"] = part
    return result


def _parts(value: str) -> Iterator[str]:
    """The values of a tag with several, which OpenStreetMap separates by semicolons."""
    return (part.strip() for part in value.split(";") if part.strip())


def _first(tags: Mapping[str, str], *keys: str) -> str | None:
    return next((part for key in keys for part in _parts(tags.get(key, ""))), None)


def _website(tags: Mapping[str, str]) -> str | None:
    address = _first(tags, "website", "contact:website", "url")
    if address is None or _URL.fullmatch(address):
        return address
    return f"http://{address}" if _DOMAIN.fullmatch(address) else None


def _wikidata(tags: Mapping[str, str]) -> str | None:
    value = tags.get("wikidata", "").strip()
    return value if _WIKIDATA.fullmatch(value) else None


def _wikipedia(tags: Mapping[str, str]) -> str | None:
    """The article's address: of ``wikipedia=fi:Title``, of ``wikipedia:fi=Title``, or an address itself."""
    value = tags.get("wikipedia", "").strip()
    if not value:
        for key, title in sorted(tags.items()):
            language = key.removeprefix("wikipedia:")
            if language != key and _LANGUAGE.fullmatch(language):
                value = f"{language}:{title.strip()}"
                break
    if _URL.fullmatch(value):
        return value
    match = _WIKIPEDIA.fullmatch(value)
    return f"https://{match[1]}.wikipedia.org/wiki/{quote(match[2].strip().replace(' ', '_'))}" if match else None


def _address(tags: Mapping[str, str]) -> Address | None:
    number, street = _first(tags, "addr:housenumber"), _first(tags, "addr:street", "addr:place")
    city, postcode = _first(tags, "addr:city"), _first(tags, "addr:postcode")
    country, state = _first(tags, "addr:country"), _first(tags, "addr:state")
    if not any((number, street, city, postcode, country, state)):
        return None
    lines = (" ".join(filter(None, (street, number))), " ".join(filter(None, (postcode, city))), state, country)
    return Address(
        formatted_address=", ".join(filter(None, lines)),
        street_number=number,
        street_name=street,
        city=city,
        state=state,
        country=country,
        postal_code=postcode,
    )
