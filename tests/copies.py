"""Copies of the project, for tests that change it."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def copy_project(to: Path, *shared: str) -> None:
    """Copy the project without what is hidden or built.

    Args:
        to: A folder that is not there yet.
        shared: Folders of built or fetched files that the copy has in common with the project, by their paths in it.
    """
    # Byte code may be written, and so renamed, at this moment.
    shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    for name in shared:
        (ROOT / name).mkdir(parents=True, exist_ok=True)
        (to / name).parent.mkdir(exist_ok=True)
        (to / name).symlink_to(ROOT / name, target_is_directory=True)
