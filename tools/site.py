"""What the site of the documents needs beside ``mkdocs.yml``: hooks of MkDocs.

The documents are read in the repository as well, where they link to code. The site holds no code: there, such a link
becomes the path that it leads to. https://www.mkdocs.org/dev-guide/plugins/#events describes the hooks.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

# Below the name of MkDocs, a warning makes a strict build fail.
_LOG: Final = logging.getLogger("mkdocs.hooks.site")
_LINK: Final = re.compile(r"(?<!!)\[([^]\n]+)]\((\.\.?/[^)#\s]+)(#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the records of decisions behind the other documents, so that a new one needs no line in the configuration."""
    records = sorted(Path(config.docs_dir).glob("adr/*.md"))
    config.nav = [*(config.nav or []), {"Decisions": [f"adr/{record.name}" for record in records]}]
    return config


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Name the files outside of the site that a page links to."""
    documents = Path(config.docs_dir).resolve()
    here = documents / page.file.src_uri

    def named(link: re.Match[str]) -> str:
        text, target = link[1], (here.parent / link[2]).resolve()
        if target.is_relative_to(documents):
            return link[0]
        if not target.exists():
            _LOG.warning("%s links to %s, which does not exist", page.file.src_uri, link[2])
        path = target.relative_to(documents.parent).as_posix()
        return f"`{path}`" if text.strip("`") in {path, target.name} else f"{text} (`{path}`)"

    return _LINK.sub(named, markdown)
