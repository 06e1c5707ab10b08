"""What a page says of places in a form for machines: schema.org data as JSON-LD or microdata, and hCards.

Wikivoyage writes its listings as hCards (https://microformats.org/wiki/hcard).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from turbohtml import Document, Element, MicrodataItem

from lambdas.contracts.candidate import Address
from lambdas.extract_with_llm.cleaning import is_order, shown
from lambdas.extract_with_llm.mentions import MAX_NAME, Mention, distinct, position
from lambdas.places.addresses import address_of
from lambdas.places.categories import AMENITIES, SIGHTS

MAX_PLACES = 300
# Some are said more than once.
_MAX_MENTIONS = 10 * MAX_PLACES
_MAX_DEPTH = 10
_MAX_TEXT = 300
_MAX_URL = 500
# https://schema.org/Place and what is below it, as far as it tells a category; of several types the first known counts.
_CATEGORIES: Mapping[str, str | None] = {
    "AmusementPark": "attraction",
    "Aquarium": "zoo",
    "ArtGallery": "gallery",
    "Bakery": "cafe",
    "BarOrPub": "bar",
    "Beach": "beach",
    "BedAndBreakfast": "hotel",
    "BookStore": "shop",
    "Brewery": "bar",
    "Bridge": "bridge",
    "BuddhistTemple": "religious",
    "CafeOrCoffeeShop": "cafe",
    "Casino": "nightlife",
    "CatholicChurch": "religious",
    "Cemetery": "historic",
    "Church": "religious",
    "CivicStructure": None,
    "ConcertHall": "music",
    "FoodEstablishment": "restaurant",
    "GolfCourse": "sports",
    "HinduTemple": "religious",
    "Hostel": "hotel",
    "Hotel": "hotel",
    "LandmarksOrHistoricalBuildings": "historic",
    "Landform": "nature",
    "Library": "library",
    "LocalBusiness": None,
    "LodgingBusiness": "hotel",
    "Mosque": "religious",
    "MovieTheater": "cinema",
    "Museum": "museum",
    "MusicVenue": "music",
    "NightClub": "nightlife",
    "Park": "park",
    "PerformingArtsTheater": "theatre",
    "Place": None,
    "PlaceOfWorship": "religious",
    "Restaurant": "restaurant",
    "ShoppingCenter": "mall",
    "SportsActivityLocation": "sports",
    "StadiumOrArena": "sports",
    "Store": "shop",
    "Synagogue": "religious",
    "TouristAttraction": "attraction",
    "TouristDestination": "attraction",
    "TrainStation": "transport",
    "Winery": "bar",
    "Zoo": "zoo",
}
# Where places lie inside of something else.
_INSIDE = ("@graph", "itemListElement", "item", "mainEntity", "containsPlace", "about", "hasPart", "location")
# What is read as all the text that it holds, by the attribute that says so: texts of microdata, and hCards.
_NESTING = {"[itemprop]:not([itemscope])": "itemprop", ".vcard": "class"}
_MAX_NESTED = 6
_WIKIDATA = re.compile(r"https?://(?:www\.)?wikidata\.org/(?:wiki|entity)/(Q\d{1,12})")
_URL = re.compile(r"https?://[^\s<>\"]+")
_PHONE = re.compile(r"[+(]?\d[\d ()/.\-]{4,30}\d")


def structured(document: Document) -> list[Mention]:
    """The places of a page's data for machines, each once.

    Args:
        document: The page, before anything is taken out of it.
    """
    # By it items can hold each other: a page of a few KB then takes minutes. Hardly any page uses it.
    for element in document.select("[itemref]"):
        del element.attrs["itemref"]
    # What is within many others is read as a part of each: 500 around a page of 3 MB would make 1.5 GB of text.
    for kind, attribute in _NESTING.items():
        for element in document.select(" ".join([kind] * _MAX_NESTED)):
            del element.attrs[attribute]
    items: list[Any] = [*document.json_ld(), *map(_plain, document.microdata())]
    found = [mention for item in items for mention in _places(item, 0)]
    found += [mention for card in document.select(".vcard") if (mention := _card(card))]
    return distinct(found[:_MAX_MENTIONS])[:MAX_PLACES]


def category(text: str) -> str | None:
    """A category of this project, if a text is one."""
    name = "_".join(text.casefold().split())
    return name if name in SIGHTS or name in AMENITIES else None


def _plain(item: MicrodataItem, depth: int = 0) -> dict[str, Any]:
    """A microdata item in the form of JSON-LD."""
    plain: dict[str, Any] = {"@type": (item.type or "").split()}
    if depth < _MAX_DEPTH:
        for name, values in item.properties.items():
            given = [_plain(value, depth + 1) if isinstance(value, MicrodataItem) else value for value in values]
            plain[name] = given[0] if len(given) == 1 else given
    return plain


def _places(item: Any, depth: int) -> Iterator[Mention]:  # noqa: ANN401 - what a page wrote
    if depth > _MAX_DEPTH:
        return
    if isinstance(item, list):
        for each in item[:MAX_PLACES]:
            yield from _places(each, depth + 1)
    elif isinstance(item, dict):
        mention = _place(item)
        if mention is not None:
            yield mention
        for name in _INSIDE:
            if name in item:
                yield from _places(item[name], depth + 1)


def _place(item: Mapping[str, Any]) -> Mention | None:
    types = [name.rpartition("/")[2] for name in _texts(item.get("@type"))]
    known = [name for name in types if name in _CATEGORIES]
    name = _text(item.get("name"), MAX_NAME)
    geo = _first(item.get("geo"))
    here = position(geo.get("latitude"), geo.get("longitude")) if isinstance(geo, dict) else None
    if not name or not (known or here) or _speaks(item):
        return None
    said = [category(word) for word in _texts(item.get("keywords"))[:20]]
    kind = next((word for word in said if word), None) or next((_CATEGORIES[n] for n in known if _CATEGORIES[n]), None)
    refs = [found[1] for link in _texts(item.get("sameAs")) if (found := _WIKIDATA.match(link))]
    return Mention(
        name=name,
        other_names=_others(name, _texts(item.get("alternateName"))),
        category=kind,
        address=_address(_first(item.get("address"))),
        lat=here[0] if here else None,
        lng=here[1] if here else None,
        phone=_phone(_text(item.get("telephone"))),
        website=_website(_text(item.get("url"), _MAX_URL)),
        wikidata_id=refs[0] if refs else None,
    )


def _speaks(item: Mapping[str, Any]) -> bool:
    """Whether some text of an item is an order to a model: nothing of such an item is taken."""
    return any(is_order(text) for value in item.values() for text in _texts(value))


def _address(given: Any) -> Address | None:  # noqa: ANN401 - what a page wrote
    if isinstance(given, str):
        return address_of(_text(given))
    if not isinstance(given, dict):
        return None
    country = _first(given.get("addressCountry"))
    return address_of(
        _text(given.get("streetAddress")),
        city=_text(given.get("addressLocality")),
        state=_text(given.get("addressRegion")),
        postal_code=_text(given.get("postalCode"), 20),
        country=_text(country.get("name") if isinstance(country, dict) else country),
    )


def _card(card: Element) -> Mention | None:
    """The place of an hCard."""

    def said(selector: str, limit: int = _MAX_TEXT) -> str | None:
        found = card.select_one(selector)
        return _text(found.text, limit) if found is not None else None

    name = said(".fn", MAX_NAME)
    if not name or is_order(card.text):
        return None
    here = position(said(".latitude"), said(".longitude"))
    link = card.select_one("a.url, .url a, .listing-url a")
    line = said(".street-address, .listing-address, .adr .label, .adr")
    kind = re.search(r"\blisting-(see|do|eat|drink|sleep|buy)\b", " ".join(_classes(card)))
    kinds = {"see": "attraction", "eat": "restaurant", "drink": "bar", "sleep": "hotel", "buy": "shop"}
    data = [card.attrs.get(name) or "" for name in ("data-wikidata", "id")]
    wikidata = next((value for value in data if re.fullmatch(r"Q\d{1,12}", str(value))), None)
    return Mention(
        name=name,
        other_names=_others(name, [alt] if (alt := said(".nickname, .listing-alt")) else []),
        category=kinds.get(kind[1]) if kind else None,
        address=address_of(line),
        lat=here[0] if here else None,
        lng=here[1] if here else None,
        phone=_phone(said(".tel")),
        website=_website(str(link.attrs.get("href") or "")) if link is not None else None,
        wikidata_id=str(wikidata) if wikidata else None,
    )


def _classes(element: Element) -> list[str]:
    value = element.attrs.get("class") or ""
    return value.split() if isinstance(value, str) else [str(word) for word in value]


def _others(name: str, names: Iterable[str]) -> tuple[str, ...]:
    kept = [other for text in names if (other := _text(text, MAX_NAME)) and other != name]
    return tuple(dict.fromkeys(kept))[:8]


def _first(value: Any) -> Any:  # noqa: ANN401 - what a page wrote
    return value[0] if isinstance(value, list) and value else value


def _texts(value: Any) -> list[str]:  # noqa: ANN401 - what a page wrote
    values = value if isinstance(value, list) else [value]
    return [text for text in values[:50] if isinstance(text, str)]


def _text(value: Any, limit: int = _MAX_TEXT) -> str | None:  # noqa: ANN401 - what a page wrote
    """A text on one line, ``None`` for what is none, is empty or is longer than it could honestly be."""
    value = _first(value)
    if not isinstance(value, str) or len(value) > 4 * limit:
        return None
    text = " ".join(shown(value).split())
    return text if 0 < len(text) <= limit else None


def _phone(text: str | None) -> str | None:
    return text if text and _PHONE.fullmatch(text) else None


def _website(text: str | None) -> str | None:
    return text if text and len(text) <= _MAX_URL and _URL.fullmatch(text) else None
