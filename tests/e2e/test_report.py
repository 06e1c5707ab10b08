"""The page of the Edinburgh run, in a real browser."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lambdas.contracts.manifest import Manifest
from scout import cli
from scout.deployment import Deployment
from scout.errors import ScoutError
from scout.report import data, page
from scout.stacks import deployed
from tests import chromium
from tests.e2e.support import example, run

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("report")]

HOSTILE = "</script><img src=x onerror=\"document.title='taken over'\"><b>&amp;\u2028'"


@pytest.fixture(scope="module")
def kept() -> dict[str, data.Report]:
    return {}


@pytest.fixture
def edinburgh(mock_stack: Deployment, kept: dict[str, data.Report]) -> data.Report:
    """What the page of an Edinburgh run shows; the run is made once."""
    if "edinburgh" not in kept:
        manifest = run(mock_stack, example("edinburgh"))[0].manifest
        kept["edinburgh"] = data.of(mock_stack, manifest.run_id)
    return kept["edinburgh"]


def written(report: data.Report, folder: Path) -> Path:
    path = folder / "report.html"
    path.write_text(page.html(report), encoding="utf-8")
    return path


def numbers(found: chromium.Opened) -> dict[str, float]:
    """Each number that the page names, which must be what it shows."""
    result = {}
    for element in found.having("data-number"):
        value = float(element.attributes["data-value"])
        shown = float(element.text.strip().removesuffix(" s").replace(",", ""))
        assert shown == pytest.approx(value, abs=0.051), element
        result[element.attributes["data-number"]] = value
    return result


def expected(manifest: Manifest) -> dict[str, float]:
    counts = manifest.counts
    return {
        "seconds": manifest.seconds,
        "seen": counts.candidates + counts.rejected,
        "candidates": counts.candidates,
        "places": counts.places,
        "primaries": counts.primaries,
        **{f"spent.{group}": use.spent for group, use in manifest.budgets.items()},
        **{f"calls.{group}": use.calls for group, use in manifest.budgets.items()},
    }


def test_it_opens_without_an_error_and_its_numbers_are_those_of_the_manifest(
    edinburgh: data.Report, tmp_path: Path
) -> None:
    found = chromium.opened(written(edinburgh, tmp_path))
    assert found.console == ()
    manifest = edinburgh.manifest
    shown = numbers(found)
    assert {name: shown[name] for name in expected(manifest)} == expected(manifest)
    body = next(element for element in found.elements if element.tag == "body")
    assert int(body.attributes["data-places"]) == manifest.counts.places
    assert int(body.attributes["data-drawn"]) == manifest.counts.places
    assert {element.attributes["data-state"] for element in found.having("data-state")} == set(manifest.states)


def test_its_charts_hold_what_the_manifest_sums_up(edinburgh: data.Report) -> None:
    manifest = edinburgh.manifest
    assert {spent.group: spent.told for spent in edinburgh.spent} == {
        group: use.spent for group, use in manifest.budgets.items()
    }
    assert sum(line.sightings for line in edinburgh.sources) == manifest.counts.candidates
    worked = {bar.state for bar in edinburgh.bars}
    assert worked >= {"OpenRun", "TileSweep", "Finalize", "SearchMaps", "GeocodeValidate"}
    assert all(-1 <= bar.begin <= bar.end <= edinburgh.seconds + 5 for bar in edinburgh.bars)


def test_its_map_can_be_opened_at_a_place(edinburgh: data.Report, tmp_path: Path) -> None:
    center = edinburgh.manifest.input.seed.center
    found = chromium.opened(written(edinburgh, tmp_path), f"#zoom=8&lat={center.lat}&lng={center.lng}")
    assert found.console == ()
    body = next(element for element in found.elements if element.tag == "body")
    assert 0 < int(body.attributes["data-drawn"]) < edinburgh.manifest.counts.places


def test_what_comes_from_outside_is_text(edinburgh: data.Report, tmp_path: Path) -> None:
    def hostile(number: int) -> dict[str, object]:
        feature = dict(edinburgh.features[number])
        address = ("javascript:document.title='taken over'", 'https://example.org/"><img src=x onerror=1>')[number % 2]
        feature["properties"] = {
            **feature["properties"],
            "name": HOSTILE,
            "category": HOSTILE,
            "url": address,
            "sources": [HOSTILE],
        }
        return feature

    manifest = edinburgh.manifest.model_copy(update={"city": HOSTILE, "job_id": HOSTILE})
    report = dataclasses.replace(
        edinburgh,
        manifest=manifest,
        features=[hostile(number) for number in range(10)],
        attribution=[HOSTILE],
        bars=[*edinburgh.bars, data.Bar(HOSTILE, 0, 1)],
        sources=[data.SourceLine(HOSTILE, 1, 1, 1)],
    )
    path = written(report, tmp_path)
    found = chromium.opened(path)
    assert found.console == (), "nothing was run, and nothing had to be refused"
    assert found.tags().isdisjoint({"img", "b\u2028'", "iframe", "object"})
    title = next(element for element in found.elements if element.tag == "title")
    assert title.text.startswith(HOSTILE[:9])
    links = {element.attributes["href"] for element in found.having("href")}
    assert links == {"data:,", 'https://example.org/"><img src=x onerror=1>'}
    body = next(element for element in found.elements if element.tag == "body")
    assert int(body.attributes["data-places"]) == 10


def test_it_asks_nothing_of_any_host(edinburgh: data.Report, tmp_path: Path) -> None:
    text = written(edinburgh, tmp_path).read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy[1].replace("&#39;", "'").split("; "))
    assert rules.keys() == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}
    assert rules["default-src"] == "'none'"
    assert all(re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", rules[name]) for name in ("script-src", "style-src"))
    assert not re.search(r'\ssrc=|@import|url\(|<link(?! rel="icon" href="data:,")', text)


def test_a_script_that_is_not_the_pages_own_is_refused(edinburgh: data.Report, tmp_path: Path) -> None:
    path = written(edinburgh, tmp_path)
    path.write_text(path.read_text().replace("</body>", "<script>document.title='taken over'</script></body>"))
    found = chromium.opened(path)
    assert any("Content Security Policy" in line for line in found.console), "the console is really read"
    assert next(element for element in found.elements if element.tag == "title").text != "taken over"


def test_the_command_writes_the_page(
    mock_stack: Deployment, edinburgh: data.Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployed, "deployment", lambda _=None: mock_stack)
    path, run_id = tmp_path / "deeper" / "page.html", edinburgh.manifest.run_id
    done = CliRunner().invoke(
        cli.app, ["report", "--run", run_id, "--out", str(path), "--json"], catch_exceptions=False
    )
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"run_id": run_id, "file": str(path), "bytes": path.stat().st_size}
    with pytest.raises(ScoutError, match="cannot be written"):
        CliRunner().invoke(cli.app, ["report", "--run", run_id, "--out", str(tmp_path)], catch_exceptions=False)
