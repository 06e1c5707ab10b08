"""Deployments that fail, are cut off or lose what they made, and the way on from there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scout.embedded.deploy.commands import stack_outputs
from scout.embedded.deploy.diff import Op
from scout.embedded.deploy.graph import StateError
from scout.embedded.errors import ResourceError
from tests.unit.embedded.fakes import CHAIN, NUMBERED, PARTS, Endpoint, Project, failures, graph_of, ops


def test_a_predecessor_whose_end_failed_goes_the_next_time(project: Project) -> None:
    project.up(NUMBERED.format(size=1))
    project.store.refused = {"user"}
    with pytest.raises(ResourceError):
        project.up(NUMBERED.format(size=2))
    assert project.store.things.keys() == {"layer:1", "user", "layer:3"}
    project.store.refused = set()
    result = project.up()
    assert project.store.calls == ["update user", "delete layer"]
    assert ops(result) == {"user": Op.UPDATE}
    assert project.store.things.keys() == {"layer:3", "user"}


def test_a_failure_keeps_what_was_made_and_the_next_deployment_goes_on(project: Project) -> None:
    project.store.refused = {"b"}
    with pytest.raises(ResourceError) as caught:
        project.up(CHAIN)
    urn = "urn:pulumi:dev::shop::test:index:Thing::b"
    assert (caught.value.urn, caught.value.name, caught.value.code) == (urn, "b", "Refused")
    assert str(caught.value) == (f"test:index:Thing 'b': create failed with Refused: no b today\nURN: {urn}")
    assert failures(project.events) == ["b"]
    assert [resource.name for resource in graph_of(project).resources] == ["a"]

    project.store.refused = set()
    result = project.up()
    assert project.store.calls == ["create b", "create c"]
    assert ops(result) == {"b": Op.CREATE, "c": Op.CREATE}


def test_a_failed_update_is_tried_again(project: Project) -> None:
    project.up(CHAIN)
    project.store.refused = {"a"}
    with pytest.raises(ResourceError, match="update failed"):
        project.up(CHAIN.replace("size=1", "size=2"))
    project.store.refused = set()
    assert ops(project.up()) == {"a": Op.UPDATE}


def test_a_failed_replacement_goes_on_with_the_creation(project: Project) -> None:
    project.up(PARTS.format(text="old"))

    @contextmanager
    def creation_refused() -> Iterator[None]:
        note = project.store.note

        def refusing(action: str, name: str) -> None:
            project.store.refused = {"box"} if action == "create" else set()
            note(action, name)

        project.store.note = refusing  # type: ignore[method-assign]
        yield
        project.store.note = note  # type: ignore[method-assign]
        project.store.refused = set()

    with creation_refused(), pytest.raises(ResourceError, match="'box': create failed"):
        project.up(PARTS.format(text="new"))
    assert project.store.things.keys() == {"note"}
    result = project.up()
    assert ops(result) == {"box": Op.CREATE, "lid": Op.CREATE, "label": Op.CREATE}


def test_a_failed_deletion_is_tried_again(project: Project) -> None:
    project.up(CHAIN)
    project.store.refused = {"c"}
    with pytest.raises(ResourceError, match="'c': delete failed"):
        project.up('a = Thing("a", size=1)')
    assert project.store.things.keys() == {"a", "b", "c"}
    project.store.refused = set()
    assert ops(project.up()) == {"b": Op.DELETE, "c": Op.DELETE}


def test_no_deletion_follows_a_program_that_failed(project: Project) -> None:
    project.up(CHAIN)
    with pytest.raises(ValueError, match="settings"):
        project.up('raise ValueError("settings")')
    assert project.store.calls == []
    assert project.store.things.keys() == {"a", "b", "c"}
    assert ops(project.up(CHAIN)) == {}


def test_a_creation_that_was_cut_off_is_begun_afresh(project: Project) -> None:
    project.store.cut_off = {"b"}
    with pytest.raises(RuntimeError, match="power cut"):
        project.up(CHAIN)
    assert project.store.things.keys() == {"a", "b"}
    assert [resource.name for resource in graph_of(project).resources] == ["a"]

    project.store.cut_off = set()
    project.up()
    assert project.store.calls == ["delete b", "create b", "create c"]
    assert graph_of(project).pending == {}


def test_destroying_takes_away_what_was_cut_off_too(project: Project) -> None:
    project.store.cut_off = {"b"}
    with pytest.raises(RuntimeError, match="power cut"):
        project.up(CHAIN)
    project.down()
    assert project.store.things == {}


def test_a_name_that_is_taken_is_an_error(project: Project) -> None:
    project.store.things["b"] = {"serial": 0, "revision": 0, "name": "b"}
    with pytest.raises(ResourceError) as caught:
        project.up(CHAIN)
    assert caught.value.code == "NameTaken"
    assert "b exists, and is not of this stack" in str(caught.value)
    assert "Another project or stack holds that name" in str(caught.value)
    assert project.store.calls == ["create a"]


def test_an_emulator_that_lost_everything_gets_everything_again(project: Project) -> None:
    first = project.up(CHAIN)
    project.store.things.clear()
    project.endpoint = Endpoint(instance="second")
    result = project.up()
    assert result.lost == ("a", "b", "c")
    assert ops(result) == {"a": Op.CREATE, "b": Op.CREATE, "c": Op.CREATE}
    assert result.outputs == first.outputs
    assert ops(project.up()) == {}


def test_an_emulator_that_was_reset_is_noticed(project: Project) -> None:
    project.up(CHAIN)
    project.store.things.clear()
    assert project.up().lost == ("a", "b", "c")


def test_an_emulator_that_kept_everything_is_left_alone(project: Project) -> None:
    project.up(CHAIN)
    project.endpoint = Endpoint(instance="second")
    result = project.up()
    assert (result.lost, ops(result), project.store.calls) == ((), {}, [])
    assert graph_of(project).instance == "second"


def test_only_what_was_lost_is_made_again(project: Project) -> None:
    project.up(CHAIN)
    del project.store.things["b"]
    project.endpoint = Endpoint(instance="second")
    result = project.up()
    assert (result.lost, ops(result)) == (("b",), {"b": Op.CREATE})


def test_a_stack_does_not_move_while_it_stands(project: Project) -> None:
    project.up(CHAIN)
    project.configure("config: {aws:region: us-west-2}")
    with pytest.raises(StateError, match="region eu-north-1, and is now asked for in 111122223333, us-west-2"):
        project.up()
    project.endpoint = Endpoint(instance="second")
    project.store.things.clear()
    assert project.up().lost == ("a", "b", "c")


def test_destroying_leaves_nothing(project: Project) -> None:
    project.up(PARTS.format(text="x") + NUMBERED.format(size=1) + 'Group("group")')
    result = project.down()
    assert project.store.things == {}
    assert not project.state_file.exists()
    assert {change.op for change in result.changes} == {Op.DELETE}
    assert result.count(Op.DELETE) == 6
    assert stack_outputs("dev", project.state_file.parents[1]) == {}
    again = project.down()
    assert (again.changes, project.store.calls) == ((), [])


def test_destroying_goes_on_after_a_failure(project: Project) -> None:
    project.up(CHAIN)
    project.store.refused = {"b"}
    with pytest.raises(ResourceError, match="'b': delete failed"):
        project.down()
    assert project.store.things.keys() == {"a", "b"}
    project.store.refused = set()
    project.down()
    assert project.store.things == {}


def test_two_deployments_of_a_stack_do_not_run_at_once(project: Project) -> None:
    program = """
import pathlib, subprocess, sys
code = "import fcntl, sys; fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)"
lock = pathlib.Path("state/dev/lock")
pulumi.export("free", subprocess.run([sys.executable, "-c", code, str(lock)], capture_output=True).returncode == 0)
"""
    assert project.up(program).outputs == {"free": False}


def test_a_state_file_of_something_else_is_refused(project: Project) -> None:
    project.program(CHAIN)
    project.state_file.parent.mkdir(parents=True)
    for content in ("{", "[]", '{"version": 1}', '{"version": 99}'):
        project.state_file.write_text(content)
        with pytest.raises(StateError, match=r"stack\.json"):
            project.up()
    assert project.store.calls == []
