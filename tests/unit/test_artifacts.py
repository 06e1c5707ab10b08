"""Zips for Lambda: the same bytes anywhere and at any time, complete, and never half written."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import shutil
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import artifacts
from artifacts import Artifact, ArtifactError, Builder, LockOnlyBuilder, builders, zips
from components.city_functions import CONTROL
from components.function_spec import FunctionSpec
from tests.budgets import FUNCTIONS
from tests.unit.pulumi_support import ROOT


def content(builder: Builder, artifact: Artifact) -> bytes:
    return (builder.root / artifact.path).read_bytes()


def entries(builder: Builder, artifact: Artifact) -> dict[str, zipfile.ZipInfo]:
    with zipfile.ZipFile(builder.root / artifact.path) as archive:
        return {info.filename: info for info in archive.infolist()}


def copy_sources(target: Path) -> Path:
    """The sources as another checkout would have them: other times, another order, other modes, and byte code."""
    files = [path for path in (ROOT / "lambdas").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    random.Random(7).shuffle(files)  # noqa: S311 - not for security
    for path in files:
        copy = target / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        copy.chmod(0o600)
        os.utime(copy, (1_900_000_000, 1_900_000_000))
        if copy.suffix == ".py":
            (copy.parent / "__pycache__").mkdir(exist_ok=True)
            (copy.parent / "__pycache__" / f"{copy.stem}.cpython-313.pyc").write_bytes(b"byte code")
    return target


@pytest.fixture(scope="module")
def checkouts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Builder, Builder]:
    first = Builder(ROOT, Path(os.path.relpath(tmp_path_factory.mktemp("first"), ROOT)))
    return first, Builder(copy_sources(tmp_path_factory.mktemp("second")), Path("somewhere/else"))


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_two_builds_of_a_function_are_equal_byte_for_byte(checkouts, function):
    first, second = (content(builder, builder.function(function.name, function.all_packages)) for builder in checkouts)
    assert first == second


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_a_function_holds_its_own_code_and_what_all_share_and_no_other(checkouts, function):
    builder = checkouts[1]
    names = set(entries(builder, builder.modules(function.name, function.all_packages)))
    assert function.handler.rpartition(".")[0].replace(".", "/") + ".py" in names
    assert {"lambdas/__init__.py", "lambdas/runtime/stage.py", "lambdas/contracts/job.py"} <= names
    folders = {name.split("/")[1] for name in names} - {"__init__.py"}
    assert folders == {package.split("/")[1] for package in function.all_packages} - {"__init__.py"}
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".txt", ".in"))]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_a_function_imports_nothing_that_its_zip_and_layers_do_not_hold(checkouts, function, tmp_path):
    """Import the handler in an interpreter that sees the zip and installed packages, but not this source tree."""
    builder = checkouts[0]
    with zipfile.ZipFile(builder.root / builder.function(function.name, function.all_packages).path) as archive:
        archive.extractall(tmp_path)
    blocked = {"pulumi", "pulumi_aws", "scout", "workflow", "components", "settings", "typer", "rich", "yaml"}
    if "osm" not in function.layers:
        blocked |= {"osmium", "requests"}
    code = (
        "import sys, importlib\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        f"sys.modules.update(dict.fromkeys({sorted(blocked)!r}))\n"
        f"module, _, name = {function.handler!r}.rpartition('.')\n"
        "handler = getattr(importlib.import_module(module), name)\n"
        "import lambdas\n"
        f"assert lambdas.__file__.startswith({str(tmp_path)!r}), lambdas.__file__\n"
        "print(callable(handler))\n"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment |= {"AWS_DEFAULT_REGION": "us-east-1"}
    # Not run from here: an editable installation of this project must not stand in for the zip either.
    answer = subprocess.run(
        [sys.executable, "-I", "-c", code],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        timeout=60,
    )
    assert (answer.stdout, answer.returncode) == ("True\n", 0), answer.stderr


def test_entries_have_a_fixed_date_mode_and_order(checkouts):
    builder = checkouts[1]
    infos = entries(builder, builder.function("control", CONTROL.all_packages))
    assert {info.date_time for info in infos.values()} == {(1980, 1, 1, 0, 0, 0)}
    assert {info.external_attr >> 16 for info in infos.values()} == {0o100644}
    assert list(infos) == sorted(infos)


def test_another_source_gives_another_digest(tmp_path):
    builder = Builder(copy_sources(tmp_path))
    before = builder.function("control", CONTROL.all_packages)
    (tmp_path / "lambdas" / "control" / "handler.py").write_text("handler = None\n")
    after = builder.function("control", CONTROL.all_packages)
    assert before.path == after.path
    assert before.digest != after.digest


def test_the_digest_is_that_of_the_file_as_lambda_shows_it(tmp_path):
    builder = Builder(copy_sources(tmp_path))
    artifact = builder.function("control", CONTROL.all_packages)
    digest = hashlib.sha256(content(builder, artifact)).digest()
    assert artifact.digest == digest
    assert artifact.code_sha256 == base64.b64encode(digest).decode()
    assert not artifact.path.is_absolute()


def test_a_package_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ArtifactError, match="function 'x': lambdas/nowhere does not exist"):
        Builder(tmp_path).function("x", ["lambdas/nowhere"])


def test_a_zip_that_lambda_would_refuse_is_an_error_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(zips, "MAX_ZIP_BYTES", 1000)
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "data.bin").write_bytes(random.Random(1).randbytes(2000))  # noqa: S311 - not for security
    with pytest.raises(ArtifactError, match=r"x\.zip has [\d,]+ bytes; Lambda takes at most 1,000"):
        Builder(tmp_path).function("x", ["big"])
    assert not [path for path in (tmp_path / ".build").rglob("*") if path.is_file()]


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}\.(py|json)", fullmatch=True), st.binary(max_size=200), max_size=5))
def test_a_zip_holds_exactly_the_files_of_a_package(tmp_path_factory, files):
    root = tmp_path_factory.mktemp("package")
    (root / "pkg").mkdir()
    for name, body in files.items():
        (root / "pkg" / name).write_bytes(body)
    builder = Builder(root)
    with zipfile.ZipFile(root / builder.modules("f", ["pkg"]).path) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            f"pkg/{name}": body for name, body in files.items()
        }


class TestLayers:
    """Layers from a package of our own, so that no package index is needed."""

    @pytest.fixture
    def wheels(self, tmp_path):
        folder = tmp_path / "wheels"
        folder.mkdir()
        info = "tiny-1.0.dist-info"
        with zipfile.ZipFile(folder / "tiny-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr("tiny/__init__.py", "VALUE = 1\n")
            wheel.writestr("tiny/bin/data.txt", "kept\n")
            wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
            wheel.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\ntiny = tiny:main\n")
            wheel.writestr(f"{info}/RECORD", "")
        return folder

    def project(self, root: Path, wheels: Path, digest: str | None = None) -> Builder:
        digest = digest or hashlib.sha256((wheels / "tiny-1.0-py3-none-any.whl").read_bytes()).hexdigest()
        lock = root / "lambdas" / "requirements" / "core.txt"
        lock.parent.mkdir(parents=True)
        lock.write_text(f"tiny==1.0 \\\n    --hash=sha256:{digest}\n")
        return Builder(root, installer_options=("--no-index", "--find-links", str(wheels)), bytecode=False)

    def test_two_builds_are_equal_byte_for_byte(self, tmp_path, wheels):
        builders = [self.project(tmp_path / name, wheels) for name in ("one", "another/place")]
        first, second = (content(builder, builder.layer("core", "arm64")) for builder in builders)
        assert first == second

    def test_it_holds_packages_and_the_lock_but_not_how_they_were_installed(self, tmp_path, wheels):
        builder = self.project(tmp_path / "p", wheels)
        artifact = builder.layer("core", "arm64")
        assert set(entries(builder, artifact)) == {
            "requirements.txt",
            "python/tiny/__init__.py",
            "python/tiny/bin/data.txt",
            "python/tiny-1.0.dist-info/METADATA",
            "python/tiny-1.0.dist-info/WHEEL",
            "python/tiny-1.0.dist-info/entry_points.txt",
        }
        with zipfile.ZipFile(builder.root / artifact.path) as archive:
            lock = archive.read("requirements.txt")
        assert lock == (builder.root / "lambdas" / "requirements" / "core.txt").read_bytes()

    def test_the_same_lock_is_installed_once(self, tmp_path, wheels):
        builder = self.project(tmp_path / "p", wheels)
        built = builder.layer("core", "arm64")
        shutil.rmtree(wheels)
        assert builder.layer("core", "arm64") == built
        with pytest.raises(ArtifactError):
            builder.layer("core", "x86_64")

    def test_another_lock_or_platform_is_another_zip(self, tmp_path, wheels):
        builder = self.project(tmp_path / "p", wheels)
        lock = builder.root / "lambdas" / "requirements" / "core.txt"
        paths = [builder.layer("core", "arm64").path, builder.layer("core", "x86_64").path]
        lock.write_text(lock.read_text() + "# changed\n")
        assert len({*paths, builder.layer("core", "arm64").path}) == 3

    def test_a_package_whose_hash_is_not_that_of_the_lock_is_refused_and_leaves_nothing(self, tmp_path, wheels):
        builder = self.project(tmp_path / "p", wheels, digest="0" * 64)
        with pytest.raises(
            ArtifactError, match=r"layer 'core' for aarch64-manylinux_2_28 cannot be installed:\n(.|\n)*tiny"
        ):
            builder.layer("core", "arm64")
        assert not (builder.root / ".build").exists()

    def test_no_other_interpreter_is_looked_for_or_downloaded(self, tmp_path, wheels, monkeypatch):
        builder = self.project(tmp_path / "p", wheels)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PATH", "/nowhere")
        monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
        monkeypatch.delenv("VIRTUAL_ENV", raising=False)
        assert content(builder, builder.layer("core", "arm64"))

    def test_wheels_of_all_manylinux_tags_up_to_lambdas_are_taken_and_no_later_ones(self, tmp_path):
        """pip takes the tags alone that it is told: packages whose wheels have a later one would be old releases."""
        tags = ["manylinux2014", "manylinux_2_17", "manylinux_2_24", "manylinux_2_27", "manylinux_2_28"]
        wheels, lines = tmp_path / "wheels", {}
        wheels.mkdir()
        for tag in [*tags, "manylinux_2_35"]:
            name, platform = f"of_{tag}", f"{tag}_aarch64"
            file = wheels / f"{name}-1.0-cp313-cp313-{platform}.whl"
            with zipfile.ZipFile(file, "w") as wheel:
                info = f"{name}-1.0.dist-info"
                wheel.writestr(f"{name}.py", "")
                wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
                wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nTag: cp313-cp313-{platform}\n")
                wheel.writestr(f"{info}/RECORD", "")
            lines[tag] = f"{name}==1.0 --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}\n"
        builder = self.project(tmp_path / "p", wheels, digest="0")
        lock = builder.root / "lambdas" / "requirements" / "core.txt"
        lock.write_text("".join(lines[tag] for tag in tags))
        assert {f"python/of_{tag}.py" for tag in tags} <= set(entries(builder, builder.layer("core", "arm64")))
        lock.write_text(lines["manylinux_2_35"])
        with pytest.raises(ArtifactError, match="manylinux_2_35"):
            builder.layer("core", "arm64")

    def test_an_installation_that_takes_too_long_is_an_error(self, tmp_path, wheels, monkeypatch):
        monkeypatch.setattr(builders, "INSTALL_TIMEOUT_SECONDS", 0.001)
        with pytest.raises(ArtifactError, match=r"layer 'core' was not installed within 0\.001 s"):
            self.project(tmp_path / "p", wheels).layer("core", "arm64")

    def test_builds_at_the_same_time_give_one_whole_zip(self, tmp_path, wheels):
        builder = self.project(tmp_path / "p", wheels)
        together = threading.Barrier(4)

        def build(_: int) -> Artifact:
            together.wait()
            return builder.layer("core", "arm64")

        with ThreadPoolExecutor(4) as pool:
            built = set(pool.map(build, range(4)))
        assert len(built) == 1
        (artifact,) = built
        assert hashlib.sha256(content(builder, artifact)).digest() == artifact.digest
        assert [path.name for path in (builder.root / ".build" / "layers").iterdir()] == [artifact.path.name]

    def test_a_layer_without_a_lock_is_an_error(self, tmp_path):
        with pytest.raises(ArtifactError, match=r"layer 'osm': its lock lambdas/requirements/osm\.txt does not exist"):
            Builder(tmp_path).layer("osm", "arm64")


class TestWithoutPackages:
    def test_a_lock_only_layer_holds_the_lock(self, tmp_path):
        builder = LockOnlyBuilder(ROOT, Path(os.path.relpath(tmp_path, ROOT)))
        artifact = builder.layer("core", "arm64")
        assert list(entries(builder, artifact)) == ["requirements.txt"]
        assert content(builder, artifact) == content(builder, builder.layer("core", "x86_64"))

    def test_another_builder_is_in_force_only_within_its_context(self, tmp_path):
        usual, other = artifacts.builder(), LockOnlyBuilder(tmp_path)
        with artifacts.override(other) as within:
            assert artifacts.builder() is within is other
        assert artifacts.builder() == usual == Builder(ROOT)


def test_specs_name_what_exists():
    for function in FUNCTIONS:
        assert isinstance(function, FunctionSpec)
        assert all((ROOT / package).exists() for package in function.all_packages), function.name
        assert all((ROOT / "lambdas" / "requirements" / f"{layer}.txt").is_file() for layer in function.layers)
