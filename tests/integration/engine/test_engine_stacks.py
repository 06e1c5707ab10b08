"""The stacks of this project under an engine that speaks the provider protocol: from `up` to `destroy`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import grpc  # type: ignore[import-untyped]
import pytest

from scout.embedded.deploy.stack_config import load_stack_config
from settings import ConfigError
from tests.integration.account import Account
from tests.integration.engine.conftest import STACKS, deployable
from tests.integration.engine.double import EngineDouble
from tests.integration.engine.leftovers import leftovers

EngineOf = Callable[[str], EngineDouble]


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_from_up_to_destroy(stack: str, engine_of: EngineOf, account: Account) -> None:
    engine = engine_of(stack)
    previewed = engine.up(preview=True)
    assert leftovers(account.session) == {}
    first = engine.up()
    assert sorted(map(repr, first)) == sorted(map(repr, previewed))
    assert {step.op for step in first} == {"create"}
    assert len(first) == len(engine.stack.custom) > 30

    assert engine.up() == []
    assert engine.refresh() == []
    assert engine.up() == []

    take_down(engine, account)


def take_down(engine: EngineDouble, account: Account) -> None:
    """Destroy a stack; one that is protected goes only when its configuration says so."""
    values = engine.config.values
    if values["data-scout:force_destroy"] != "true":
        with pytest.raises(grpc.RpcError, match="protected against deletion"):
            engine.destroy()
        engine.up(config=replace(engine.config, values={**values, "data-scout:force_destroy": "true"}))
    standing = len(engine.stack.custom)
    deleted = engine.destroy()
    assert {step.op for step in deleted} == {"delete"}
    assert len(deleted) == standing
    assert leftovers(account.session) == {}


def test_what_the_program_refuses_makes_nothing(project: Path, engine_of: EngineOf, account: Account) -> None:
    engine = engine_of("mock")
    flag(project, "mock", "DiscoverTargets: mock", "DiscoverTargets: virtual")
    with pytest.raises(ConfigError, match="DiscoverTargets"):
        engine.up(config=load_stack_config(project, "mock"))
    assert leftovers(account.session) == {}


def test_what_runs_is_what_was_deployed(engine_of: EngineOf, account: Account) -> None:
    engine = engine_of("mock")
    engine.up()
    exports = engine.stack.exports
    assert exports["bucketName"] == f"data-scout-mock-data-{account.id}"
    machine = account.states.describe_state_machine(stateMachineArn=exports["cityDiscoveryArn"])
    assert machine["status"] == "ACTIVE"
    assert account.pipes.describe_pipe(Name=exports["pipeName"])["CurrentState"] == "RUNNING"


def flag(project: Path, stack: str, before: str, after: str) -> None:
    file = project / f"Pulumi.{stack}.yaml"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


FLAGS = {
    "mock": ("TileSweep: mock", "TileSweep: real"),
    "dev": ("tracing: true", "tracing: false"),
    "mixed-mock-real": ("TileSweep: real", "TileSweep: mock"),
    "all-real": ("TileSweep: real", "TileSweep: mock"),
}


@pytest.mark.parametrize("stack", FLAGS)
def test_a_changed_flag_changes_only_what_differs(
    stack: str, project: Path, engine_of: EngineOf, account: Account
) -> None:
    engine = engine_of(stack)
    engine.up()
    flag(project, stack, *FLAGS[stack])
    changed = deployable(load_stack_config(project, stack))

    previewed = engine.up(preview=True, config=changed)
    assert engine.refresh() == []
    done = engine.up(config=changed)

    assert done
    assert sorted(map(repr, previewed)) == sorted(map(repr, done))
    assert len(done) < len(engine.stack.custom) / 2
    assert "replace" not in {step.op for step in done}
    assert engine.up() == []
    assert engine.refresh() == []
    take_down(engine, account)


def test_two_stacks_stand_side_by_side(engine_of: EngineOf, account: Account) -> None:
    first, second = engine_of("mock"), engine_of("dev")
    first.up()
    second.up()
    assert {step.op for step in first.destroy()} == {"delete"}
    assert second.refresh() == []
    second.destroy()
    assert leftovers(account.session) == {}


def test_what_somebody_else_changed_is_found_and_put_right(engine_of: EngineOf, account: Account) -> None:
    engine = engine_of("mock")
    engine.up()
    queue = engine.stack.one("frontier", "Queue")
    account.sqs.set_queue_attributes(QueueUrl=queue.id, Attributes={"VisibilityTimeout": "7"})
    function = engine.stack.one("control", "Function")
    account.lambda_.update_function_configuration(FunctionName=function.id, Timeout=7)
    role = next(state for state in engine.stack.custom if state.type.endswith(":Role"))
    account.iam.tag_role(RoleName=role.id, Tags=[{"Key": "owner", "Value": "somebody"}])
    rule = next(state for state in engine.stack.custom if state.type.endswith(":EventRule"))
    account.session.client("events").disable_rule(Name=rule.id)
    target = next(state for state in engine.stack.custom if state.type.endswith(":EventTarget"))
    named = {"Rule": target.inputs["rule"], "Ids": [target.inputs["targetId"]]}
    account.session.client("events").remove_targets(**named)

    drift = engine.refresh()

    assert sorted((step.op, step.type, step.keys) for step in drift) == [
        ("delete", "EventTarget", ()),
        ("update", "EventRule", ("state",)),
        ("update", "Function", ("timeout",)),
        ("update", "Queue", ("visibilityTimeoutSeconds",)),
        ("update", "Role", ("tags",)),
    ]
    assert engine.refresh() == []

    repaired = engine.up()

    assert sorted((step.op, step.type) for step in repaired) == [
        ("create", "EventTarget"),
        ("update", "EventRule"),
        ("update", "Function"),
        ("update", "Queue"),
        ("update", "Role"),
    ]
    assert engine.refresh() == []
    attributes = account.sqs.get_queue_attributes(QueueUrl=queue.id, AttributeNames=["VisibilityTimeout"])
    assert attributes["Attributes"]["VisibilityTimeout"] == "1800"
