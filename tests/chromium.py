"""A real browser, headless: what a page is once its scripts have run, and what its console says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SECONDS = 120
_CONSOLE = re.compile(r":(?:INFO|WARNING|ERROR):CONSOLE:?\S*\] (.*)")


@dataclass(frozen=True)
class Element:
    """An element of a page: its attributes, and the text that begins in it."""

    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass(frozen=True)
class Opened:
    """A page that was opened: its elements, and the lines of its console."""

    elements: tuple[Element, ...]
    console: tuple[str, ...]

    def having(self, attribute: str) -> Iterator[Element]:
        return (element for element in self.elements if attribute in element.attributes)

    def tags(self) -> set[str]:
        return {element.tag for element in self.elements}


def program() -> str:
    """The browser. Without one a test that asks for it fails: it is a part of what the tests need."""
    named = os.environ.get("SCOUT_CHROMIUM")
    found = named or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.fail(
            "no Chromium is on the PATH, and the pages of runs are tested in a real one: `apt-get install chromium` on "
            "Debian, a package of your system elsewhere; or name the program in SCOUT_CHROMIUM"
        )
    return found


def run(page: Path, *options: str, fragment: str = "") -> subprocess.CompletedProcess[str]:
    """Open a page by the browser's command line."""
    with tempfile.TemporaryDirectory(prefix="chromium-") as profile:
        command = [
            program(),
            "--headless",
            # Chromium refuses to run as root with its sandbox; the page is our own, or one that a test has written.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--enable-logging=stderr",
            f"--user-data-dir={profile}",
            *options,
            page.resolve().as_uri() + fragment,
        ]
        return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)


def opened(page: Path, fragment: str = "") -> Opened:
    """Open a page, let its scripts run, and read what it then is."""
    done = run(page, "--window-size=1080,1600", "--virtual-time-budget=5000", "--dump-dom", fragment=fragment)
    parser = _Parser()
    parser.feed(done.stdout)
    console = tuple(match[1] for line in done.stderr.splitlines() if (match := _CONSOLE.search(line)))
    return Opened(tuple(parser.elements), console)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))
        self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            last = self.elements[-1]
            self.elements[-1] = Element(last.tag, last.attributes, last.text + data)
