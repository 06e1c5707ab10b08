"""The pictures in the documents are those of the program as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import pictures

pytestmark = pytest.mark.xdist_group("pictures")


def test_the_pictures_are_fresh() -> None:
    for name, picture in pictures.pictures().items():
        path = pictures.FOLDER / name
        assert path.is_file(), f"{path} is not there: `make images` draws it"
        assert path.read_text(encoding="utf-8") == picture, f"{path} is of another program: `make images`"


def test_the_documents_show_all_of_them_and_draw_none_by_hand() -> None:
    root = Path(__file__).resolve().parents[3]
    shown: set[str] = set()
    for path in (root / "README.md", *(root / "docs").rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        assert "```mermaid" not in text, f"{path}: a picture that is drawn by hand goes out of date"
        pictures_of_it = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
        assert all((path.parent / name).is_file() for name in pictures_of_it), path
        shown |= {Path(name).name for name in pictures_of_it}
    assert shown >= {f"{name}.svg" for name in pictures.MACHINES}


def test_the_page_of_a_run_has_a_picture_of_a_fitting_size() -> None:
    path = pictures.FOLDER / "report.png"
    assert path.is_file(), f"{path} is not there: `make screenshot` takes it"
    assert path.read_bytes().startswith(b"\x89PNG")
    assert 20_000 < path.stat().st_size < 400_000
