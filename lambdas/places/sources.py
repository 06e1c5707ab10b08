"""What is known of the sources: which of them list a place once, and how far each is believed."""

from __future__ import annotations

from collections.abc import Mapping

from lambdas.contracts.candidate import Source

REGISTERS = frozenset({Source.GOOGLE, Source.OSM, Source.OTM, Source.OVERTURE, Source.WIKIDATA, Source.OPEN_DATA})
"""Sources that list a place once, as opposed to pages that mention the same place again and again."""

LARGE_REGISTERS = frozenset({Source.GOOGLE, Source.OSM, Source.OTM, Source.OVERTURE})
"""Registers that mean to list everything. A place that none of them lists is a find."""

TRUST: Mapping[Source, float] = {
    Source.WIKIDATA: 0.6,
    Source.GOOGLE: 0.5,
    Source.OPEN_DATA: 0.5,
    Source.OSM: 0.4,
    Source.OTM: 0.3,
    Source.OVERTURE: 0.3,
    Source.WEB: 0.2,
    Source.TAVILY: 0.1,
}
"""How likely it is that a place which the source lists is one worth listing, all else unknown."""

# The most trusted first, for names and facts; map data is surveyed, pages are written for readers.
_LEADING = (
    Source.OSM,
    Source.WIKIDATA,
    Source.GOOGLE,
    Source.OTM,
    Source.OPEN_DATA,
    Source.OVERTURE,
    Source.WEB,
    Source.TAVILY,
)
_ORDER = {source: place for place, source in enumerate(_LEADING)}


def precedence(source: Source) -> tuple[int, str]:
    """A sort key: the source whose word on names and facts counts most comes first."""
    return _ORDER.get(source, len(_LEADING)), source.value


def trust(source: Source) -> float:
    """How far a source is believed, 0 to 1; as far as the least trusted where nothing is known of it."""
    return TRUST.get(source, min(TRUST.values()))
