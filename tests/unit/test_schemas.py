"""The files in ``schemas/`` are those that the models make."""

from __future__ import annotations

from pathlib import Path

import pytest

from scout import schemas

FOLDER = Path(__file__).resolve().parents[2] / "schemas"


@pytest.mark.parametrize("name", sorted(schemas.generated()))
def test_a_schema_is_fresh(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == schemas.text(schemas.generated()[name]), "run: make schemas"


def test_there_are_no_others() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(schemas.generated())


def test_all_are_written_into_a_folder(tmp_path: Path) -> None:
    written = schemas.write(tmp_path / "new")
    assert {path.name for path in written} == set(schemas.generated())
    assert all(path.read_text(encoding="utf-8") == (FOLDER / path.name).read_text(encoding="utf-8") for path in written)
