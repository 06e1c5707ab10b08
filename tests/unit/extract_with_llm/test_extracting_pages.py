"""ExtractWithLLM in the stand-in world: the places of its pages, and nothing that its pages or its model make up."""

from __future__ import annotations

import json
from typing import Any

import pytest
import urllib3

from lambdas.contracts.candidate import CANDIDATES, Source
from lambdas.contracts.connectors import BudgetGroup
from lambdas.contracts.job import RunInput
from lambdas.extract_with_llm import prompt
from lambdas.extract_with_llm.state import extract_with_llm
from lambdas.runtime.errors import ServiceUnavailable, Throttled
from scout.standin import hostile
from scout.standin.pages import STYLES
from scout.standin.server import StandIn
from scout.standin.sites import Sites, Written
from tests.unit.extract_with_llm.extracting import Extracting

GUIDE = (
    "<!doctype html><title>Guide</title><main><h1>Guide</h1><h3>Alder House</h3>"
    "<p>historic · 1 Alder Street · 55.95000, -3.19000</p><p>Alder House stands at 1 Alder Street.</p>"
    "<h3>Birch Café</h3><p>cafe · 2 Birch Row</p><p>Birch Café stands at 2 Birch Row.</p></main>"
)
INJECTED = sorted(path for path in hostile.TRAPS if path.startswith("injected-"))


def faults(standin: StandIn, *rules: dict[str, Any]) -> None:
    answer = urllib3.request("POST", f"{standin.url}/_standin/faults", json=list(rules))
    assert answer.status == 200, answer.data


def pages(standin: StandIn, town: str, style: str) -> list[tuple[Written, str]]:
    sites = Sites(standin.app.world).of(standin.app.world.places[town])
    chosen = [page for page in sites.pages.values() if page.style == style][:3]
    found = []
    for page in chosen:
        sent = sites.get(page.host, page.url.split("/", 3)[3])
        assert sent is not None
        found.append((page, sent.body.decode()))
    assert found
    return found


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("town", ["edinburgh", "tokyo"])
def test_every_style_of_page_gives_its_places(extracting: Extracting, standin: StandIn, town: str, style: str) -> None:
    for page, html in pages(standin, town, style):
        extracted = extracting.page(html)
        found = {(c["name"], c.get("lat"), c.get("lng")) for c in extracted.data["candidates"]}
        assert found == {
            (m.name, round(m.at.lat, 5), round(m.at.lng, 5)) if m.at else (m.name, None, None) for m in page.mentions
        }
        assert len({candidate["record_id"] for candidate in extracted.data["candidates"]}) == len(found)
        assert extracted.data["calls"] == 1
        assert extracted.metrics["listed" if style in ("data", "microdata") else "read"] == len(found)
        CANDIDATES.validate_json(json.dumps(extracted.data["candidates"]))


def test_data_for_machines_costs_nothing(extracting: Extracting, standin: StandIn) -> None:
    for style in ("data", "microdata"):
        extracting.page(pages(standin, "edinburgh", style)[0][1])
    assert extracting.units == 0
    extracting.page(pages(standin, "edinburgh", "prose")[0][1])
    assert extracting.units > 0


def test_the_own_site_of_a_place_says_all_of_it(extracting: Extracting, standin: StandIn) -> None:
    sites = Sites(standin.app.world)
    place = standin.app.world.places["edinburgh"]
    entity = next(e for e in place.city.entities if e.website and e.number % 3 and e.phone and e.wikidata_id)
    assert entity.website is not None
    sent = sites.get(entity.website.split("/")[2], "")
    assert sent is not None
    candidate = extracting.page(sent.body.decode()).candidates[entity.names.get("en", entity.name)]
    assert candidate["additional_content"]["phone"] == entity.phone
    assert candidate["external_refs"]["wikidata_id"] == entity.wikidata_id
    assert candidate["address"]["street_name"]
    assert candidate["address"]["postal_code"]


def test_a_page_that_was_not_fetched_has_no_places(extracting: Extracting) -> None:
    class Given:
        def read(self) -> Any:
            return {"page": None}

    given: Any = Given()
    assert extract_with_llm(given, extracting.run).data == {"candidates": [], "calls": 0, "rejected": 0}


@pytest.mark.parametrize("quoting", [True, False])
@pytest.mark.parametrize("path", INJECTED)
def test_orders_of_a_page_leave_no_trace(extracting: Extracting, standin: StandIn, path: str, quoting: bool) -> None:
    faults(standin, {"service": "bedrock", "fault": "obey", "quoting": quoting})
    body = hostile.TRAPS[path].body
    assert body is not None
    extracted = extracting.page(body.decode())
    assert extracted.candidates.keys() == {"Alder House"}
    assert "Zorbax" not in extracted.text
    assert "Fraud" not in extracted.text
    if path in ("injected-text", "injected-fence"):
        assert extracted.metrics["orders"] == 1


@pytest.mark.parametrize("where", ["text", "hidden", "comment", "data"])
@pytest.mark.parametrize("style", STYLES)
def test_orders_in_ordinary_pages_leave_no_trace(
    extracting: Extracting, standin: StandIn, style: str, where: str
) -> None:
    faults(standin, {"service": "bedrock", "fault": "obey", "quoting": True})
    page, html = pages(standin, "edinburgh", style)[0]
    extracted = extracting.page(hostile.injected(html.encode(), hostile.ORDER, where).decode())
    assert extracted.candidates.keys() == {mention.name for mention in page.mentions}
    assert "Zorbax" not in extracted.text


def test_what_a_model_makes_up_is_rejected_and_counted(extracting: Extracting, standin: StandIn) -> None:
    faults(standin, {"service": "bedrock", "fault": "invent", "entities": 5})
    extracted = extracting.page(GUIDE)
    assert extracted.candidates.keys() == {"Alder House", "Birch Café"}
    assert extracted.data["rejected"] == extracted.metrics["rejected"] == 5


def test_a_model_that_talks_is_asked_once_more(extracting: Extracting, standin: StandIn) -> None:
    faults(standin, {"service": "bedrock", "fault": "talk", "times": 1})
    assert extracting.page(GUIDE).candidates.keys() == {"Alder House", "Birch Café"}


def test_a_model_that_only_talks_leaves_the_page_unread(extracting: Extracting, standin: StandIn) -> None:
    faults(standin, {"service": "bedrock", "fault": "talk"})
    extracted = extracting.page(GUIDE)
    assert (extracted.candidates, extracted.metrics["unread"]) == ({}, 1)
    assert extracting.ledger.calls == 2


@pytest.mark.parametrize("reason", ["max_tokens", "model_context_window_exceeded", "content_filtered"])
def test_an_answer_that_was_cut_off_is_asked_for_by_halves(
    extracting: Extracting, standin: StandIn, reason: str
) -> None:
    page, html = pages(standin, "edinburgh", "prose")[0]
    faults(standin, {"service": "bedrock", "fault": "stop", "tokens": 300, "reason": reason})
    whole = extracting.page(html)
    assert extracting.ledger.calls > 2
    assert whole.candidates.keys() <= {mention.name for mention in page.mentions}
    assert len(whole.candidates) > len(page.mentions) / 2


def test_a_retry_hands_on_the_same_and_asks_nothing(extracting: Extracting) -> None:
    first = extracting.page(GUIDE)
    spent, calls = extracting.units, extracting.ledger.calls
    assert calls == 1
    assert extracting.page(GUIDE).text == first.text
    assert (extracting.units, extracting.ledger.calls) == (spent, calls)


def test_without_a_budget_for_the_model_data_is_still_read(standin: StandIn, extracting: Extracting) -> None:
    document = extracting.job.document()
    document["budgets"]["llm"] = {"tokens_per_min": 1, "max_tokens_total": 1}
    poor = Extracting(RunInput.parse(document))
    assert poor.page(GUIDE).metrics["unread"] == 1
    assert poor.ledger.spent[BudgetGroup.LLM] == 0
    page, html = pages(standin, "edinburgh", "data")[0]
    assert poor.page(html).candidates.keys() == {mention.name for mention in page.mentions}


@pytest.mark.parametrize("directive", ["noai", "tdm-reservation"])
def test_a_site_that_wants_no_model_is_read_for_its_data_alone(extracting: Extracting, directive: str) -> None:
    extracted = extracting.page(GUIDE, directives=[directive])
    assert (extracted.candidates, extracted.metrics["denied"]) == ({}, 1)
    assert extracting.units == 0


@pytest.mark.parametrize(
    ("status", "kind", "units"),
    [(429, Throttled, 0), (503, ServiceUnavailable, None)],
)
def test_a_model_that_fails_fails_by_name(
    extracting: Extracting, standin: StandIn, status: int, kind: type[Exception], units: int | None
) -> None:
    faults(standin, {"service": "bedrock", "fault": "status", "status": status})
    with pytest.raises(kind) as caught:
        extracting.page(GUIDE)
    assert getattr(caught.value, "units", None) == units
    if units == 0:
        assert extracting.units == 0


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_model_that_refuses_is_left_out_and_said_so(extracting: Extracting, standin: StandIn, status: int) -> None:
    faults(standin, {"service": "bedrock", "fault": "status", "status": status})
    extracted = extracting.page(GUIDE)
    assert (extracted.candidates, extracted.metrics["model_refused"]) == ({}, 1)
    assert "amazon.nova-lite-v1:0" in extracted.data["model"]
    assert extracting.units == 0
    assert len(extracting.page(pages(standin, "edinburgh", "data")[0][1]).candidates) > 5


def test_no_answer_is_asked_for_that_could_not_be_awaited(extracting: Extracting) -> None:
    extracting.seconds = 20
    with pytest.raises(ServiceUnavailable, match="No time is left"):
        extracting.page(GUIDE)
    assert (extracting.units, extracting.ledger.calls) == (0, 0)


def test_a_long_page_is_asked_for_in_parts(extracting: Extracting) -> None:
    sections = "".join(
        f"<h2>House {n}</h2><p>historic · {n} Long Street</p><p>House {n} stands at {n} Long Street.</p>"
        + "<p>There is nothing else to say of it, and this says so at length.</p>" * 8
        for n in range(1, 61)
    )
    extracted = extracting.page(f"<title>Long</title><main>{sections}</main>")
    assert len(extracted.candidates) == 60
    assert extracting.ledger.calls >= 2


def test_parts_end_before_headings_and_hold_everything() -> None:
    lines = [line for n in range(200) for line in (f"## Heading {n}", "text " * 30)]
    parts = list(prompt.chunks(lines))
    assert "\n".join(parts) == "\n".join(lines)
    assert all(len(part) <= prompt.CHUNK_CHARACTERS for part in parts)
    assert all(part.startswith("## ") for part in parts)


@pytest.mark.parametrize(("licence", "share_alike"), [("CC0-1.0", False), ("ODbL-1.0", True), (None, False)])
def test_a_file_of_data_is_a_register_under_its_own_terms(
    extracting: Extracting, licence: str | None, share_alike: bool
) -> None:
    rows = "name,category,latitude,longitude\nAlder House,historic,55.95,-3.19\n"
    extracted = extracting.page(rows, content_type="text/csv", license=licence)
    (candidate,) = CANDIDATES.validate_json(json.dumps(extracted.data["candidates"]))
    assert candidate.source is Source.OPEN_DATA
    assert candidate.record_id.startswith("open_data:")
    (terms,) = candidate.licences
    assert (terms.id, terms.share_alike) == (licence or "facts-only", share_alike)
    assert "site.example" in terms.attribution


def test_half_a_letter_in_a_name_is_left_out(extracting: Extracting) -> None:
    feature = {"geometry": {"coordinates": [-3.19, 55.95]}, "properties": {"name": "Alder\ud83d House"}}
    listed = {"@type": "Museum", "name": "Alder\ud83d House", "alternateName": "\udc00 House"}
    extracted = extracting.page(json.dumps({"features": [feature]}), content_type="application/geo+json")
    assert extracted.data["candidates"][0]["name"] == "Alder House"
    extracted = extracting.page(f'<script type="application/ld+json">{json.dumps(listed)}</script><p>Alder House')
    assert [(c["name"], c["names"]) for c in extracted.data["candidates"]] == [("Alder House", {"alt": "House"})]


def test_the_terms_of_a_data_set_are_not_those_of_a_page(extracting: Extracting) -> None:
    extracted = extracting.page(GUIDE, license="CC0-1.0")
    assert {candidate["source"] for candidate in extracted.data["candidates"]} == {"web"}
    assert {candidate["licences"][0]["id"] for candidate in extracted.data["candidates"]} == {"facts-only"}
