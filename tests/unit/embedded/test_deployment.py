"""What a deployment does to resources, one deployment after another, in a world of things."""

from __future__ import annotations

import json

import pytest

from scout.embedded.deploy.commands import DeployResult, stack_outputs
from scout.embedded.deploy.deployment import Stage
from scout.embedded.deploy.diff import Op
from scout.embedded.deploy.program import ProgramError
from scout.embedded.errors import ResourceError
from scout.embedded.resources import UnknownFunctionError
from tests.unit.embedded.fakes import CHAIN, NUMBERED, PARTS, Project, graph_of, ops


def _told(result: DeployResult, name: str) -> list[str]:
    [change] = [change for change in result.changes if change.name == name]
    return [f"{item.path}: {item.old} -> {item.new}" for item in change.properties]


def test_the_first_deployment_creates_in_the_order_of_dependencies(project: Project) -> None:
    result = project.up(CHAIN)
    assert project.store.calls == ["create a", "create b", "create c"]
    assert result.outputs == {"c": "arn:111122223333:c"} == stack_outputs("dev", project.state_file.parents[1])
    assert result.count(Op.CREATE) == 3
    assert [resource.name for resource in graph_of(project).resources] == ["a", "b", "c"]


def test_the_second_deployment_of_the_same_does_nothing(project: Project) -> None:
    first = project.up(CHAIN)
    before = project.state_file.read_text()
    second = project.up()
    assert project.store.calls == []
    assert (second.outputs, ops(second), second.count(Op.SAME)) == (first.outputs, {}, 3)
    assert project.state_file.read_text() == before


def test_only_what_differs_is_changed_and_told(project: Project) -> None:
    project.up(CHAIN)
    result = project.up(CHAIN.replace("size=1", "size=2, data={'k': 'v'}"))
    assert project.store.calls == ["update a"]
    assert ops(result) == {"a": Op.UPDATE}
    assert _told(result, "a") == ['data:  -> {"k": "v"}', "size: 1 -> 2"]
    assert project.store.things["a"]["size"] == 2


def test_an_input_that_goes_is_a_change(project: Project) -> None:
    project.up(CHAIN)
    assert _told(project.up(CHAIN.replace(", size=1", "")), "a") == ["size: 1 -> "]
    assert "size" not in project.store.things["a"]


def test_what_left_the_program_is_deleted_dependents_first(project: Project) -> None:
    project.up(CHAIN)
    result = project.up('a = Thing("a", size=1)')
    assert project.store.calls == ["delete c", "delete b"]
    assert ops(result) == {"b": Op.DELETE, "c": Op.DELETE}
    assert [resource.name for resource in graph_of(project).resources] == ["a"]
    assert result.outputs == {}


def test_deletions_follow_the_latest_dependencies(project: Project) -> None:
    project.up('a = Thing("a")\nb = Thing("b")')
    project.up('b = Thing("b")\na = Thing("a", link=b.arn)')
    project.up("")
    assert project.store.calls == ["delete a", "delete b"]


def test_a_name_that_changes_means_another_resource(project: Project) -> None:
    project.up(CHAIN)
    result = project.up(CHAIN.replace('Thing("a", size=1)', 'Thing("a", size=1, text="x")'))
    assert project.store.calls == ["delete a", "create a"]
    assert ops(result) == {"a": Op.REPLACE}
    assert _told(result, "a") == ["text:  -> x"]
    assert project.store.things["a"]["serial"] == 4


def test_what_is_part_of_a_replaced_resource_is_replaced_with_it(project: Project) -> None:
    project.up(PARTS.format(text="old"))
    result = project.up(PARTS.format(text="new"))
    assert project.store.calls == [
        "delete label",
        "delete lid",
        "delete box",
        "create box",
        "create lid",
        "create label",
    ]
    assert ops(result) == {"box": Op.REPLACE, "lid": Op.REPLACE, "label": Op.REPLACE}


def test_a_part_that_leaves_with_the_replacement_is_deleted(project: Project) -> None:
    project.up(PARTS.format(text="old"))
    result = project.up('Thing("box", text="new")')
    assert ops(result) == {"box": Op.REPLACE, "lid": Op.DELETE, "label": Op.DELETE, "note": Op.DELETE}
    assert project.store.things.keys() == {"box"}
    assert project.store.calls.count("delete lid") == 1


def test_what_is_no_part_any_more_is_not_deleted_for_it(project: Project) -> None:
    project.up('box = Thing("box", text="old")\nlid = Thing("lid", link=box.arn, size=1)')
    result = project.up('box = Thing("box", text="new")\nlid = Thing("lid", size=1)')
    assert ops(result) == {"box": Op.REPLACE, "lid": Op.UPDATE}


def test_what_can_stand_twice_is_replaced_before_its_predecessor_goes(project: Project) -> None:
    project.up(NUMBERED.format(size=1))
    result = project.up(NUMBERED.format(size=2))
    assert project.store.calls == ["create layer", "update user", "delete layer"]
    assert ops(result) == {"layer": Op.REPLACE, "user": Op.UPDATE}
    assert project.store.things.keys() == {"layer:3", "user"}
    assert ops(project.up()) == {}


def test_an_alias_keeps_a_resource_that_moves(project: Project) -> None:
    project.up('Thing("a", size=1)')
    moved = """
group = Group("group")
alias = pulumi.Alias(name="a", parent=pulumi.ROOT_STACK_RESOURCE)
class Renamed(pulumi.CustomResource):
    def __init__(self, opts):
        super().__init__("test:index:Thing", "new", {"name": "a", "size": 1}, opts)
Renamed(pulumi.ResourceOptions(parent=group, aliases=[alias]))
"""
    result = project.up(moved)
    assert (ops(result), project.store.calls) == ({}, [])
    assert graph_of(project).resources[-1].urn == "urn:pulumi:dev::shop::test:index:Group$test:index:Thing::new"
    project.up("")
    assert project.store.calls == ["delete a"]


def test_ignored_changes_stay_as_they_were(project: Project) -> None:
    program = 'Thing("a", {inputs}, opts=pulumi.ResourceOptions(ignore_changes=["size", "data"]))'
    project.up(program.format(inputs="size=1"))
    result = project.up(program.format(inputs="size=2, data=[1], link='x'"))
    assert _told(result, "a") == ["link:  -> x"]
    assert project.store.things["a"].items() >= {"size": 1, "link": "x"}.items()


def test_the_program_can_force_a_replacement(project: Project) -> None:
    program = 'Thing("a", size={size}, opts=pulumi.ResourceOptions(replace_on_changes=["size"]))'
    project.up(program.format(size=1))
    assert ops(project.up(program.format(size=2))) == {"a": Op.REPLACE}


@pytest.mark.parametrize("program", ["", 'Thing("a", text="x", opts=pulumi.ResourceOptions(protect=True))'])
def test_what_is_protected_is_neither_deleted_nor_replaced(project: Project, program: str) -> None:
    project.up('Thing("a", opts=pulumi.ResourceOptions(protect=True))')
    with pytest.raises(ResourceError, match="the resource is protected"):
        project.up(program)
    with pytest.raises(ResourceError, match="the resource is protected"):
        project.down()
    assert project.store.things.keys() == {"a"}
    project.up('Thing("a")')
    project.down()
    assert project.store.things == {}


def test_a_protected_part_keeps_its_whole(project: Project) -> None:
    parts = PARTS.replace("size=1", "size=1, opts=pulumi.ResourceOptions(protect=True)")
    project.up(parts.format(text="old"))
    with pytest.raises(ResourceError, match="'lid': delete failed with Protected"):
        project.up(parts.format(text="new"))
    assert "box" in project.store.things


def test_inputs_that_cannot_be_right_are_refused_before_any_call(project: Project) -> None:
    with pytest.raises(ResourceError) as caught:
        project.up('Thing("a", size=-1, colour="red")')
    assert caught.value.code == "InvalidInput"
    assert "the argument `colour` has no support on the embedded AWS; the argument `size` is negative." in str(
        caught.value
    )
    assert project.store.calls == []


def test_an_unknown_type_is_refused_by_name(project: Project) -> None:
    with pytest.raises(ResourceError, match=r"test:index:Gadget 'a'.*no handler for this type") as caught:
        project.up('Thing("a", kind="Gadget")')
    assert caught.value.code == "UnknownType"


def test_an_unknown_function_is_refused_by_name(project: Project) -> None:
    with pytest.raises(UnknownFunctionError, match="aws:ec2/getAmi:getAmi has no support"):
        project.up("pulumi.runtime.invoke('aws:ec2/getAmi:getAmi', {})")


def test_the_caller_is_the_root_of_the_account(project: Project) -> None:
    result = project.up(
        """
for token in ("getCallerIdentity", "getRegion", "getPartition"):
    pulumi.export(token, pulumi.runtime.invoke(f"aws:index/{token}:{token}", {}).value)
"""
    )
    assert result.outputs["getCallerIdentity"]["accountId"] == "111122223333"
    assert result.outputs["getCallerIdentity"]["arn"] == "arn:aws:iam::111122223333:root"
    assert result.outputs["getRegion"]["name"] == "eu-north-1"
    assert result.outputs["getPartition"]["partition"] == "aws"


def test_the_region_of_the_configuration_counts(project: Project) -> None:
    project.configure("config: {aws:region: us-west-2}")
    asked = "pulumi.export('region', pulumi.runtime.invoke('aws:index/getRegion:getRegion', {}).value['name'])"
    assert project.up(asked).outputs == {"region": "us-west-2"}


def test_a_duplicate_urn_is_an_error(project: Project) -> None:
    with pytest.raises(ProgramError, match="Duplicate resource URN"):
        project.up('Thing("a")\nThing("a")')


def test_events_tell_each_step(project: Project) -> None:
    project.up(CHAIN)
    assert [(event.stage, event.change.op, event.change.name) for event in project.events] == [
        (stage, Op.CREATE, name) for name in "abc" for stage in (Stage.STARTED, Stage.DONE)
    ]
    project.up()
    assert [(event.stage, event.change.op) for event in project.events] == [(Stage.DONE, Op.SAME)] * 3


def test_secret_inputs_are_kept_and_not_told(project: Project) -> None:
    program = 'Thing("a", data=pulumi.Output.secret("{value}"))'
    project.up(program.format(value="one"))
    assert project.store.things["a"]["data"] == "one"
    assert project.state_file.stat().st_mode & 0o077 == 0
    result = project.up(program.format(value="two"))
    assert _told(result, "a") == ["data: [secret] -> [secret]"]
    assert project.store.things["a"]["data"] == "two"


def test_the_graph_holds_components_and_their_outputs(project: Project) -> None:
    project.up(
        """
group = Group("group")
a = Thing("a", opts=pulumi.ResourceOptions(parent=group))
group.register_outputs({"arn": a.arn})
"""
    )
    [group, thing] = graph_of(project).resources
    assert (group.custom, group.outputs) == (False, {"arn": "arn:111122223333:a"})
    assert thing.parent == group.urn
    assert thing.outputs == {"name": "a", "arn": "arn:111122223333:a", "serial": 1, "revision": "0"}


def test_many_resources_at_once_are_all_in_the_state(project: Project) -> None:
    project.up("for n in range(40): Thing(f't{n}', size=n)")
    assert len(graph_of(project).resources) == len(project.store.things) == 40
    assert json.loads(project.state_file.read_text())["pending"] == {}
    assert ops(project.up("for n in range(40): Thing(f't{n}', size=n if n != 17 else 0)")) == {"t17": Op.UPDATE}
