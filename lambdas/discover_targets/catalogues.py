"""Catalogues of portals: what a portal says of its data sets in a form for machines.

Two forms are read, which most portals of cities have: the search of CKAN
(https://docs.ckan.org/en/latest/api/#ckan.logic.action.get.package_search), and a list of all by DCAT-US
(https://resources.data.gov/resources/dcat-us/), which Socrata and DKAN write as ``data.json``, ArcGIS Hub as one of its
feeds (https://doc.arcgis.com/en/hub/content/federate-data-with-external-catalogs.htm).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode, urljoin

from lambdas.discover_targets.datasets import DataSet, data_set, licence_of

# A hundred entries have some 500 KB; what is larger than a page may be is refused by the fetcher.
_ROWS = 100
_DCAT_US = ("/data.json", "/api/feed/dcat-us/1.1.json")

Get = Callable[[str], str | None]
"""Fetches a file of the portal as text; ``None`` where there is none, or the run may not ask for it."""


def data_sets(root: str, get: Get, city: str | None) -> list[DataSet]:
    """The data sets that a portal's catalogue lists.

    Args:
        root: The portal's address.
        get: How its files are fetched.
        city: On a portal that is not the city's own, the city that data sets have to be on.

    Returns:
        They, in the order of the catalogue; none where the portal has no catalogue of a known form.
    """
    asked = urlencode({"rows": _ROWS, **({"q": city} if city else {})}, quote_via=quote)
    search = f"{urljoin(root, '/api/3/action/package_search')}?{asked}"
    if found := list(_ckan(_parsed(get(search)), root)):
        return found
    for path in _DCAT_US:
        if found := list(_dcat(_parsed(get(urljoin(root, path))), root, city)):
            return found
    return []


def _ckan(answer: Mapping[str, Any], root: str) -> Iterator[DataSet]:
    result = answer.get("result")
    for package in _each(result.get("results") if isinstance(result, dict) else None):
        terms = " ".join(_text(package, name) for name in ("license_id", "license_title", "license_url"))
        found = data_set(
            urljoin(root, f"/dataset/{quote(_text(package, 'name'))}"),
            _text(package, "title"),
            [(_text(resource, "url"), _text(resource, "format")) for resource in _each(package.get("resources"))],
            about=" ".join(_text(tag, "name") for tag in _each(package.get("tags"))),
            licence=licence_of(terms),
            updated=_text(package, "metadata_modified") or None,
        )
        if found:
            yield found


def _dcat(answer: Mapping[str, Any], root: str, city: str | None) -> Iterator[DataSet]:
    for entry in _each(answer.get("dataset")):
        keywords = entry.get("keyword")
        words = " ".join(map(str, keywords)) if isinstance(keywords, list) else ""
        said = f"{_text(entry, 'title')} {words} {_text(entry, 'description')}"
        if city and city.casefold() not in said.casefold():
            continue
        found = data_set(
            _text(entry, "landingPage") or root,
            _text(entry, "title"),
            [
                (
                    _text(file, "downloadURL") or _text(file, "accessURL"),
                    _text(file, "mediaType") or _text(file, "format"),
                )
                for file in _each(entry.get("distribution"))
            ],
            about=words,
            licence=licence_of(_text(entry, "license")),
            updated=_text(entry, "modified") or None,
        )
        if found:
            yield found


def _parsed(text: str | None) -> Mapping[str, Any]:
    """A catalogue; nothing where a portal answers with something else, as it does to every address it does not know."""
    if text is None:
        return {}
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _each(listed: object) -> Sequence[Mapping[str, Any]]:
    return [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return value.strip() if isinstance(value, str) else ""
