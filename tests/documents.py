"""The documents as tests read them: their links, their code, the commands that they show."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import typer
import typer.main
from markdown_it import MarkdownIt
from markdown_it.token import Token

from scout.cli import app

ROOT = Path(__file__).resolve().parents[1]
# A shell's own words between commands.
_BETWEEN = re.compile(r"[();<>|&]+")
_SUBSTITUTED = re.compile(r"\$\(([^()]+)\)")
_PROMPT = re.compile(r"^\s*\$ ")
_GLOBAL_OPTION = "--aws"


def documents() -> list[Path]:
    """Every document for people: the README, and what lies in ``docs/``."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def name(document: Path) -> str:
    """A document's path in the project."""
    return document.relative_to(ROOT).as_posix()


def tokens(document: Path) -> list[Token]:
    """A document as GitHub reads it."""
    return MarkdownIt("commonmark").enable("table").parse(document.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Block:
    """A block of code in a document.

    Attributes:
        document: The document's path in the project.
        line: The number of its first line of code.
        language: What stands behind the fence; empty for an indented block.
        text: The code.
    """

    document: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A ``scout`` command that a document shows.

    Attributes:
        place: Where it stands.
        words: The command without ``scout``.
    """

    place: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.place}: scout {shlex.join(self.words)}"


def blocks(document: Path) -> list[Block]:
    """All blocks of code, in order, those in lists and tables among them."""
    found = []
    for token in tokens(document):
        if token.type in {"fence", "code_block"}:
            # An indented block has no fence above its first line.
            line = (token.map or [0])[0] + (2 if token.type == "fence" else 1)
            found.append(Block(name(document), line, token.info.strip(), token.content))
    return found


def python(document: Path) -> list[Block]:
    """The blocks of Python, in order."""
    return [block for block in blocks(document) if block.language == "python"]


def needs_spark(block: Block) -> bool:
    """Whether a block of Python is the script of a Glue job."""
    return "pyspark" in block.text


def run(path: str) -> dict[str, Any]:
    """Run the Python of a document as one program, without the scripts of Glue jobs.

    Args:
        path: The document's path in the project.

    Returns:
        The names that it leaves.

    Raises:
        Exception: Whatever a block raises; its traceback names the document and the line.
    """
    names: dict[str, Any] = {"__name__": path}
    for block in python(ROOT / path):
        if not needs_spark(block):
            # Behind as many empty lines as stand before it in the document.
            code = compile("\n" * (block.line - 1) + block.text, path, "exec", dont_inherit=True)
            exec(code, names)  # noqa: S102 - code of this project
    return names


def mentions(document: Path) -> list[Command]:
    """The ``scout`` commands that stand within a sentence or a table."""
    found = []
    for token in tokens(document):
        for child in token.children or []:
            if child.type == "code_inline" and child.content.startswith("scout "):
                place = f"{name(document)}:{(token.map or [0])[0] + 1}"
                found += [Command(place, words) for words in commands(child.content)]
    return found


def shown(block: Block) -> list[Command]:
    """The ``scout`` commands in a block, whatever its language: what a program prints begins otherwise."""
    text = block.text.replace("\\\n", "  ")
    return [
        Command(f"{block.document}:{block.line + number}", words)
        for number, line in enumerate(text.splitlines())
        for words in commands(_PROMPT.sub("", line))
    ]


def commands(line: str) -> Iterator[tuple[str, ...]]:
    """The words of each ``scout`` command in a line of shell: alone, in a pipe, in ``$(...)``, behind variables."""
    for inner in _SUBSTITUTED.findall(line):
        yield from commands(inner)
    lexer = shlex.shlex(_SUBSTITUTED.sub("SUBSTITUTED", line), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        tokens = list(lexer)
    except ValueError:
        # Not shell: a quotation mark in a text that a program prints.
        return
    command: list[str] = []
    redirected = False
    for token in [*tokens, ";"]:
        if _BETWEEN.fullmatch(token):
            yield from _scout(command)
            command, redirected = [], "<" in token or ">" in token
        elif not redirected:
            command.append(token)


def _scout(command: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The words behind ``scout``, if that is the program."""
    words = list(command)
    while words and (re.fullmatch(r"\w+=.*", words[0]) or words[0] in {"!", "time", "if", "then", "do", "export"}):
        words.pop(0)
    if words and words[0].rpartition("/")[2] == "scout":
        yield tuple(words[1:])


@cache
def command_line() -> Any:
    """The command line itself."""
    return typer.main.get_command(app)


def parse(command: Command) -> None:
    """Let the real command line read a command, without doing it.

    Raises:
        typer.exceptions.TyperException: There is no such word or option, a value is none, or something is missing.
    """
    group, words = command_line(), list(command.words)
    try:
        context = group.make_context("scout", words)
        while hasattr(group, "resolve_command"):
            words = [*context._protected_args, *context.args]
            if not words and group.invoke_without_command:
                return
            word, group, words = group.resolve_command(context, words)
            context = group.make_context(word, words, parent=context)
    except typer.Exit:
        # It was asked for help.
        return


def unknown_words(command: Command) -> list[str]:
    """What in a mention no command of that name has. Of a mention, what is needed to run it may be missing."""
    group = command_line()
    words = [word for word in command.words if word != _GLOBAL_OPTION]
    while words and hasattr(group, "commands"):
        if words[0] not in group.commands:
            return [words[0]]
        group = group.commands[words.pop(0)]
    options = {option for parameter in group.params for option in (*parameter.opts, *parameter.secondary_opts)}
    given = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    return [option for option in given if option not in {*options, "--help"}]
