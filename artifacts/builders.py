"""What builds zips: the builder of the program, and one for whoever only looks at the program."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from uv import find_uv_bin

from artifacts.bytecode import FUNCTION_FOLDER, LAYER_FOLDER, PYTHON_VERSION, compiled, interpreter
from artifacts.zips import Artifact, ArtifactError, files_below, write_zip

PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
"""Lambda's platforms for uv. Lambda's python3.13 runs on Amazon Linux 2023, which has glibc 2.34.

Such a platform takes wheels of all manylinux tags up to its own, the newest first: glibc's interface only grows (PEP
600). pip, on the other hand, takes the one tag that it is told, and an older release of a package that has no such
wheel. ``tests/unit/test_artifacts.py`` shows it.
"""
INSTALL_TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Builder:
    """Builds the zips of the project whose root is ``root`` into ``root / folder``.

    Attributes:
        root: The program's folder.
        folder: Where zips go, relative to ``root``.
        installer_options: More options for ``uv pip install``, such as an index.
        bytecode: Functions and layers hold byte code for Lambda's interpreter, where one of its version is at hand.
    """

    root: Path
    folder: Path = Path(".build")
    installer_options: Sequence[str] = field(default=())
    bytecode: bool = True

    def modules(self, name: str, packages: Sequence[str]) -> Artifact:
        """Zip Python packages and modules of the source tree as they are, for an interpreter of any version.

        Args:
            name: The zip's file name, without its suffix.
            packages: Folders and files relative to the root, such as ``lambdas/runtime``; all of a folder is taken.

        Returns:
            The zip; its entries have the same paths as in the source tree.

        Raises:
            ArtifactError: A package does not exist, or the zip is larger than Lambda takes.
        """
        return self._write(Path("functions") / f"{name}.zip", self._sources(name, packages))

    def function(self, name: str, packages: Sequence[str]) -> Artifact:
        """Zip a function: as ``modules``, with the byte code of each module beside it.

        Raises:
            ArtifactError: As for ``modules``, or a module is no Python of Lambda's version.
        """
        entries = self._sources(name, packages)
        if self.bytecode:
            entries |= compiled(entries, FUNCTION_FOLDER, self.root / self.folder / "bytecode")
        return self._write(Path("functions") / f"{name}.zip", entries)

    def layer(self, name: str, architecture: str) -> Artifact:
        """Zip the packages that ``lambdas/requirements/<name>.txt`` locks, for Lambda's platform.

        A zip of the same lock and platform is taken as it is. Two processes may build the same layer at once.

        Args:
            name: The layer.
            architecture: ``arm64`` or ``x86_64``.

        Returns:
            The zip.

        Raises:
            ArtifactError: The packages cannot be installed or compiled, or the zip is larger than Lambda takes. Nothing
                of a failed installation is left.
        """
        lock, platform = self._lock(name), PLATFORMS[architecture]
        path = self._layer_path(name, architecture, lock, bytecode=self.bytecode)
        if self.bytecode and not (self.root / path).exists() and interpreter() is None:
            path = self._layer_path(name, architecture, lock, bytecode=False)
        target = self.root / path
        if target.exists():
            return Artifact(path, hashlib.sha256(target.read_bytes()).digest())
        with tempfile.TemporaryDirectory(prefix=f"data-scout-layer-{name}-") as scratch:
            installed = Path(scratch) / "python"
            self._install(name, installed, platform)
            shutil.rmtree(installed / "bin", ignore_errors=True)  # console scripts name the interpreter that made them
            entries = {file.relative_to(scratch).as_posix(): file.read_bytes() for file in files_below(installed)}
            if path == self._layer_path(name, architecture, lock, bytecode=True):
                entries |= compiled(entries, LAYER_FOLDER, Path(scratch) / "bytecode")
        return write_zip(self.root, path, entries | {"requirements.txt": lock})

    def _sources(self, name: str, packages: Sequence[str]) -> dict[str, bytes]:
        entries: dict[str, bytes] = {}
        for package in packages:
            source = self.root / package
            if not source.exists():
                raise ArtifactError(f"function {name!r}: {package} does not exist")
            files = [source] if source.is_file() else files_below(source)
            entries |= {file.relative_to(self.root).as_posix(): file.read_bytes() for file in files}
        return entries

    def _lock(self, name: str) -> bytes:
        path = self.root / "lambdas" / "requirements" / f"{name}.txt"
        if not path.exists():
            raise ArtifactError(f"layer {name!r}: its lock {path.relative_to(self.root)} does not exist")
        return path.read_bytes()

    def _layer_path(self, name: str, architecture: str, lock: bytes, *, bytecode: bool) -> Path:
        parts = [lock, PLATFORMS[architecture].encode(), PYTHON_VERSION.encode(), *([b"bytecode"] if bytecode else [])]
        key = hashlib.sha256(b"\0".join(parts)).hexdigest()
        return self.folder / "layers" / f"{name}-{architecture}-{key[:16]}.zip"

    def _install(self, name: str, target: Path, platform: str) -> None:
        # Without --python, uv takes any interpreter that it finds, and downloads one if there is none.
        command = [
            find_uv_bin(), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(target),
            "--python-platform", platform, "--python-version", PYTHON_VERSION, "--only-binary", ":all:",
            "--require-hashes", "--no-deps", "--link-mode", "copy", *self.installer_options,
            "--requirements", str(self.root / "lambdas" / "requirements" / f"{name}.txt"),
        ]  # fmt: skip
        try:
            subprocess.run(
                command,
                check=True,
                capture_output=True,
                text=True,
                timeout=INSTALL_TIMEOUT_SECONDS,
                env=_environment(),
            )
        except subprocess.CalledProcessError as error:
            raise ArtifactError(
                f"layer {name!r} for {platform} cannot be installed:\n{error.stderr.strip()}"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise ArtifactError(f"layer {name!r} was not installed within {INSTALL_TIMEOUT_SECONDS} s") from error

    def _write(self, path: Path, entries: Mapping[str, bytes]) -> Artifact:
        return write_zip(self.root, self.folder / path, entries)


@dataclass(frozen=True)
class LockOnlyBuilder(Builder):
    """Builds layers that hold their lock alone: no package index is asked, and Lambda could not run them.

    For everything that looks at the program without running its functions on AWS.
    """

    bytecode: bool = False

    def layer(self, name: str, architecture: str) -> Artifact:
        """Zip the lock of a layer; see ``Builder.layer``."""
        return self._write(Path("layers") / f"{name}-lock-only.zip", {"requirements.txt": self._lock(name)})


_builder: Builder | None = None


def builder() -> Builder:
    """The builder that the program uses: that of this folder, unless ``override`` is in force."""
    return _builder or Builder(root=Path(__file__).parents[1])


@contextmanager
def override(replacement: Builder) -> Iterator[Builder]:
    """Let the program use another builder for as long as the context is open.

    Args:
        replacement: What ``builder()`` is to return.

    Yields:
        The replacement.
    """
    global _builder  # noqa: PLW0603 - a program has one builder; contexts restore it
    previous, _builder = _builder, replacement
    try:
        yield replacement
    finally:
        _builder = previous


def _environment() -> dict[str, str]:
    """The environment of the installer: pip's setting of the package index counts where uv has none of its own."""
    index = os.environ.get("PIP_INDEX_URL")
    return {**({"UV_DEFAULT_INDEX": index} if index else {}), **os.environ}
