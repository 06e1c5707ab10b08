"""What a person sees of runs: text stays text, whatever it holds, and lines say what they are about."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from rich.console import Console

from lambdas.contracts.job import RunInput
from scout.cities import run_views, runs
from scout.cities.logs import Line
from scout.cities.views import RunView
from scout.deployment import Deployment
from scout.errors import Interrupted
from tests.e2e.support import Silent, changed, example

RUN = "edinburgh-20260101T120000Z-abc123"
HOSTILE = "Edin[/bold] [red]burgh [/]"


def stack() -> Deployment:
    return Deployment("mock", cast("Any", None), "bucket", "ledger", "frontier", "dlq", "city", "pages", "pipe", {})


def job() -> RunInput:
    return changed(example("edinburgh"), city=HOSTILE)


def line(**fields: Any) -> str:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return run_views.line_text(Line(at, "control", "1", "", {"level": "INFO", "message": "Done", **fields})).plain


def test_a_line_names_the_page_that_it_is_about_and_no_other() -> None:
    assert line(runId=RUN, executionId=f"{RUN}-de8fc843", currentStage="WebFetch").endswith("  page de8fc843")
    for fields in ({"runId": RUN, "executionId": RUN}, {"runId": RUN}, {"runIds": [RUN], "batch": "1"}, {}):
        assert "page" not in line(**fields)


def test_the_name_of_a_city_is_text() -> None:
    printed = io.StringIO()
    RunView(Console(file=printed, width=120, highlight=False), stack()).started(RUN, job())
    assert HOSTILE in printed.getvalue()


def test_who_stops_to_follow_a_run_is_told_that_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def follow(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "follow", follow)
    with pytest.raises(Interrupted, match=f"goes on without being followed: `scout watch {RUN}`") as interrupted:
        runs.watch(stack(), RUN, job(), view=Silent())
    assert interrupted.value.exit_code == 130
