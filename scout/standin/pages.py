"""Web pages as HTML: what a guide, a place's own site, a data portal or a page about nothing would send."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from lambdas.mock.city import City, Entity
from lambdas.mock.stream import Stream
from lambdas.mock.web import Mention
from scout.standin import facts
from scout.standin.maps import web_address
from scout.standin.prose import chatter, facts_line, listed, sentence
from scout.standin.towns import Town

STYLES: Final = ("data", "microdata", "cards", "list", "prose")
"""How a page can give its places: JSON-LD, microdata, cards, a plain list, or running text."""

_TYPES: Final[Mapping[str, str]] = {
    "bar": "BarOrPub",
    "cafe": "CafeOrCoffeeShop",
    "gallery": "ArtGallery",
    "hotel": "Hotel",
    "library": "Library",
    "monument": "LandmarksOrHistoricalBuildings",
    "museum": "Museum",
    "park": "Park",
    "religious": "PlaceOfWorship",
    "restaurant": "Restaurant",
    "shop": "Store",
    "theatre": "PerformingArtsTheater",
}
_NOISE: Final = (
    ("privacy", "Privacy notice", "We keep no record of your visit longer than the law asks us to."),
    ("recipes/oat-biscuits", "Oat biscuits", "Cream the butter with the sugar, add the oats, and bake until golden."),
    ("news/new-editor", "A new editor", "The desk welcomes a colleague who has written for us for many years."),
    ("advertise", "Advertise with us", "Our readers plan ahead; our rates are on the card, and tax comes on top."),
)


def document(title: str, body: str, *, head: str = "", site: str = "", language: str = "en") -> bytes:
    """A whole page with all that surrounds the text: menu, comments, footer, a hidden element.

    Args:
        title: Of the page.
        body: What its ``main`` element holds, as HTML.
        head: More elements for the head.
        site: The host name; its menu leads to it.
        language: Of the text.
    """
    stream = Stream(site, title, "surroundings")
    menu = "".join(f'<li><a href="http://{site}/{path}">{name}</a></li>' for path, name, _ in _NOISE)
    comments = "".join(f"<li><b>Reader {n}</b> {chatter(stream, 2)}</li>" for n in range(1, 9))
    return f"""<!DOCTYPE html>
<html lang="{language}"><head><meta charset="utf-8"><title>{html.escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>main {{ max-width: 60rem; }} .card {{ border: 1px solid #ddd; padding: 1rem; }}</style>{head}</head>
<body><header><nav><ul><li><a href="http://{site}/">Home</a></li>{menu}</ul></nav></header>
<main><h1>{html.escape(title)}</h1>
{body}
</main>
<aside><h2>Comments</h2><ul>{comments}</ul></aside>
<div style="display:none" aria-hidden="true">Cookie settings, shown later by a script.</div><!-- template 7 -->
<footer><p>Synthetic: no such site exists.</p></footer>
<script>window.dataLayer = [];</script></body></html>
""".encode()


def noise(site: str, path: str) -> bytes | None:
    """A page of a site that speaks of no place, if it has one at that path."""
    for known, title, text in _NOISE:
        if path == known:
            paragraphs = "".join(f"<p>{text} {chatter(Stream(site, path, n), 3)}</p>" for n in range(5))
            return document(title, paragraphs, site=site)
    return None


class Guide:
    """Writes pages that speak of many places.

    Args:
        town: Where they are.
        city: Its truth.
    """

    def __init__(self, town: Town, city: City) -> None:
        self.town = town
        self.city = city

    def page(self, title: str, style: str, mentions: Sequence[Mention], links: Iterable[str], site: str) -> bytes:
        """A page.

        Args:
            title: Of the page.
            style: One of :data:`STYLES`.
            mentions: The places.
            links: Where it leads to.
            site: Its host name.
        """
        stream = Stream(site, title, "prose")
        write: Callable[[Stream, Mention], str] = {
            "data": self._card,
            "microdata": self._microdata,
            "cards": self._card,
            "list": self._item,
            "prose": self._paragraph,
        }[style]
        written = "\n".join(write(stream, mention) for mention in mentions)
        if style == "list":
            written = f"<ul>\n{written}\n</ul>"
        onward = "".join(f'<li><a href="{html.escape(link)}">Read on</a></li>' for link in links)
        intro = "".join(f"<p>{chatter(stream, 4)}</p>" for _ in range(3))
        head = ""
        if style == "data":
            items = [self._schema(mention) for mention in mentions]
            head = json_ld({"@context": "https://schema.org", "@type": "ItemList", "itemListElement": items})
        body = f"{intro}\n{written}\n<section><h2>Read on</h2><ul>{onward}</ul></section>"
        return document(title, body, head=head, site=site)

    def official(self, entity: Entity) -> tuple[str, dict[str, Any]]:
        """What a place's own site says of it: HTML, and the same as schema.org data."""
        address = self.town.address(entity.street, entity.house)
        names = list(dict.fromkeys(entity.names.values()))
        data: dict[str, Any] = {
            "@context": "https://schema.org",
            "@type": _TYPES.get(entity.category, "LocalBusiness"),
            "name": entity.names.get("en", entity.name),
            "description": facts.description(self.city, entity),
            "address": self._postal(address.line, address.postcode),
            "geo": {"@type": "GeoCoordinates", "latitude": entity.at.lat, "longitude": entity.at.lng},
            "telephone": entity.phone,
            "url": web_address(entity.website) if entity.website else None,
            "openingHours": facts.opening_hours(self.city, entity),
            "alternateName": [name for name in names if name != entity.names.get("en", entity.name)] or None,
            "sameAs": f"https://www.wikidata.org/wiki/{entity.wikidata_id}" if entity.wikidata_id else None,
        }
        name = entity.names.get("en", entity.name)
        local = f" ({entity.name})" if entity.name != name else ""
        text = (
            f"<h2>{html.escape(name + local)}</h2>"
            f"<p>{html.escape(facts_line(entity.category, address.line, entity.at))}</p>"
            f"<p>{html.escape(sentence(name, address.line))} {facts.description(self.city, entity)}</p>"
            f"<p>{html.escape(address.label)}<br>{entity.phone or ''}</p>"
        )
        return text, {key: value for key, value in data.items() if value is not None}

    def _postal(self, line: str, postcode: str) -> dict[str, str]:
        return {
            "@type": "PostalAddress",
            "streetAddress": line,
            "addressLocality": self.town.name,
            "postalCode": postcode,
            "addressCountry": self.town.country.code,
        }

    def _line(self, mention: Mention) -> str:
        return self.town.address(mention.street, mention.house).line if mention.street else ""

    def _local(self, mention: Mention) -> str | None:
        if mention.local_name or mention.entity is None:
            return mention.local_name
        return mention.entity.name if mention.entity.name != mention.entity.names.get("en") else None

    def _card(self, stream: Stream, mention: Mention) -> str:
        name, local, line = html.escape(mention.name), self._local(mention), self._line(mention)
        heading = f"{name} ({html.escape(local)})" if local and local != mention.name else name
        return (
            f"<article class='card'><h3>{heading}</h3>"
            f"<p class='facts'>{html.escape(facts_line(mention.category, line, mention.at))}</p>"
            f"<p>{html.escape(sentence(mention.name, line))} {chatter(stream, 3)}</p></article>"
        )

    def _microdata(self, stream: Stream, mention: Mention) -> str:
        kind = _TYPES.get(mention.category, "Place")
        local, line = self._local(mention), self._line(mention)
        other = f"<span itemprop='alternateName'>{html.escape(local)}</span>" if local else ""
        position = (
            f"<span itemprop='geo' itemscope itemtype='https://schema.org/GeoCoordinates'>"
            f"<meta itemprop='latitude' content='{mention.at.lat:.5f}'>"
            f"<meta itemprop='longitude' content='{mention.at.lng:.5f}'></span>"
            if mention.at
            else ""
        )
        return (
            f"<div class='card' itemscope itemtype='https://schema.org/{kind}'>"
            f"<h3 itemprop='name'>{html.escape(mention.name)}</h3>{other}"
            f"<p itemprop='address' itemscope itemtype='https://schema.org/PostalAddress'>"
            f"<span itemprop='streetAddress'>{html.escape(line)}</span>, "
            f"<span itemprop='addressLocality'>{html.escape(self.town.name)}</span></p>{position}"
            f"<p itemprop='description'>{html.escape(sentence(mention.name, line))} {chatter(stream, 2)}</p></div>"
        )

    def _item(self, _: Stream, mention: Mention) -> str:
        text = listed(mention.name, self._local(mention), mention.category, self._line(mention), mention.at)
        return f"<li>{html.escape(text)}</li>"

    def _paragraph(self, stream: Stream, mention: Mention) -> str:
        line = self._line(mention)
        title = html.escape(mention.name)
        return (
            f"<h2>{title}</h2><p>{html.escape(facts_line(mention.category, line, mention.at))}</p>"
            f"<p>{html.escape(sentence(mention.name, line))} {chatter(stream, 5)}</p>"
        )

    def _schema(self, mention: Mention) -> dict[str, Any]:
        """A place in the form that guides give it: some write the item itself, some wrap it as a list item."""
        item: dict[str, Any] = {
            "@type": _TYPES.get(mention.category, "Place"),
            "name": mention.name,
            "keywords": mention.category,
        }
        if line := self._line(mention):
            item["address"] = self._postal(line, self.town.address(mention.street, mention.house).postcode)
        if local := self._local(mention):
            item["alternateName"] = local
        if mention.at:
            item["geo"] = {"@type": "GeoCoordinates", "latitude": mention.at.lat, "longitude": mention.at.lng}
        return item


def json_ld(data: object) -> str:
    """Schema.org data as the script element that carries it; ``</`` would end that."""
    text = json.dumps(data, ensure_ascii=False).replace("</", "<\\/")
    return f'<script type="application/ld+json">{text}</script>'
