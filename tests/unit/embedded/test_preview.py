"""A preview tells what the deployment then does, and changes nothing."""

from __future__ import annotations

import pytest

from scout.embedded.deploy.diff import Change, Op
from scout.embedded.errors import ResourceError
from scout.embedded.resources import UNKNOWN
from tests.unit.embedded.fakes import Project, ops

BASE = """
box = Thing("box", text="old")
lid = Thing("lid", inside=box.id, size=1)
note = Thing("note", link=box.arn)
layer = Thing("layer", kind="Numbered", size=1)
user = Thing("user", link=layer.arn)
spare = Thing("spare")
pulumi.export("note", note.arn)
"""


def _kinds(changes: tuple[Change, ...]) -> list[tuple[Op, str, list[str]]]:
    return [(change.op, change.urn, [item.path for item in change.properties]) for change in changes]


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("", ""),
        ('text="old"', 'text="new"'),
        ("size=1)", "size=2)"),
        ('spare = Thing("spare")', ""),
        ('spare = Thing("spare")', 'spare = Thing("spare", size=note.serial)\nThing("more", link=spare.arn)'),
        ('kind="Numbered", size=1', 'kind="Numbered", size=1, data=[1]'),
        ("link=box.arn", "link='none'"),
        ("lid = ", "cap = Thing('cap', inside=box.id)\nlid = "),
    ],
)
def test_what_is_previewed_is_what_happens(project: Project, was: str, becomes: str) -> None:
    project.up(BASE)
    changed = BASE.replace(was, becomes, 1)
    state, things = project.state_file.read_text(), dict(project.store.things)

    preview = project.up(changed, preview=True)

    assert project.store.calls == []
    assert project.state_file.read_text() == state
    assert project.store.things == things
    assert _kinds(preview.changes) == _kinds(project.up(changed).changes)


def test_the_preview_of_a_first_deployment(project: Project) -> None:
    preview = project.up(BASE, preview=True)
    assert preview.outputs == {"note": UNKNOWN}
    assert not project.state_file.exists()
    assert set(ops(preview).values()) == {Op.CREATE}
    assert _kinds(preview.changes) == _kinds(project.up(BASE).changes)


def test_what_is_known_is_known_in_a_preview(project: Project) -> None:
    project.up(BASE)
    changed = BASE.replace("size=1)", "size=2)") + 'pulumi.export("lid", lid.arn)\npulumi.export("serial", lid.serial)'
    assert project.up(changed, preview=True).outputs == {
        "note": "arn:111122223333:note",
        "lid": "arn:111122223333:lid",
        "serial": project.store.things["lid"]["serial"],
    }


def test_what_the_api_decides_anew_is_unknown_in_a_preview(project: Project) -> None:
    program = """
class Revised(Thing):
    revision: pulumi.Output[str]
    def __init__(self, name, **inputs):
        super().__init__(name, revision=None, **inputs)
a = Revised("a", size={size})
pulumi.export("revision", a.revision)
"""
    assert project.up(program.format(size=1)).outputs == {"revision": "0"}
    assert project.up(program.format(size=2), preview=True).outputs == {"revision": UNKNOWN}
    assert project.up(program.format(size=2)).outputs == {"revision": "1"}


def test_a_replacement_keeps_what_its_name_decides(project: Project) -> None:
    project.up(BASE)
    changed = BASE.replace('"old"', '"new"') + 'pulumi.export("box", box.arn)\npulumi.export("serial", box.serial)'
    preview = project.up(changed, preview=True)
    assert preview.outputs == {"note": "arn:111122223333:note", "box": "arn:111122223333:box", "serial": UNKNOWN}


def test_a_name_that_is_taken_is_told_in_the_preview(project: Project) -> None:
    project.store.things["box"] = {"serial": 0, "revision": 0, "name": "box"}
    with pytest.raises(ResourceError, match="NameTaken"):
        project.up(BASE, preview=True)


def test_inputs_that_cannot_be_right_are_told_in_the_preview(project: Project) -> None:
    with pytest.raises(ResourceError, match="`size` is negative"):
        project.up("Thing('a', size=-1)", preview=True)


def test_protection_is_told_in_the_preview(project: Project) -> None:
    project.up('Thing("a", opts=pulumi.ResourceOptions(protect=True))')
    with pytest.raises(ResourceError, match="the resource is protected"):
        project.up("", preview=True)


def test_a_preview_after_the_emulator_was_lost(project: Project) -> None:
    project.up(BASE)
    state = project.state_file.read_text()
    project.store.things.clear()
    preview = project.up(preview=True)
    assert set(ops(preview).values()) == {Op.CREATE}
    assert len(preview.lost) == 6
    assert project.state_file.read_text() == state
