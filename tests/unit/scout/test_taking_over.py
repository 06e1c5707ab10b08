"""What a new run takes over from one that failed, as far as it can be told without AWS."""

from __future__ import annotations

import io
from typing import Any

import pytest

from lambdas.runtime import envelope
from lambdas.runtime.errors import VerificationFailed
from scout.cities import taking_over

RUN = "edinburgh-20260101T120000Z-abc123"


def message(key: str, state: str, sender: str) -> dict[str, Any]:
    return {"item": f"MSG#{key}", "state": state, "sender": sender}


@pytest.mark.parametrize("state", ["queued", "admitted", "dropped", "dead"])
def test_a_stage_is_unfinished_if_any_of_its_messages_was_not_done(state: str) -> None:
    items = [
        message("a", "done", f"{RUN}|DiscoverWebSources"),
        message("b", "done", f"{RUN}|ExpandNeighbors"),
        message("c", state, f"{RUN}|ExpandNeighbors"),
    ]
    assert taking_over.unfinished_stages(RUN, items) == {"ExpandNeighbors"}
    assert taking_over.unfinished_stages(RUN, items[:2]) == set()


def test_a_message_that_a_page_sent_on_counts_for_the_stage_that_began_it() -> None:
    items = [
        message("a", "done", f"{RUN}|DiscoverWebSources"),
        message("b", "done", f"{RUN}-a|ExtractWithLLM"),
        message("c", "dropped", f"{RUN}-b|GeocodeValidate"),
    ]
    assert taking_over.unfinished_stages(RUN, items) == {"DiscoverWebSources"}


@pytest.mark.parametrize(
    ("output", "whole"),
    [
        ({"status": "SUCCEEDED", "skipped": 0}, True),
        ({"status": "SUCCEEDED", "skipped": 25}, False),
        ({"status": "SKIPPED", "skipped": 9}, False),
        ({"status": "SUCCEEDED"}, False),
        ({}, False),
    ],
)
def test_only_a_stage_that_left_nothing_out_is_skipped(output: dict[str, Any], whole: bool) -> None:
    assert taking_over.is_whole(output) is whole


@pytest.mark.parametrize("data", [{"near": [1, 2], "name": "Café"}, [{"id": 1}, {"id": 2}], []])
def test_an_output_that_is_taken_over_is_whole_and_has_the_same_data(data: object) -> None:
    fields = {"data": data, "executionId": "new", "records": 2, "sha256": "that of the old one"}
    file = io.BytesIO(taking_over._sealed(fields))
    opened = envelope.opened(file, "it")
    assert (opened["data"], opened["executionId"], opened["records"]) == (data, "new", 2)
    assert opened["sha256"] != fields["sha256"]
    if isinstance(data, list):
        assert list(envelope.records(file)) == data, "a stage can read it record by record"
    with pytest.raises(VerificationFailed):
        envelope.verified(io.BytesIO(file.getvalue().replace(b"new", b"old")), "it")
