"""The words of ``scout dlq`` on the command line: what they print, and how they end."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from scout import cli
from scout.errors import InputRefused, ScoutError
from scout.stacks import deployed
from tests.integration.queues.letters import EDINBURGH, MISSING, THROTTLED, Stack

pytestmark = pytest.mark.xdist_group("queues")

Dlq = Callable[..., Result]


@pytest.fixture
def dlq(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Dlq:
    """``scout dlq`` on the stack of ``letters.py``."""
    monkeypatch.setattr(deployed, "deployment", lambda _=None: stack.deployment)

    def call(*words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(cli.app, ["dlq", *words])
        if isinstance(result.exception, ScoutError):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return call


def read(result: Result) -> Any:
    """Standard output is JSON, and nothing else."""
    return json.loads(result.stdout)


def test_from_the_first_look_to_the_last(stack: Stack, dlq: Dlq) -> None:
    dlq("status", "--threshold", "0")
    assert "No message lies there." in dlq("analyze", "frontier").stdout
    throttled = stack.put("frontier-dlq", stack.failed(EDINBURGH, "web", 3, THROTTLED))
    missing = stack.put("frontier-dlq", stack.failed(EDINBURGH, "web", 2, MISSING))
    (bad,) = stack.put("frontier-dlq", [{"MessageBody": "[red]no[/red] JSON"}])

    dlq("status", "--threshold", "6")
    statuses = read(dlq("status", "--threshold", "5", "--json", code=1))
    assert {one["queue"]: one["total"] for one in statuses} == {
        "frontier": 6,
        "realtime": 0,
        "batch": 0,
        "batch-failures": 0,
    }
    assert {one["message_id"] for one in read(dlq("peek", "frontier", "--json"))} == {*throttled, *missing, bad}
    assert "[red]no[/red] JSON" in dlq("peek", "frontier").stdout, "what others wrote is text"
    groups = read(dlq("analyze", "frontier", "--by", "error", "--json"))["groups"]
    assert [(group["count"], group["safety"]) for group in groups] == [(3, "safe"), (2, "fix-first"), (1, "never")]
    assert read(dlq("inspect", "frontier", bad, "--json"))["body"] == "[red]no[/red] JSON"
    inspected = dlq("inspect", "frontier", throttled[0]).stdout
    assert f"scout dlq redrive frontier --message {throttled[0]} --safety safe\n" in inspected.replace(" \n", "\n")

    # The command that is advised does what was said of its group.
    command = groups[0]["command"].split()[2:]
    assert set(read(dlq(*command, "--dry-run", "--json"))["chosen"]) == set(throttled)
    assert read(dlq(*command, "--rate", "100", "--json"))["moved"][0]["messages"] == 3
    # What stays is said, and ends with 1.
    left = read(dlq("redrive", "frontier", "--all", "--json", code=1))
    assert (left["moved"][0]["messages"], [one["message_id"] for one in left["left"]]) == (2, [bad])
    assert read(dlq("redrive", "frontier", "--give-up", "--json")) == {"given_up": None}

    high = dlq("monitor", "frontier", "--for", "0", "--threshold", "0", "--json", code=1)
    assert read(high)["total"] == 1
    assert read(dlq("purge", "frontier", "--type", "invalid", "--dry-run", "--json"))["messages"] == [bad]
    with pytest.raises(InputRefused, match="give --yes"):
        dlq("purge", "frontier", "--type", "invalid")
    dlq("status", "frontier", "--threshold", "0", code=1)
    purged = read(dlq("purge", "frontier", "--type", "invalid", "--yes", "--json"))
    assert purged["messages"] == [bad]
    assert stack.lines(purged["backup_key"])[1]["body"] == "[red]no[/red] JSON"
    dlq("monitor", "frontier", "--for", "0", "--threshold", "0")


@pytest.mark.parametrize("words", [(), ("--all", "--type", "web"), ("--count", "0"), ("--older-than", "soon")])
@pytest.mark.parametrize("word", ["redrive", "purge"])
def test_what_is_to_be_done_has_to_be_said(dlq: Dlq, word: str, words: tuple[str, ...]) -> None:
    dlq(word, "frontier", *words, code=2)
