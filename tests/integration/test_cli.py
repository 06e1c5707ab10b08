"""The `scout` command as a user types it: each test has an embedded AWS of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scout.embedded.emulator.instance import Emulator

pytestmark = pytest.mark.integration

PROJECT = Path(__file__).resolve().parents[2]


class Scout:
    """Runs the command with a state folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *words: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "SCOUT_HOME": str(self.home), **variables}
        done = subprocess.run(
            [sys.executable, "-m", "scout", *words],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == code, f"{words}: {done.stdout}\n{done.stderr}"
        return done


@pytest.fixture
def scout(tmp_path: Path) -> Iterator[Scout]:
    (tmp_path / "cache").symlink_to(PROJECT / ".scout" / "cache", target_is_directory=True)
    (PROJECT / ".scout" / "cache").mkdir(parents=True, exist_ok=True)
    yield Scout(tmp_path)
    running = Emulator.attach(tmp_path)
    if running is not None:
        running.stop()


def test_up_run_and_down(scout: Scout) -> None:
    previewed = scout("up", "--preview").stdout
    assert "created" in previewed
    first = scout("up", "-s", "mock").stdout
    assert "+ sfn:StateMachine" in first
    again = scout("up", "-s", "mock").stdout
    assert "no changes" in again

    done = scout("run", "--input", "examples/input.early-stop-test.json", "--json")
    manifest = json.loads(done.stdout)
    assert manifest["stopped_by"] == "early_stop"
    assert manifest["status"] == "SUCCEEDED"
    assert "OpenRun" in done.stderr

    shown = scout("run", "--city", "early-stop-test").stdout
    assert "Stopped by" in shown
    assert "early_stop" in shown
    assert f"manifests/{'edinburgh'}/" in shown

    variables = scout("aws", "env").stdout
    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:" in variables
    assert "Stopped." in scout("down").stdout
    assert Emulator.attach(scout.home) is None
    assert "Nothing is running." in scout("down").stdout


def test_what_is_not_up_is_said(scout: Scout) -> None:
    error = scout("run", "--input", "examples/input.edinburgh.json", code=1).stderr
    assert "scout up" in error
    assert "Traceback" not in error


def test_a_stack_that_may_not_be_deployed_names_why(scout: Scout) -> None:
    error = scout("up", "-s", "mock", code=1, CONCURRENCY_WEB_FETCH="none").stderr
    assert "concurrency.web.fetch" in error
    assert "Traceback" not in error
    error = scout("up", "-s", "nowhere", code=1).stderr
    assert "no stack named 'nowhere'" in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run",), "either --input FILE, or --city NAME"),
        (("config", "--city", "london", "-i", "examples/input.london.json"), "either --input FILE, or --city NAME"),
        (("run", "--city", "london", "--out", "README.md"), "is a file"),
        (("render", "--out", "README.md"), "is a file"),
        (("logs", "last", "--state", "TileSwep"), "no state or operation; there are DiscoverWebSources, "),
        (("graph", "city-discovery", "--out", "city.pdf"), "ends with .svg"),
    ],
)
def test_what_a_word_does_not_take_is_refused_before_anything_is_done(
    scout: Scout, words: tuple[str, ...], said: str
) -> None:
    assert said in " ".join(scout(*words, code=2).stderr.split())


@pytest.mark.parametrize("words", [("up",), ("down",)])
def test_what_is_for_the_embedded_aws_is_not_done_for_aws(scout: Scout, words: tuple[str, ...]) -> None:
    assert f"`scout {words[0]}` is for the embedded AWS" in scout("--aws", *words, code=1).stderr


def test_validate_names_each_wrong_field(scout: Scout, tmp_path: Path) -> None:
    names = sorted(str(path.relative_to(PROJECT)) for path in (PROJECT / "examples").glob("input.*.json"))
    assert len(names) == 8
    assert scout("validate", *names).stdout.count(": valid") == 8

    document = json.loads((PROJECT / names[0]).read_text())
    document["seed"]["center"]["lat"] = 91
    document["budgets"]["google"]["max_tokens_total"] = -1
    document["colour"] = "red"
    del document["city"]
    wrong = tmp_path / "input.wrong.json"
    wrong.write_text(json.dumps(document))
    error = scout("validate", names[0], str(wrong), code=2).stderr
    for path in ("seed.center.lat", "budgets.google.max_tokens_total", "colour", "city"):
        assert f"  {path}: " in error
    assert scout("run", "--input", str(wrong), code=2).stderr.count("\n  ") == 4


def test_render_needs_no_aws(scout: Scout, tmp_path: Path) -> None:
    out = tmp_path / "rendered"
    scout("render", "-s", "mixed-mock-real", "-o", str(out))
    graph = json.loads((out / "resources.json").read_text())
    functions = {item["name"] for item in graph["resources"] if item["type"] == "aws:lambda/function:Function"}
    cities = {name for name in functions if not name.startswith("candidate-")}
    assert cities == {"control", "mock", "tile-sweep", "dedupe-canonicalize", "persist", "rank", "finalize"}
    machines = sorted(path.name for path in out.glob("*.asl.json"))
    assert machines == [
        f"data-scout-mixed-mock-real-{name}.asl.json"
        for name in ("candidate-batch", "candidate-realtime", "city-discovery", "page-processing")
    ]
    again = tmp_path / "again"
    scout("render", "-s", "mixed-mock-real", "-o", str(again))
    assert all((again / path.name).read_bytes() == path.read_bytes() for path in out.iterdir())


def test_config_prints_each_value_with_its_source_and_refuses_a_wrong_variable(scout: Scout) -> None:
    words = ("config", "-i", "examples/input.london.json", "-s", "mock", "--json")
    values = json.loads(scout(*words, EARLY_STOP_WINDOW="50", CONCURRENCY_WEB_FETCH="3").stdout)
    assert values["early_stop.window_calls"] == {"value": 50, "source": "environment"}
    assert values["concurrency.web.fetch"] == {"value": 3, "source": "environment"}
    assert values["early_stop.min_new_unique_rate"] == {"value": 0.05, "source": "input"}
    assert values["split_ratio"] == {"value": 0.7, "source": "default"}
    for variable, text in (("EARLY_STOP_WINDOW", "soon"), ("EARLY_STOP_WINDOWS", "5"), ("BUDGET_SPLIT_RATIO", "7")):
        assert variable in scout(*words, code=2, **{variable: text}).stderr
    assert "concurrency.web.fetch" in scout(*words, code=1, CONCURRENCY_WEB_FETCH="0").stderr


def test_a_run_cannot_be_killed_where_nothing_is_up(scout: Scout) -> None:
    assert "is not running" in scout("kill", "--run", "some-run", "--connector", "web", code=1).stderr
    assert "either --connector, or --all" in scout("kill", "--run", "some-run", code=2).stderr
    assert "is not running" in scout("emergency-stop", code=1).stderr
