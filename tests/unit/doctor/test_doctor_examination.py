"""The whole examination on AWS: what refuses to answer is a warning, and a bad stack file ends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import artifacts
import settings.stack
from scout.doctor import examination
from scout.doctor.findings import Finding, Level
from scout.errors import ScoutError
from scout.local import PROJECT_DIR
from scout.stacks import deployed
from scout.stacks.configuration import stack_settings
from settings.stack import Settings
from tests.unit.e2e.account import Account, stack

CALLER = {"get_caller_identity": lambda: {"Arn": "arn:me", "Account": "1"}}


@pytest.fixture(autouse=True)
def on_aws() -> Iterator[None]:
    deployed.use_aws(chosen=True)
    with artifacts.override(artifacts.LockOnlyBuilder(PROJECT_DIR)):
        yield
    deployed.use_aws(chosen=False)


def examined(found: Any, monkeypatch: pytest.MonkeyPatch, name: str | None = None) -> dict[str, Finding]:
    def deployment(_: str | None) -> Any:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(deployed, "deployment", deployment)
    return {finding.subject: finding for finding in examination.examine(name)}


def test_an_account_that_refuses_everything_but_to_say_whose_credentials_these_are(monkeypatch: pytest.MonkeyPatch):
    arn = "arn:aws:states:us-east-1:111111111111:stateMachine:city"
    found = examined(replace(stack(Account(**CALLER)), city_discovery_arn=arn), monkeypatch)
    assert found["credentials"].said == "arn:me in account 1"
    asked = [
        "quota: Lambda", "quota: Step Functions", "quota: Glue runs", "quota: Glue DPUs", "state machines", "pipe",
        "ledger", "dead letters", "drift",
    ]  # fmt: skip
    assert {subject: found[subject].level for subject in asked} == dict.fromkeys(asked, Level.WARN)
    assert all("could not be asked, because AWS refused" in found[subject].said for subject in asked)
    assert all(finding.advice for finding in found.values() if finding.level is not Level.OK)
    assert "embedded AWS" not in found


def test_nothing_more_is_asked_with_credentials_that_are_refused(monkeypatch: pytest.MonkeyPatch):
    account = Account()
    found = examined(stack(account), monkeypatch)
    assert found["credentials"].level is Level.FAIL
    assert found["account"].level is Level.WARN
    assert account.calls == ["get_caller_identity"]


def test_before_the_first_deployment_quotas_are_asked_for_all_the_same(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(examination, "_session", lambda region: Account(**CALLER))
    found = examined(ScoutError("stack dev is not deployed"), monkeypatch, "dev")
    assert found["stack"].level is Level.FAIL
    assert "quota: Lambda" in found
    assert "drift" not in found


@pytest.mark.parametrize(
    ("name", "connectors", "level"),
    [
        ("all-real", {}, Level.WARN),
        ("all-real", {"contact": "mailto:maps@example.org"}, Level.OK),
        ("mock", {}, None),
    ],
)
def test_real_states_name_who_can_be_reached(
    monkeypatch: pytest.MonkeyPatch, name: str, connectors: dict[str, str], level: Level | None
):
    def said(stack: str) -> Settings:
        settings = stack_settings(stack)
        return settings.model_copy(update={"connectors": settings.connectors.model_copy(update=connectors)})

    monkeypatch.setattr(examination, "stack_settings", said)
    monkeypatch.setattr(examination, "_session", lambda region: Account())
    found = examined(ScoutError("not deployed"), monkeypatch, name)
    assert (found["contact"].level if "contact" in found else None) is level


def test_a_stack_file_that_would_be_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(settings.stack, "IMPLEMENTED_REAL", frozenset())
    found = examined(ScoutError("not deployed"), monkeypatch, "all-real")
    assert found["configuration"].level is Level.FAIL
    assert "has no real implementation yet" in found["configuration"].said
    assert "credentials" not in found


def test_without_a_stack_the_machine_alone_is_looked_at(monkeypatch: pytest.MonkeyPatch):
    found = examined(ScoutError("no stack is selected"), monkeypatch)
    assert set(found) == {"python", "disk", "pulumi", "stack"}
    assert found["stack"].level is Level.WARN
