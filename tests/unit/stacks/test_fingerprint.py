"""A fingerprint changes with everything that decides what a deployed stack does, and with nothing else."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from scout.errors import ScoutError
from scout.stacks import fingerprint
from scout.stacks.fingerprint import CITY_DISCOVERY
from tests.unit.e2e.account import PIPELINE, Account, stack

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"
HELD: dict[str, Any] = {
    "machines": {
        "arn:city": {"name": "city", "type": "STANDARD", "definition": json.dumps({"FunctionName": f"{FUNCTION}one"})},
        "arn:pages": {
            "name": "pages",
            "type": "EXPRESS",
            "definition": json.dumps({"A": {"FunctionName": f"{FUNCTION}two:live"}, "B": {"JobName": "sum"}}),
        },
    },
    "functions": {
        name: {
            "CodeSha256": name,
            "Timeout": 5,
            "Layers": [{"Arn": "layer:1", "CodeSize": 3}],
            "Environment": {"Variables": {"LOG_LEVEL": "INFO"}},
            "LastModified": "2026-01-01",
        }
        for name in ("one", "two")
    },
    "job": {
        "Command": {"ScriptLocation": "s3://bucket/script.py"},
        "DefaultArguments": {
            "--extra-py-files": "s3://bucket/modules.zip",
            "--additional-python-modules": "s3://bucket/requirements.txt",
        },
        "LastModifiedOn": "2026-01-01",
    },
    "etags": {"script.py": "s", "modules.zip": "m", "requirements.txt": "r"},
}


def account(held: dict[str, Any]) -> Account:
    return Account(
        describe_state_machine=lambda stateMachineArn: held["machines"][stateMachineArn],  # noqa: N803
        get_function_configuration=lambda FunctionName: held["functions"][FunctionName],  # noqa: N803
        get_job=lambda JobName: {"Job": held["job"]},  # noqa: N803
        head_object=lambda Bucket, Key: {"ETag": held["etags"][Key]},  # noqa: N803
    )


def of(held: dict[str, Any]) -> dict[str, str]:
    return fingerprint.fingerprint(stack(account(held)), CITY_DISCOVERY)


def changed(change: Callable[[dict[str, Any]], Any]) -> list[str]:
    held = copy.deepcopy(HELD)
    change(held)
    return fingerprint.differences(of(HELD), of(held))


def test_it_names_all_that_the_definitions_call():
    assert list(of(HELD)) == [
        "state machine city", "state machine pages", "function one", "function two", "job sum"
    ]  # fmt: skip


CHANGES: list[tuple[Callable[[dict[str, Any]], Any], list[str]]] = [
    (lambda held: held["machines"]["arn:city"].update(definition=HELD["machines"]["arn:city"]["definition"] + " "),
     ["state machine city has changed"]),
    (lambda held: held["machines"]["arn:city"].update(type="EXPRESS"), ["state machine city has changed"]),
    (lambda held: held["functions"]["two"].update(CodeSha256="other"), ["function two has changed"]),
    (lambda held: held["functions"]["one"].update(Timeout=6), ["function one has changed"]),
    (lambda held: held["functions"]["one"]["Environment"]["Variables"].update(LOG_LEVEL="DEBUG"),
     ["function one has changed"]),
    (lambda held: held["functions"]["one"]["Layers"][0].update(Arn="layer:2"), ["function one has changed"]),
    (lambda held: held["job"]["DefaultArguments"].update({"--conf": "x"}), ["job sum has changed"]),
    (lambda held: held["etags"].update({"script.py": "t"}), ["job sum has changed"]),
    (lambda held: held["etags"].update({"modules.zip": "t"}), ["job sum has changed"]),
    (lambda held: held["etags"].update({"requirements.txt": "t"}), ["job sum has changed"]),
    (lambda held: held["machines"]["arn:pages"].update(definition=json.dumps({"FunctionName": f"{FUNCTION}two"})),
     ["job sum is gone", "state machine pages has changed"]),
    (lambda held: held["functions"]["one"].update(LastModified="2026-02-02"), []),
    (lambda held: held["job"].update(LastModifiedOn="2026-02-02"), []),
]  # fmt: skip


@pytest.mark.parametrize(("change", "named"), CHANGES)
def test_what_changes_is_named(change: Callable[[dict[str, Any]], Any], named: list[str]):
    assert changed(change) == named


def test_what_is_new_is_named():
    assert fingerprint.differences({}, {"job sum": "1"}) == ["job sum is new"]


def test_a_pipeline_has_its_own():
    held = copy.deepcopy(HELD)
    held["machines"]["arn:lane"] = {"name": "lane", "type": "EXPRESS", "definition": "{}"}
    found = fingerprint.fingerprint(stack(account(held), lane=PIPELINE), "lane")
    assert list(found) == ["state machine lane"]


def test_a_pipeline_that_is_not_there_is_refused():
    with pytest.raises(ScoutError, match="stack dev has no pipeline 'nix'; it has: lane"):
        fingerprint.fingerprint(stack(Account(), lane=PIPELINE), "nix")


def test_what_aws_refuses_is_no_fingerprint():
    with pytest.raises(ScoutError, match=r"what stack dev has deployed cannot be read: .*AccessDenied"):
        fingerprint.fingerprint(stack(Account()), CITY_DISCOVERY)
