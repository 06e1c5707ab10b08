"""The site of the documents: built without a warning, with every document, and nothing in it from another host."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests import documents
from tests.documents import ROOT

pytestmark = pytest.mark.xdist_group("site")
# What a page loads by itself; a link that a reader follows is none of it.
LOADED = re.compile(
    r"""(?:<script[^>]+src|<img[^>]+src|<link[^>]+rel="(?:stylesheet|preconnect)"[^>]+href)=["']?(https?:)?//"""
)


def built(project: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "--config-file",
            project / "mkdocs.yml",
            "--site-dir",
            site,
        ],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = built(ROOT, folder)
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A small project: three pages, and code beside them."""
    project = tmp_path / "project"
    (project / "docs" / "adr").mkdir(parents=True)
    (project / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "site.py", project / "tools")
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8")) | {"nav": ["index.md", "other.md"]}
    (project / "mkdocs.yml").write_text(yaml.safe_dump(config))
    (project / "docs" / "index.md").write_text("# Home\n\n[other](other.md#part)\n")
    (project / "docs" / "other.md").write_text("# Other\n\n## Part\n")
    (project / "docs" / "adr" / "0001-first.md").write_text("# The first\n")
    return project


def pages(site: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(site.rglob("*.html")):
        yield path.relative_to(site).as_posix(), path.read_text(encoding="utf-8")


def test_every_document_is_a_page_that_the_navigation_leads_to(site: Path):
    found = dict(pages(site))
    wanted = {path.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for path in documents.documents()[1:]}
    assert found.keys() - {"404.html"} == wanted
    home = found["index.html"]
    assert all(f'href="{page}"' in home for page in wanted - {"index.html"})


def test_the_map_of_the_documents_names_every_one_but_the_single_decisions():
    home = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    paths = {path.relative_to(ROOT / "docs").as_posix() for path in documents.documents()[1:]}
    assert {path for path in paths if not path.startswith("adr/")} - {"index.md"} <= set(
        re.findall(r"\]\(([^)#]+)", home)
    )


def test_a_page_has_the_lists_tables_and_blocks_that_the_repository_shows(site: Path):
    """Python-Markdown reads some lists and blocks otherwise than CommonMark, which GitHub goes by."""
    kinds = {"list_item_open": "<li[ >]", "tr_open": "<tr[ >]", "fence": "<pre[ >]", "code_block": "<pre[ >]"}
    for path in documents.documents()[1:]:
        page = (site / path.relative_to(ROOT / "docs")).with_suffix(".html").read_text(encoding="utf-8")
        article = page.partition("<article")[2].partition("</article>")[0]
        wanted = Counter(kinds[token.type] for token in documents.tokens(path) if token.type in kinds)
        shown = {kind: len(re.findall(kind, article)) for kind in kinds.values()}
        assert Counter(shown) == wanted, documents.name(path)


def test_no_page_loads_anything_from_another_host(site: Path):
    assert not [name for name, text in pages(site) if LOADED.search(text)]
    assert LOADED.search('<link rel="stylesheet" href="https://fonts.example/a.css">')


def test_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_a_link_to_code_becomes_the_path_of_that_code(copy: Path, tmp_path: Path):
    (copy / "code.py").write_text("")
    (copy / "docs" / "adr" / "0001-first.md").write_text(
        "# The first\n\n[the code](../../code.py), [code.py](../../code.py#L1)\n"
    )
    done = built(copy, tmp_path / "site")
    assert done.returncode == 0, done.stdout
    page = (tmp_path / "site" / "adr" / "0001-first.html").read_text(encoding="utf-8")
    assert "the code (<code>code.py</code>), <code>code.py</code>" in page


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[code](../nowhere.py)", "../nowhere.py, which does not exist"),
        ("[page](nowhere.md)", "nowhere.md"),
        ("[part](other.md#nowhere)", "nowhere"),
        ("[folder](adr/)", "adr/"),
    ],
)
def test_a_link_that_leads_nowhere_fails_the_build(copy: Path, tmp_path: Path, text: str, said: str):
    (copy / "docs" / "index.md").write_text(f"# Home\n\n{text}\n")
    done = built(copy, tmp_path / "site")
    assert done.returncode != 0
    assert said in done.stdout


def test_a_document_that_no_navigation_leads_to_fails_the_build(copy: Path, tmp_path: Path):
    (copy / "docs" / "forgotten.md").write_text("# Forgotten\n")
    done = built(copy, tmp_path / "site")
    assert done.returncode != 0
    assert "forgotten.md" in done.stdout
