"""Byte code for Lambda's interpreter: the same anywhere, used by it, and done without where there is no such one."""

from __future__ import annotations

import hashlib
import random
import subprocess
import zipfile
from pathlib import Path

import pytest

from artifacts import Artifact, ArtifactError, Builder, bytecode
from artifacts.bytecode import FUNCTION_FOLDER, compiled, interpreter
from components.city_functions import CONTROL
from tests.unit.pulumi_support import ROOT

needs_interpreter = pytest.mark.skipif(interpreter() is None, reason="no Python of Lambda's version is on this machine")
SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_bytes()
    for folder in ("runtime", "places")
    for path in sorted((ROOT / "lambdas" / folder).glob("*.py"))
}
# Sets and strings, whose order in byte code depends on the seed of hashes.
TRICKY = {"a/b.py": b"def f(x):\n    return x in {'one', 'two', 'three', 'four'}\n", "a/__init__.py": b""}


@pytest.fixture
def no_interpreter(monkeypatch):
    """A version of Python that no machine has; what the user is told."""
    told: list[str] = []
    monkeypatch.setattr(bytecode, "PYTHON_VERSION", "3.99")
    monkeypatch.setattr(bytecode, "_TAG", "cpython-399")
    monkeypatch.setattr("pulumi.log.warn", told.append)
    interpreter.cache_clear()
    yield told
    interpreter.cache_clear()


def project(root: Path, files: dict[str, bytes]) -> Builder:
    for name, body in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(body)
    return Builder(root)


def held(builder: Builder, artifact: Artifact) -> dict[str, bytes]:
    with zipfile.ZipFile(builder.root / artifact.path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@needs_interpreter
def test_byte_code_is_the_same_wherever_and_with_whatever_else_it_is_compiled(tmp_path, monkeypatch):
    sources = SOURCES | TRICKY
    whole = compiled(sources, FUNCTION_FOLDER, tmp_path / "whole")
    assert len(whole) == len(sources)
    monkeypatch.setenv("PYTHONHASHSEED", "5")
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    names = list(sources)
    random.Random(3).shuffle(names)  # noqa: S311 - not for security
    parts: dict[str, bytes] = {}
    for start in range(0, len(names), 7):
        some = {name: sources[name] for name in names[start : start + 7]}
        parts |= compiled(some, FUNCTION_FOLDER, tmp_path / "elsewhere" / "parts")
    assert parts == whole


@needs_interpreter
def test_two_zips_with_byte_code_are_equal_byte_for_byte(tmp_path):
    builders = [project(tmp_path / name, TRICKY) for name in ("one", "another/place")]
    first, second = (builder.function("f", ["a"]) for builder in builders)
    assert first.digest == second.digest
    assert set(held(builders[0], first)) == {
        "a/__init__.py", "a/b.py", "a/__pycache__/__init__.cpython-313.pyc", "a/__pycache__/b.cpython-313.pyc"
    }  # fmt: skip


@needs_interpreter
def test_lambdas_interpreter_takes_the_byte_code_without_a_look_at_the_source(tmp_path):
    builder = project(tmp_path / "p", TRICKY)
    for name, body in held(builder, builder.function("f", ["a"])).items():
        path = tmp_path / "unpacked" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    (tmp_path / "unpacked" / "a" / "b.py").write_text("this is no Python")
    code = f"import sys; sys.path[:0] = [{str(tmp_path / 'unpacked')!r}]; from a.b import f; print(f('one'))"
    assert said_by_interpreter(code) == "True"


@needs_interpreter
def test_byte_code_names_the_path_on_lambda(tmp_path):
    code = compiled(TRICKY, FUNCTION_FOLDER, tmp_path)["a/__pycache__/b.cpython-313.pyc"]
    # 16 bytes of header: magic number, flags, and the hash of the source (PEP 552).
    assert int.from_bytes(code[4:8], "little") == 0b01
    assert said_by_interpreter(f"import marshal; print(marshal.loads({code[16:]!r}).co_filename)") == "/var/task/a/b.py"


def said_by_interpreter(code: str) -> str:
    command = [str(interpreter()), "-I", "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@needs_interpreter
def test_what_was_compiled_is_not_compiled_again(tmp_path, monkeypatch):
    builder = project(tmp_path, TRICKY)
    first = builder.function("f", ["a"])
    monkeypatch.setattr(bytecode, "interpreter", lambda: None)
    assert builder.function("f", ["a"]) == first
    (tmp_path / "a" / "b.py").write_text("changed = 1\n")
    # A zip holds all of its byte code or none.
    assert set(held(builder, builder.function("f", ["a"]))) == set(TRICKY)


@needs_interpreter
def test_a_source_that_lambda_could_not_run_is_an_error(tmp_path):
    builder = project(tmp_path, {"a/b.py": b"x = = 1\n"})
    with pytest.raises(ArtifactError, match=r"no byte code of Python 3\.13: (.|\n)*a/b\.py(.|\n)*SyntaxError"):
        builder.function("f", ["a"])


def test_without_an_interpreter_there_is_no_byte_code_and_one_warning(tmp_path, no_interpreter):
    builder = project(tmp_path, TRICKY)
    assert held(builder, builder.function("f", ["a"])) == held(builder, builder.function("g", ["a"])) == TRICKY
    assert len(no_interpreter) == 1
    assert "uv python install 3.99" in no_interpreter[0]


def test_what_runs_on_any_interpreter_or_nowhere_has_no_byte_code(tmp_path):
    builder = Builder(ROOT, tmp_path)
    artifact = builder.modules("m", CONTROL.all_packages)
    assert {Path(name).suffix for name in held(builder, artifact)} == {".py"}
    without = Builder(ROOT, tmp_path / "w", bytecode=False)
    assert without.function("m", CONTROL.all_packages).digest == artifact.digest


@pytest.fixture
def layered(tmp_path):
    """A project with a layer of one package, from a wheel at hand."""
    wheel = tmp_path / "wheels" / "tiny-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny/__init__.py", "VALUE = 1\n")
        archive.writestr("tiny/tests/old.py", "print 'of no version that Lambda has'\n")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = f"tiny==1.0 --hash=sha256:{digest}\n".encode()
    project(tmp_path / "p", {"lambdas/requirements/core.txt": lock})
    return Builder(tmp_path / "p", installer_options=("--no-index", "--find-links", str(wheel.parent)))


@needs_interpreter
def test_a_layer_holds_byte_code_of_its_packages_but_not_of_their_tests(layered):
    names = set(held(layered, layered.layer("core", "arm64")))
    assert [name for name in names if name.endswith(".pyc")] == ["python/tiny/__pycache__/__init__.cpython-313.pyc"]
    assert "python/tiny/tests/old.py" in names


def test_a_layer_without_byte_code_is_another_and_is_kept_as_well(layered, no_interpreter):
    without = layered.layer("core", "arm64")
    assert not [name for name in held(layered, without) if name.endswith(".pyc")]
    assert layered.layer("core", "arm64") == without
    assert len(no_interpreter) == 1
