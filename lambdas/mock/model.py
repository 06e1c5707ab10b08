"""The mock language model: it reads the text of any page and answers with the places that it makes out.

Like a real one it misses some, now and then makes one up, and charges for every word. What it makes up has an evidence
that does not stand in the text, so that grounding finds it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from lambdas.mock.naming import typo
from lambdas.mock.pages import FACTS, HEADING
from lambdas.mock.stream import Stream

PROMPT_TOKENS = 350
_CHARACTERS_PER_TOKEN = 4
_TOKENS_PER_ENTITY = 70
_MISSED_SHARE = 0.06
_MADE_UP_SHARE = 0.04
_MAX_ENTITIES = 40
_EVIDENCE_CHARACTERS = 160
_LOCAL_NAME = re.compile(r"(.+?) \(([^()]*[^\x00-\x7f][^()]*)\)")
_POSITION = re.compile(r"(-?\d+\.\d+), (-?\d+\.\d+)")


def tokens_at_most(text: str) -> int:
    """An upper bound of the tokens, in and out, that reading a text takes."""
    return PROMPT_TOKENS + len(text) // _CHARACTERS_PER_TOKEN + 1 + _MAX_ENTITIES * _TOKENS_PER_ENTITY


def answer(text: str) -> dict[str, Any]:
    """What the model answers to a page: ``entities`` with evidence, and ``usage`` in tokens."""
    stream = Stream("model", hashlib.sha256(text.encode()).hexdigest())
    lines = text.split("\n")
    entities: list[dict[str, Any]] = []
    for number, line in enumerate(lines):
        if not line.startswith(HEADING) or number + 2 >= len(lines) or len(entities) == _MAX_ENTITIES:
            continue
        entity = _entity(line.removeprefix(HEADING), lines[number + 1], lines[number + 2])
        if entity is None or stream.chance(_MISSED_SHARE):
            continue
        entities.append(entity)
        if stream.chance(_MADE_UP_SHARE):
            name = typo(stream, entity["name"])[::-1].title()
            entities.append({**entity, "name": name, "evidence": f"{name} is a favourite of the locals."})
    output = len(entities) * _TOKENS_PER_ENTITY
    usage = {"input_tokens": PROMPT_TOKENS + len(text) // _CHARACTERS_PER_TOKEN, "output_tokens": output}
    return {"entities": entities, "usage": usage}


def _entity(heading: str, facts: str, prose: str) -> dict[str, Any] | None:
    """The place of a heading, if the two lines below are facts and prose that names it."""
    both = _LOCAL_NAME.fullmatch(heading)
    name, local_name = both.groups() if both else (heading, None)
    parts = facts.split(FACTS)
    if len(parts) < 2 or name not in prose:
        return None
    house, _, street = parts[1].partition(" ")
    position = _POSITION.fullmatch(parts[2]) if len(parts) > 2 else None
    return {
        "name": name,
        "local_name": local_name,
        "category": parts[0],
        "house": house,
        "street": street,
        "lat": float(position[1]) if position else None,
        "lng": float(position[2]) if position else None,
        "evidence": prose[:_EVIDENCE_CHARACTERS],
    }
