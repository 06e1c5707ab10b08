"""Catalogues of portals in the forms in which they are found, with what they leave out and get wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.discover_targets.catalogues import data_sets
from lambdas.discover_targets.datasets import DataSet

ROOT = "https://data.example.org/"
PACKAGE = {
    "name": "listed-buildings",
    "title": "Listed buildings",
    "license_id": "uk-ogl",
    "license_title": "UK Open Government Licence (OGL)",
    "metadata_modified": "2026-05-01T09:00:00",
    "tags": [{"name": "heritage"}],
    "resources": [
        {"format": "CSV", "url": "https://files.example.org/a b.csv"},
        {"format": "", "url": "https://gis.example.org/arcgis/rest/services/x/FeatureServer/0"},
        {"format": "GeoJSON", "url": "https://files.example.org/download/7"},
        {"format": "PDF", "url": "https://files.example.org/map.pdf"},
        {"format": "CSV", "url": "ftp://files.example.org/a.csv"},
    ],
}
ENTRY = {
    "title": "Parks of Leith",
    "landingPage": "https://data.example.org/datasets/parks",
    "license": "https://creativecommons.org/licenses/by-sa/4.0/",
    "modified": "2026-04-03",
    "keyword": ["green space"],
    "distribution": [
        {"mediaType": "text/html", "accessURL": "https://data.example.org/datasets/parks"},
        {"mediaType": "application/vnd.geo+json", "accessURL": "https://data.example.org/download/parks"},
    ],
}


def found(answers: dict[str, Any], city: str | None = None, asked: list[str] | None = None) -> list[DataSet]:
    def get(url: str) -> str | None:
        if asked is not None:
            asked.append(url)
        answer = next((answer for part, answer in answers.items() if part in url), None)
        return answer if isinstance(answer, str) or answer is None else json.dumps(answer)

    return data_sets(ROOT, get, city)


def ckan(*packages: Any) -> dict[str, Any]:
    return {"package_search": {"success": True, "result": {"count": len(packages), "results": list(packages)}}}


def test_an_entry_of_ckan():
    (data,) = found(ckan(PACKAGE))
    assert data.source_url == "https://data.example.org/dataset/listed-buildings"
    assert (data.category, data.license, data.updated) == ("heritage", "OGL-UK-3.0", "2026-05-01T09:00:00")
    assert [(endpoint.type, endpoint.url.rpartition("/")[2]) for endpoint in data.endpoints] == [
        ("CSV", "a%20b.csv"), ("ArcGIS-FeatureService", "0"), ("GeoJSON", "7"),
    ]  # fmt: skip
    assert data.readable == ("https://files.example.org/download/7", "json")


def test_an_entry_of_dcat():
    asked: list[str] = []
    (data,) = found({"data.json": {"dataset": [ENTRY]}}, asked=asked)
    assert [url.partition("?")[0] for url in asked] == [f"{ROOT}api/3/action/package_search", f"{ROOT}data.json"]
    assert (data.category, data.license, data.updated) == ("parks", "CC-BY-SA", "2026-04-03")
    assert data.readable == ("https://data.example.org/download/parks", "json")


def test_a_feed_of_arcgis_hub():
    asked: list[str] = []
    (data,) = found({"dcat-us": {"dataset": [ENTRY]}}, asked=asked)
    assert asked[-2:] == [f"{ROOT}data.json", f"{ROOT}api/feed/dcat-us/1.1.json"]
    assert data.license == "CC-BY-SA"


def test_a_portal_of_many_cities_is_asked_for_one():
    asked: list[str] = []
    assert found({"data.json": {"dataset": [ENTRY]}}, "New York", asked) == []
    assert asked[0].endswith("package_search?rows=100&q=New%20York")
    assert len(found({"data.json": {"dataset": [ENTRY]}}, "Leith")) == 1


@pytest.mark.parametrize(
    ("changes", "readable"),
    [
        ({}, True),
        ({"license_id": "cc-by-nc", "license_title": "CC BY-NC 4.0"}, False),
        ({"license_id": "cc-nc", "license_title": "Creative Commons Non-Commercial (Any)"}, False),
        ({"license_id": "other-nc", "license_title": "Other (Non-Commercial)"}, False),
        ({"license_id": "other-closed", "license_title": "Other (Not Open)"}, False),
        ({"license_id": "", "license_title": "Creative Commons Attribution-NonCommercial 4.0"}, False),
        ({"license_id": "other-open", "license_title": "Other (Open)"}, True),
        ({"title": "Grit bins", "tags": [], "name": "bins"}, False),
        ({"title": "Bus stops", "tags": [], "name": "stops"}, False),
        ({"resources": [{"format": "WMS", "url": "https://gis.example.org/wms"}]}, False),
        ({"resources": [{"format": "CSV", "url": "https://files.example.org/a"}]}, True),
        ({"resources": [{"format": "CSV", "url": f"{ROOT}{'a' * 3000}"}, *PACKAGE["resources"]]}, True),
    ],
)  # fmt: skip
def test_only_open_data_on_places_is_read(changes: dict[str, Any], readable: bool):
    (data,) = found(ckan({**PACKAGE, **changes}))
    assert (data.readable is not None) == readable


@pytest.mark.parametrize(
    "answer",
    ["<html>not here</html>", "[" * 50_000, [], {}, {"result": 5}, {"result": {"results": [5, {}, {"resources": 7}]}},
     {"dataset": "x"}, {"dataset": [5, {"keyword": "x", "distribution": [{"downloadURL": 5}]}]}],
)  # fmt: skip
def test_what_is_no_catalogue_lists_nothing(answer: Any):
    assert found({"package_search": answer, "data.json": answer}) == []
