"""The text of a page as its visitors see it, line by line, without what stands around it or is hidden from them.

Whoever writes a page may write orders to a language model into it. What nobody sees is not read: hidden elements,
comments, characters without a shape. A line that speaks to a model, not to a visitor, is left out and counted. That is
one fence of several: the model has no tool that does anything, and what it says counts only if it stands in this text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from turbohtml import Document, PlainText, Text, parse

HEADING = "## "
"""Begins each line that was a heading."""

MAX_LINE = 2_000
MAX_CHARACTERS = 60_000
"""The longest text of a page; a guide to a whole city has some 40,000 characters."""

# What stands around the text, and what is not shown. ``to_text`` leaves scripts, styles and comments out by itself.
_AROUND = (
    "nav, aside, footer, form, button, select, textarea, iframe, svg, template, noscript, dialog, [role=navigation]"
)
_HIDDEN = "[hidden], [aria-hidden=true], input"
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|(?:font-size|opacity)\s*:\s*0(?![.\d])", re.IGNORECASE
)
_AS_LINES = PlainText(layout="strict", bullet="")
_HEADINGS = "h1, h2, h3, h4, h5, h6"
# Without a shape of their own: controls, zero-width and bidirectional marks, variation selectors, tag characters
# (https://www.unicode.org/charts/PDF/UE0000.pdf), by which text can be written that nobody sees; and halves of
# characters, which JSON can write and UTF-8 cannot.
_SHAPELESS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ud800-\udfff\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_ORDER = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}"
    r"\b(?:instructions?|prompts?|rules|directions|guidelines|guardrails)\b"
    r"|\b(?:system|developer) (?:prompt|message)\b|\byou are (?:now )?(?:an? )?(?:ai|llm|chatbot|language model)\b"
    r"|\b(?:new|updated) instructions?:"
    r"|\b(?:language model|llm|ai (?:assistant|model|agent))s?\b.{0,40}\b(?:must|should|add)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class CleanText:
    """A page's text.

    Attributes:
        lines: One for each block; headings begin with :data:`HEADING`.
        orders: Lines that were left out because they speak to a model.
        cut: Whether the page has more text than is read.
    """

    lines: tuple[str, ...]
    orders: int
    cut: bool

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


def is_order(text: str) -> bool:
    """Whether a text speaks to a language model."""
    return bool(_ORDER.search(text))


def shown(text: str) -> str:
    """A text without the characters that have no shape."""
    return _SHAPELESS.sub("", text)


def clean(document: Document) -> CleanText:
    """The text of a page.

    Args:
        document: The page. What is not read is taken out of it.
    """
    for element in document.select(f"{_AROUND}, {_HIDDEN}"):
        element.decompose()
    for element in document.select("[style]"):
        if _HIDING.search(str(element.attrs.get("style") or "")):
            element.decompose()
    for heading in document.select(_HEADINGS):
        heading.insert(0, Text(HEADING))
    root = document.select_one("main, [role=main]") or document
    text = cleaned(root.to_text(_AS_LINES))
    # Some pages say all beside what they call their main part.
    return text if text.lines or root is document else cleaned(document.to_text(_AS_LINES))


def cleaned(text: str) -> CleanText:
    """A text line by line, as :func:`clean` gives it."""
    lines: list[str] = []
    orders = length = 0
    for line in text.split("\n"):
        words = " ".join(shown(line).split())[:MAX_LINE]
        if not words or words == HEADING.strip():
            continue
        if is_order(words):
            orders += 1
            continue
        length += len(words) + 1
        if length > MAX_CHARACTERS:
            return CleanText(tuple(lines), orders, cut=True)
        lines.append(words)
    return CleanText(tuple(lines), orders, cut=False)


def document_of(html: str) -> Document:
    """A page as a tree. WebFetch has refused those that nest too deep or have too many attributes."""
    return parse(html)
