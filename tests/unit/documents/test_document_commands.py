"""Every `scout` command that a document shows is one: the real command line reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.exceptions import TyperException

from tests import documents
from tests.documents import Block, Command

DOCUMENTS = [pytest.param(path, id=documents.name(path)) for path in documents.documents()]
TARGETS = re.findall(r"^([a-z-]+):", (documents.ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def refusal(command: Command) -> str:
    """What the command line says against a command; nothing if it takes it."""
    try:
        documents.parse(command)
    except TyperException as error:
        return error.format_message()
    return ""


def helps(group: Any, path: str = "scout") -> Iterator[tuple[str, str]]:
    """The help of every command."""
    for word, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from helps(command, f"{path} {word}")
        else:
            yield f"{path} {word}", command.help or ""


@pytest.mark.parametrize("path", DOCUMENTS)
def test_the_command_line_takes_every_command_in_a_block(path: Path):
    shown = [command for block in documents.blocks(path) for command in documents.shown(block)]
    refused = {str(command): said for command in shown if (said := refusal(command))}
    assert not refused


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_command_that_a_sentence_speaks_of_has_these_words_and_options(path: Path):
    unknown = {
        str(command): words for command in documents.mentions(path) if (words := documents.unknown_words(command))
    }
    assert not unknown


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_target_of_make_that_a_document_names_exists(path: Path):
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"^\s*(?:\$ )?make ([a-z-]+)|`make ([a-z-]+)", text, re.MULTILINE)
    assert {one or other for one, other in named} <= set(TARGETS)


def test_the_command_line_takes_the_example_in_the_help_of_every_command():
    refused = {}
    for name, text in helps(documents.command_line()):
        examples = re.findall(r"^Example: (.+)$", text, re.MULTILINE)
        commands = [Command(name, words) for example in examples for words in documents.commands(example)]
        if not commands or any(refusal(command) for command in commands):
            refused[name] = examples
    assert not refused


def test_commands_are_found_wherever_they_stand():
    text = """\
$ scout up -s mock
RUN=$(scout list --json | jq -r '.[0]') && SCOUT_AWS=1 scout status "$RUN" > scout.txt
eval "$(scout aws env)"; # scout is not run here
scout run \\
    --input a.json
pulumi up
It's what scout is for.
"""
    found = documents.shown(Block("some.md", 5, "bash", text))
    assert [(command.place, command.words) for command in found] == [
        ("some.md:5", ("up", "-s", "mock")),
        ("some.md:6", ("list", "--json")),
        ("some.md:6", ("status", "$RUN")),
        ("some.md:7", ("aws", "env")),
        ("some.md:8", ("run", "--input", "a.json")),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ups",), "ups"),
        (("up", "--stak", "mock"), "--stak"),
        (("run", "--input"), "requires an argument"),
        (("send", "--timeout", "soon", "one"), "--timeout"),
        (("promote",), "Missing option '--from'"),
        (("dlq", "show"), "show"),
        (("down", "now"), "now"),
    ],
)
def test_a_command_that_is_none_is_refused(words: tuple[str, ...], said: str):
    assert said in refusal(Command("here", words))


def test_a_mention_may_lack_what_a_command_needs_and_has_no_other_options():
    assert not documents.unknown_words(Command("here", ("--aws", "promote", "--from")))
    assert documents.unknown_words(Command("here", ("promote", "--form"))) == ["--form"]
    assert documents.unknown_words(Command("here", ("dlq", "show"))) == ["show"]
