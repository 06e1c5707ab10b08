"""The zips that Lambda gets, built so that the same input gives the same bytes anywhere and at any time.

Function zips hold this project's own pure-Python packages. Third-party packages come in layers, installed from a lock
with hashes for Lambda's platform. A layer zip also holds, at its root, the lock that it was built from: AWS ignores
that file; whoever cannot run wheels of Lambda's platform can install the same versions from it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from uv import find_uv_bin

PYTHON_VERSION = "3.13"
# Lambda's python3.13 runs on Amazon Linux 2023, which has glibc 2.34.
PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
# The largest zip that Lambda takes in a request
# (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
MAX_ZIP_BYTES = 50 * 1024 * 1024
INSTALL_TIMEOUT_SECONDS = 300
_EARLIEST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE_0644 = 0o100644 << 16
_UNIX = 3
_BEST_COMPRESSION = 9
# These say how and from where a package was installed, which differs from machine to machine.
_LEFT_OUT_METADATA = frozenset(
    {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json"}
)  # fmt: skip


class ArtifactError(RuntimeError):
    """A zip cannot be built. The message says which one, and what the installer printed."""


@dataclass(frozen=True)
class Artifact:
    """A built zip.

    Attributes:
        path: Where it lies, relative to the program's folder.
        digest: SHA-256 of its bytes.
    """

    path: Path
    digest: bytes

    @property
    def code_sha256(self) -> str:
        """The digest as Lambda shows it (``CodeSha256``)."""
        return base64.b64encode(self.digest).decode()


@dataclass(frozen=True)
class Builder:
    """Builds the zips of the project whose root is ``root`` into ``root / folder``.

    Attributes:
        root: The program's folder.
        folder: Where zips go, relative to ``root``.
        installer_options: More options for ``uv pip install``, such as an index.
    """

    root: Path
    folder: Path = Path(".build")
    installer_options: Sequence[str] = field(default=())

    def function(self, name: str, packages: Sequence[str]) -> Artifact:
        """Zip Python packages and modules of the source tree.

        Args:
            name: The zip's file name, without its suffix.
            packages: Folders and files relative to the root, such as ``lambdas/runtime``; all of a folder is taken.

        Returns:
            The zip; its entries have the same paths as in the source tree.

        Raises:
            ArtifactError: A package does not exist, or the zip is larger than Lambda takes.
        """
        entries: dict[str, bytes] = {}
        for package in packages:
            source = self.root / package
            if not source.exists():
                raise ArtifactError(f"function {name!r}: {package} does not exist")
            files = [source] if source.is_file() else _files_below(source)
            entries |= {file.relative_to(self.root).as_posix(): file.read_bytes() for file in files}
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
            ArtifactError: The packages cannot be installed, or the zip is larger than Lambda takes. Nothing of a
                failed installation is left.
        """
        lock = self._lock(name)
        platform = PLATFORMS[architecture]
        key = hashlib.sha256(b"\0".join([lock, platform.encode(), PYTHON_VERSION.encode()])).hexdigest()
        path = Path("layers") / f"{name}-{architecture}-{key[:16]}.zip"
        target = self.root / self.folder / path
        if target.exists():
            return Artifact(self.folder / path, hashlib.sha256(target.read_bytes()).digest())
        with tempfile.TemporaryDirectory(prefix=f"data-scout-layer-{name}-") as scratch:
            installed = Path(scratch)
            self._install(name, installed, platform)
            shutil.rmtree(installed / "bin", ignore_errors=True)  # console scripts name the interpreter that made them
            entries = {
                f"python/{file.relative_to(installed).as_posix()}": file.read_bytes()
                for file in _files_below(installed)
            }
        return self._write(path, entries | {"requirements.txt": lock})

    def _lock(self, name: str) -> bytes:
        path = self.root / "lambdas" / "requirements" / f"{name}.txt"
        if not path.exists():
            raise ArtifactError(f"layer {name!r}: its lock {path.relative_to(self.root)} does not exist")
        return path.read_bytes()

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

    def _write(self, path: Path, entries: dict[str, bytes]) -> Artifact:
        """Write a zip under a temporary name and rename it, so that no reader ever sees half a file."""
        target = self.root / self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}-")
        try:
            with os.fdopen(handle, "wb") as file:
                _write_zip(file, entries)
            content = Path(scratch).read_bytes()
            if len(content) > MAX_ZIP_BYTES:
                raise ArtifactError(f"{path.name} has {len(content):,} bytes; Lambda takes at most {MAX_ZIP_BYTES:,}")
            Path(scratch).replace(target)
        finally:
            Path(scratch).unlink(missing_ok=True)
        return Artifact(self.folder / path, hashlib.sha256(content).digest())


@dataclass(frozen=True)
class LockOnlyBuilder(Builder):
    """Builds layers that hold their lock alone: no package index is asked, and Lambda could not run them.

    For everything that looks at the program without running its functions on AWS.
    """

    def layer(self, name: str, architecture: str) -> Artifact:
        """Zip the lock of a layer; see ``Builder.layer``."""
        return self._write(Path("layers") / f"{name}-lock-only.zip", {"requirements.txt": self._lock(name)})


_builder: Builder | None = None


def builder() -> Builder:
    """The builder that the program uses: that of this folder, unless ``override`` is in force."""
    return _builder or Builder(root=Path(__file__).parent)


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


def _files_below(folder: Path) -> list[Path]:
    """The files that go into a zip: all of a folder, less what an installer or an interpreter leaves there."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix != ".pyc"
        and not path.name.startswith(".")
        and not (path.parent.name.endswith(".dist-info") and path.name in _LEFT_OUT_METADATA)
    )


def _write_zip(file: IO[bytes], entries: dict[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name in sorted(entries):
            info = zipfile.ZipInfo(name, _EARLIEST_ZIP_DATE)
            info.external_attr = _REGULAR_FILE_0644
            info.create_system = _UNIX
            archive.writestr(info, entries[name], zipfile.ZIP_DEFLATED, _BEST_COMPRESSION)
