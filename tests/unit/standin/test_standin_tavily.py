"""Tavily: search, extract and usage, with a key.

Shapes: https://docs.tavily.com/documentation/api-reference/endpoint/search, .../extract, .../usage; the errors
https://help.tavily.com/articles/8645538886-understanding-http-errors.
"""

from __future__ import annotations

import pytest

from tests.unit.standin.client import Client


def post(client: Client, endpoint: str, body: object, key: str = "tvly-one"):
    return client.post(f"/tavily/{endpoint}", body, Authorization=f"Bearer {key}")


def test_a_search_finds_pages_that_exist(client: Client):
    found = post(
        client, "search", {"query": "Edinburgh museums galleries", "max_results": 10, "include_usage": True}
    ).json()
    assert set(found) == {
        "query",
        "follow_up_questions",
        "answer",
        "images",
        "results",
        "response_time",
        "request_id",
        "usage",
    }
    assert found["usage"] == {"credits": 1}
    assert len(found["results"]) == 10
    scores = [hit["score"] for hit in found["results"]]
    assert scores == sorted(scores, reverse=True)
    for hit in found["results"]:
        assert set(hit) == {"url", "title", "content", "score", "raw_content"}
        assert client.page(hit["url"]).status == 200
    assert any("utm_source" in hit["url"] for hit in found["results"]), "addresses come as messy as they are"


def test_domains_are_kept_to(client: Client):
    asked = {"query": "Edinburgh bars", "max_results": 20}
    host = "visit-edinburgh.example"
    only = post(client, "search", {**asked, "include_domains": [host]}).json()["results"]
    without = post(client, "search", {**asked, "exclude_domains": [host]}).json()["results"]
    assert only
    assert all(host in hit["url"] for hit in only)
    assert all(host not in hit["url"] for hit in without)


def test_extract_reads_pages_and_names_those_that_it_cannot(client: Client):
    (page, *_) = post(client, "search", {"query": "Edinburgh cafes"}).json()["results"]
    found = post(client, "extract", {"urls": [page["url"], "http://nowhere.example/"]}).json()
    (read,) = found["results"]
    assert page["title"].split(":")[0] in read["raw_content"]
    assert found["failed_results"] == [{"url": "http://nowhere.example/", "error": "Failed to fetch url"}]


def test_usage_counts_credits_by_key_and_the_plan_ends(client: Client):
    key = "tvly-usage"
    post(client, "search", {"query": "Edinburgh", "search_depth": "advanced"}, key)
    usage = client.get("/tavily/usage", headers={"Authorization": f"Bearer {key}"}).json()
    assert usage["key"]["usage"] == usage["account"]["plan_usage"] == 2
    for _ in range(499):
        assert post(client, "search", {"query": "Nowhere", "search_depth": "advanced"}, key).status == 200
    refused = post(client, "search", {"query": "Edinburgh"}, key)
    assert refused.status == 432
    assert "plan" in refused.json()["detail"]["error"]
    assert post(client, "search", {"query": "Edinburgh"}, "tvly-other").status == 200


def test_without_a_key_nothing_is_answered(client: Client):
    for headers in ({}, {"Authorization": "Bearer secret"}, {"Authorization": "tvly-one"}):
        answer = client.post("/tavily/search", {"query": "Edinburgh"}, **headers)
        assert answer.status == 401
        assert "API key" in answer.json()["detail"]["error"]


@pytest.mark.parametrize(
    "body", [{}, {"query": ""}, {"query": "x", "max_results": 21}, {"query": "x", "depth": "basic"}]
)
def test_wrong_parameters_are_refused(client: Client, body: dict[str, object]):
    assert post(client, "search", body).status == 400


@pytest.mark.parametrize("status", [429, 432, 433])
def test_limits_on_demand(client: Client, status: int):
    client.faults(
        {"service": "tavily", "fault": "status", "status": status, "body": "{}", "content_type": "application/json"}
    )
    assert post(client, "search", {"query": "Edinburgh"}).status == status
