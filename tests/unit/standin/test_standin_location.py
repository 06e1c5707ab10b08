"""Amazon Location Service as boto3 speaks it: SearchNearby in pages, Geocode, the price of storing."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from lambdas.places.geo import distance_m
from tests.unit.standin.client import Client

CENTER = [-3.1883, 55.9533]


def test_nearby_gives_the_nearest_first_page_by_page(client: Client):
    places = client.aws("geo-places", "location")
    whole = places.search_nearby(QueryPosition=CENTER, QueryRadius=400, MaxResults=100, IntendedUse="Storage")
    assert whole["PricingBucket"] == "Stored"
    distances = [item["Distance"] for item in whole["ResultItems"]]
    assert distances == sorted(distances)
    seen: list[str] = []
    onward: dict[str, str] = {}
    while True:
        part = places.search_nearby(QueryPosition=CENTER, QueryRadius=400, MaxResults=7, **onward)
        seen += [item["PlaceId"] for item in part["ResultItems"]]
        if "NextToken" not in part:
            break
        onward = {"NextToken": part["NextToken"]}
    assert seen[: len(distances)] == [item["PlaceId"] for item in whole["ResultItems"]]
    assert len(seen) == len(set(seen))
    item = whole["ResultItems"][0]
    lng, lat = item["Position"]
    assert item["Distance"] == round(distance_m((55.9533, -3.1883), (lat, lng)))
    assert item["Address"]["Country"] == {"Code2": "GB", "Code3": "GBR", "Name": "United Kingdom"}
    assert part["PricingBucket"] == "Core"


def test_categories_are_kept_to(client: Client):
    found = client.aws("geo-places", "location").search_nearby(
        QueryPosition=CENTER, QueryRadius=1500, Filter={"IncludeCategories": ["museum"]}
    )
    assert found["ResultItems"]
    assert {item["Categories"][0]["Id"] for item in found["ResultItems"]} == {"museum"}


def test_geocode_finds_a_town_and_a_place_in_it(client: Client):
    places = client.aws("geo-places", "location")
    (town,) = places.geocode(QueryText="Edinburgh, United Kingdom")["ResultItems"]
    assert (town["PlaceType"], town["Position"]) == ("Locality", CENTER)
    nearby = places.search_nearby(QueryPosition=CENTER, QueryRadius=300)["ResultItems"][0]
    found = places.geocode(QueryText=f"{nearby['Title']}, Edinburgh", Filter={"IncludeCountries": ["GBR"]})
    assert nearby["PlaceId"] in [item["PlaceId"] for item in found["ResultItems"]]
    assert places.geocode(QueryText="Edinburgh", Filter={"IncludeCountries": ["JPN"]})["ResultItems"] == []
    assert places.geocode(QueryText="Atlantis")["ResultItems"] == []


def test_a_search_by_name_keeps_to_its_circle(client: Client):
    places = client.aws("geo-places", "location")
    nearby = places.search_nearby(QueryPosition=CENTER, QueryRadius=300)["ResultItems"][0]
    asked = {"QueryText": f"{nearby['Title']}, Edinburgh", "IntendedUse": "Storage"}
    found = places.search_text(**asked, Filter={"Circle": {"Center": CENTER, "Radius": 400}})
    assert nearby["PlaceId"] in [item["PlaceId"] for item in found["ResultItems"]]
    assert found["PricingBucket"] == "Stored"
    far = {"Center": [-3.1883, 55.99], "Radius": 400}
    assert places.search_text(**asked, Filter={"Circle": far})["ResultItems"] == []
    with pytest.raises(ClientError, match=r"Filter\.Circle"):
        places.search_text(**asked)


def test_wrong_parameters_are_named_as_aws_names_them(client: Client):
    with pytest.raises(ClientError) as raised:
        client.aws("geo-places", "location").search_nearby(QueryPosition=CENTER, QueryRadius=10, NextToken="nonsense!")
    assert raised.value.response["Error"]["Code"] == "ValidationException"
