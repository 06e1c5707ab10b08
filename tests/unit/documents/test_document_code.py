"""The Python that documents show: all of it is Python, and what whole pages show works as it stands there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import documents
from tests.documents import Block

# Pages whose blocks are one program, from the first to the last. In others they are pieces.
PROGRAMS = ("docs/writing-a-stage.md", "docs/extending-infrastructure.md")
PYTHON = [pytest.param(block, id=str(block)) for path in documents.documents() for block in documents.python(path)]


@pytest.mark.parametrize("block", PYTHON)
def test_a_block_of_python_is_python(block: Block):
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_page_of_python_runs_from_its_beginning_to_its_end(name: str):
    shown = documents.run(name)
    tests = [value for key, value in shown.items() if key.startswith("test_")]
    for test in tests:
        test()


def test_an_assertion_on_a_page_that_does_not_hold_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(documents, "ROOT", tmp_path)
    (tmp_path / "page.md").write_text("```python\nnumber = 1\n```\n\n```python\nassert number == 2\n```\n")
    with pytest.raises(AssertionError):
        documents.run("page.md")
