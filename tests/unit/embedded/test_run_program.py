"""A program runs as under the engine, and what it registers arrives as plain values."""

from __future__ import annotations

import hashlib
import os
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scout.embedded.deploy.program import ProgramError, Registration, run_program
from scout.embedded.deploy.stack_config import StackConfig
from scout.embedded.resources import UNKNOWN, JsonObject
from tests.unit.embedded.fakes import PRELUDE


@dataclass
class Recorder:
    """An engine that keeps what it is told. In a preview it leaves the outputs of everything unknown."""

    preview: bool = False
    seen: dict[str, Registration] = field(default_factory=dict)
    outputs: dict[str, JsonObject] = field(default_factory=dict)

    def register(self, registration: Registration) -> tuple[str, JsonObject]:
        self.seen[registration.name] = registration
        if not registration.custom or self.preview:
            return "", {}
        return f"id-{registration.name}", {**registration.inputs, "arn": f"arn:{registration.name}", "serial": 7}

    def register_outputs(self, urn: str, outputs: JsonObject) -> None:
        self.outputs[urn] = outputs

    def invoke(self, token: str, arguments: JsonObject) -> JsonObject:
        return {"token": token, **arguments}


def _run(folder: Path, program: str, engine: Recorder, **values: str) -> JsonObject:
    (folder / "__main__.py").write_text(PRELUDE + program)
    config = StackConfig("shop", "dev", folder, {f"shop:{key}": value for key, value in values.items()})
    return run_program(config, engine, preview=engine.preview)


def test_exports_and_outputs_flow(tmp_path: Path) -> None:
    exports = _run(
        tmp_path,
        """
a = Thing("a", size=2)
b = Thing("b", link=a.arn)
pulumi.export("arns", [a.arn, b.arn])
pulumi.export("serial", a.serial.apply(lambda serial: serial + 1))
pulumi.export("nothing", None)
""",
        engine := Recorder(),
    )
    assert exports == {"arns": ["arn:a", "arn:b"], "serial": 8}
    assert engine.seen["b"].inputs == {"name": "b", "link": "arn:a"}


def test_a_program_without_exports_exports_nothing(tmp_path: Path) -> None:
    assert _run(tmp_path, "Thing('a')", Recorder()) == {}


def test_what_depends_on_what_is_told(tmp_path: Path) -> None:
    engine = Recorder()
    _run(
        tmp_path,
        """
a = Thing("a")
b = Thing("b", link=a.arn, size=a.serial)
c = Thing("c", opts=pulumi.ResourceOptions(depends_on=[b], protect=True, ignore_changes=["size"],
                                           replace_on_changes=["link"]))
""",
        engine,
    )
    a, b, c = (engine.seen[name] for name in "abc")
    assert a.dependencies == ()
    assert b.dependencies == (a.urn,)
    assert b.property_dependencies == {"link": [a.urn], "size": [a.urn]}
    assert c.dependencies == (b.urn,)
    assert (c.protect, c.ignore_changes, c.replace_on_changes) == (True, ("size",), ("link",))


def test_urns_carry_the_types_of_all_parents(tmp_path: Path) -> None:
    engine = Recorder()
    _run(
        tmp_path,
        """
outer = Group("outer")
inner = Group("inner", opts=pulumi.ResourceOptions(parent=outer))
Thing("a", opts=pulumi.ResourceOptions(parent=inner))
Thing("b")
outer.register_outputs({"size": 3})
""",
        engine,
    )
    assert engine.seen["outer"].urn == "urn:pulumi:dev::shop::test:index:Group::outer"
    assert engine.seen["inner"].urn == "urn:pulumi:dev::shop::test:index:Group$test:index:Group::inner"
    assert engine.seen["a"].urn == "urn:pulumi:dev::shop::test:index:Group$test:index:Group$test:index:Thing::a"
    assert engine.seen["a"].parent == engine.seen["inner"].urn
    assert (engine.seen["b"].urn, engine.seen["b"].parent) == ("urn:pulumi:dev::shop::test:index:Thing::b", "")
    assert (engine.seen["outer"].custom, engine.seen["a"].custom) == (False, True)
    assert engine.outputs == {engine.seen["outer"].urn: {"size": 3}}


def test_values_arrive_as_json(tmp_path: Path) -> None:
    engine = Recorder()
    _run(
        tmp_path,
        "Thing('a', data={'i': 5, 'f': 0.5, 'b': True, 'n': None, 'l': [1, {'z': 1, 'a': 2.0}]}, link=None)",
        engine,
    )
    inputs = engine.seen["a"].inputs
    assert inputs == {"name": "a", "data": {"i": 5, "f": 0.5, "b": True, "l": [1, {"z": 1, "a": 2}]}}
    assert isinstance(inputs["data"]["i"], int)
    assert list(inputs["data"]) == sorted(inputs["data"])


def test_an_archive_arrives_with_its_digest(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.py"), "A = 1")
    engine = Recorder()
    exports = _run(tmp_path, "a = Thing('a', code=pulumi.FileArchive('code.zip'))\npulumi.export('id', a.id)", engine)
    code = engine.seen["a"].inputs["code"]
    assert code.keys() == {"path", "sha256"}
    assert (code["path"], len(code["sha256"])) == (str(tmp_path / "code.zip"), 64)
    assert exports == {"id": "id-a"}


def test_an_asset_arrives_with_its_digest(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_bytes(b"A = 1\n")
    engine = Recorder()
    exports = _run(tmp_path, "a = Thing('a', code=pulumi.FileAsset('job.py'))\npulumi.export('id', a.id)", engine)
    digest = hashlib.sha256(b"A = 1\n").hexdigest()
    assert engine.seen["a"].inputs["code"] == {"path": str(tmp_path / "job.py"), "sha256": digest}
    assert exports == {"id": "id-a"}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("pulumi.FileArchive('gone.zip')", r"test:index:Thing 'a': the archive .*gone.zip is not a file"),
        ("pulumi.FileArchive('.')", "is not a file"),
        ("pulumi.FileAsset('gone.py')", r"test:index:Thing 'a': the asset .*gone.py is not a file"),
        ("pulumi.StringAsset('x')", r"only an asset that is a file is supported, as in pulumi.FileAsset\('job.py'\)"),
        ("pulumi.RemoteAsset('https://example.com/x')", "only an asset that is a file is supported"),
        ("pulumi.AssetArchive({'a': pulumi.StringAsset('x')})", "only an archive that is a file is supported"),
    ],
)
def test_other_archives_and_assets_are_refused(tmp_path: Path, value: str, told: str) -> None:
    with pytest.raises(ProgramError, match=told):
        _run(tmp_path, f"Thing('a', code={value})", Recorder())


def test_secrets_are_values_that_are_named(tmp_path: Path) -> None:
    engine = Recorder()
    program = """
a = Thing('a', data={'key': pulumi.Output.secret('abc')}, size=1)
pulumi.export('token', pulumi.Output.secret('xyz'))
"""
    assert _run(tmp_path, program, engine) == {"token": "xyz"}
    assert engine.seen["a"].inputs == {"name": "a", "data": {"key": "abc"}, "size": 1}
    assert engine.seen["a"].secrets == {"data"}


def test_a_resource_as_a_value_is_its_id(tmp_path: Path) -> None:
    engine = Recorder()
    _run(tmp_path, "a = Thing('a')\nThing('b', link=a)", engine)
    assert engine.seen["b"].inputs["link"] == "id-a"


def test_in_a_preview_outputs_are_unknown(tmp_path: Path) -> None:
    engine = Recorder(preview=True)
    exports = _run(
        tmp_path,
        """
assert pulumi.runtime.is_dry_run()
a = Thing("a", size=2)
def never(_): raise AssertionError("ran on an unknown value")
b = Thing("b", link=a.arn.apply(never), data={"of": a.id})
pulumi.export("arn", a.arn)
pulumi.export("known", 1)
""",
        engine,
    )
    assert engine.seen["b"].inputs == {"name": "b", "link": UNKNOWN, "data": {"of": UNKNOWN}}
    assert exports == {"arn": UNKNOWN, "known": 1}


def test_the_program_sees_its_configuration_and_its_folder(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_the_program.py").write_text("VALUE = 5")
    before = (dict(os.environ), list(sys.path), Path.cwd())
    exports = _run(
        tmp_path,
        """
import json, os, pathlib
import neighbour_of_the_program
pulumi.export("config", json.loads(os.environ["PULUMI_CONFIG"]))
pulumi.export("object", config.require_object("o"))
pulumi.export("int", config.require_int("i"))
pulumi.export("here", str(pathlib.Path.cwd()))
pulumi.export("names", [pulumi.get_project(), pulumi.get_stack(), __name__])
pulumi.export("neighbour", neighbour_of_the_program.VALUE)
""",
        Recorder(),
        o='{"a": 1}',
        i="4",
    )
    assert exports == {
        "config": {"shop:o": '{"a": 1}', "shop:i": "4"},
        "object": {"a": 1},
        "int": 4,
        "here": str(tmp_path),
        "names": ["shop", "dev", "__main__"],
        "neighbour": 5,
    }
    assert (dict(os.environ), list(sys.path), Path.cwd()) == before


def test_functions_of_the_provider_are_answered(tmp_path: Path) -> None:
    program = "pulumi.export('x', pulumi.runtime.invoke('test:index:get', {'a': 1, 'b': ['c']}).value)"
    assert _run(tmp_path, program, Recorder()) == {"x": {"token": "test:index:get", "a": 1, "b": ["c"]}}


def test_two_resources_of_one_urn_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ProgramError) as caught:
        _run(tmp_path, "Thing('a')\nThing('a')", Recorder())
    assert str(caught.value) == (
        "Duplicate resource URN 'urn:pulumi:dev::shop::test:index:Thing::a'; try giving it a unique name"
    )


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("Thing('a', opts=pulumi.ResourceOptions(import_='x'))", "test:index:Thing 'a': `import_` has no support"),
        ("Thing('a', opts=pulumi.ResourceOptions(retain_on_delete=True))", "`retain_on_delete` has no support"),
        ("Thing.get = None\npulumi.CustomResource('test:index:Thing', 'a', {}, pulumi.ResourceOptions(id='x'))", "id"),
    ],
)
def test_options_without_support_are_refused(tmp_path: Path, program: str, told: str) -> None:
    with pytest.raises(ProgramError, match=told):
        _run(tmp_path, program, Recorder())


def test_what_the_engine_itself_would_have_to_run_is_refused_by_the_sdk(tmp_path: Path) -> None:
    program = "pulumi.runtime.register_resource_transform(lambda args: None)\nThing('a')"
    with pytest.raises(Exception, match="does not support transforms"):
        _run(tmp_path, program, Recorder())


@pytest.mark.parametrize("preview", [False, True])
def test_an_exception_of_the_program_comes_out_as_it_is(tmp_path: Path, preview: bool) -> None:
    with pytest.raises(ValueError, match=r"^states\.Rank: 'maybe' is not one of mock, real$"):
        _run(
            tmp_path,
            "Thing('a')\nraise ValueError(\"states.Rank: 'maybe' is not one of mock, real\")",
            Recorder(preview=preview),
        )


def test_an_exception_in_an_apply_comes_out_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        _run(tmp_path, "a = Thing('a')\nThing('b', size=a.serial.apply(lambda serial: serial / 0))", Recorder())


def test_the_first_error_of_the_engine_is_the_one_that_is_raised(tmp_path: Path) -> None:
    class Failing(Recorder):
        def register(self, registration: Registration) -> tuple[str, JsonObject]:
            if registration.name == "a":
                raise LookupError("a failed")
            return super().register(registration)

    engine = Failing()
    program = """
a = Thing('a')
b = Thing('b', link=a.arn)
c = Thing('c', link=b.arn)
pulumi.export('c', c.arn)
"""
    with pytest.raises(LookupError, match=r"^a failed$"):
        _run(tmp_path, program, engine)
    assert engine.seen == {}


def test_programs_run_one_after_another(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="halfway"):
        _run(tmp_path, "Thing('a')\nraise RuntimeError('halfway')", Recorder())
    for size in (1, 2):
        engine = Recorder()
        assert _run(tmp_path, f"a = Thing('a', size={size})\npulumi.export('size', a.id)", engine) == {"size": "id-a"}
        assert engine.seen["a"].inputs["size"] == size


def test_what_the_program_logs_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _run(tmp_path, "pulumi.log.warn('mind the gap')", Recorder())
    assert "mind the gap" in caplog.text
