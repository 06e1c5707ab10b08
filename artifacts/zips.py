"""Zips of equal bytes: what goes into them, in which order, and how they are written."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

# The largest zip that Lambda takes in a request
# (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
MAX_ZIP_BYTES = 50 * 1024 * 1024
_EARLIEST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE_0644 = 0o100644 << 16
_UNIX = 3
_BEST_COMPRESSION = 9
# These say how and from where a package was installed, which differs from machine to machine.
_LEFT_OUT_METADATA = frozenset(
    {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_build.json", "uv_cache.json"}
)  # fmt: skip


class ArtifactError(RuntimeError):
    """A zip cannot be built. The message says which one, and what the installer or the compiler printed."""


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


def files_below(folder: Path) -> list[Path]:
    """The files that go into a zip: all of a folder, less what an installer or an interpreter leaves there."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix != ".pyc"
        and not path.name.startswith(".")
        and not (path.parent.name.endswith(".dist-info") and path.name in _LEFT_OUT_METADATA)
    )


def write_zip(root: Path, path: Path, entries: Mapping[str, bytes]) -> Artifact:
    """Write a zip under a temporary name and rename it, so that no reader ever sees half a file.

    Args:
        root: The program's folder.
        path: Where the zip is to lie, relative to ``root``.
        entries: What it holds, by path.

    Returns:
        The zip.

    Raises:
        ArtifactError: It is larger than Lambda takes. Nothing is left.
    """
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}-")
    try:
        with os.fdopen(handle, "wb") as file:
            _write_entries(file, entries)
        content = Path(scratch).read_bytes()
        if len(content) > MAX_ZIP_BYTES:
            raise ArtifactError(f"{path.name} has {len(content):,} bytes; Lambda takes at most {MAX_ZIP_BYTES:,}")
        Path(scratch).replace(target)
    finally:
        Path(scratch).unlink(missing_ok=True)
    return Artifact(path, hashlib.sha256(content).digest())


def _write_entries(file: IO[bytes], entries: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name in sorted(entries):
            info = zipfile.ZipInfo(name, _EARLIEST_ZIP_DATE)
            info.external_attr = _REGULAR_FILE_0644
            info.create_system = _UNIX
            archive.writestr(info, entries[name], zipfile.ZIP_DEFLATED, _BEST_COMPRESSION)
