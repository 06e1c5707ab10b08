"""Amazon Bedrock's Converse: a model that reads what a prompt has between fences, and answers in the form asked.

It is no language model: :mod:`scout.standin.prose` reads what this world's pages write. It answers by any JSON schema
that holds one list of objects: as a forced tool's input, or as text (``outputConfig.textFormat``). On demand it does
what real models do at their worst: it stops in the middle, invents, talks, or obeys a page.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lambdas.mock.stream import Stream
from lambdas.places.geo import Point
from scout.standin import hostile
from scout.standin.exchange import Refused, Reply, Request, json_reply
from scout.standin.fault_rules import Invent, Obey, Stop, Talk
from scout.standin.faults import find
from scout.standin.prose import Read, read

_CHARACTERS_PER_TOKEN: Final = 4
_DEFAULT_TOKENS: Final = 4096
_MOST: Final = 40
_MARK: Final = re.compile(r"[A-Za-z0-9_-]*\d[A-Za-z0-9_-]*[A-Za-z0-9]")
_LEAST_MARK: Final = 6
_LONGEST_FENCE: Final = 160
_INVENTED: Final = (("Crystal", "Phantom", "Paper", "Borrowed"), ("Whale", "Lantern", "Orchard"))
_TAGS: Final = re.compile(r"<(?P<tag>page|document|text|content|data)\b[^>]*>(?P<text>.*)</(?P=tag)>", re.DOTALL)
_ORDER: Final = re.compile(r"(?:ignore|disregard) (?:all |any )*(?:previous|prior|above) instructions", re.IGNORECASE)
_ORDERED: Final = re.compile(r"[Aa]dd the place ([A-Z][\w' ]+?) at ([^.]+?) (?:with|to|\.)")


@dataclass(frozen=True)
class _Found:
    """What the model makes out, in all the words that a schema can ask for."""

    name: str
    local: str | None
    category: str | None
    street: str | None
    at: Point | None
    evidence: str
    line: int

    @classmethod
    def of(cls, item: Read) -> _Found:
        return cls(item.name, item.local, item.category, item.street, item.at, item.evidence, item.line)


class Bedrock:
    """Answers ``/model/{modelId}/converse``.

    Args:
        seed: Of what it invents.
    """

    def __init__(self, seed: str) -> None:
        self._seed = seed

    def answer(self, request: Request, faults: list[Any]) -> Reply:
        """The answer to a conversation.

        Raises:
            Refused: By 400 (``ValidationException``) what Bedrock would not take, by 404 an unknown path.
        """
        if not re.fullmatch(r"/model/.+/converse", request.path) or request.method != "POST":
            raise _refused("UnknownOperationException", "Unknown operation", 404)
        try:
            asked = request.json()
        except ValueError:
            raise _refused("ValidationException", "The request is not JSON.") from None
        try:
            text = _last_text(asked)
            schema, tool = _schema(asked)
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise _refused("ValidationException", f"The request is malformed: {error}") from error
        limit = int((asked.get("inferenceConfig") or {}).get("maxTokens") or _DEFAULT_TOKENS)
        if talk := find(faults, Talk):
            return _reply(asked, [{"text": talk.words}], "end_turn", _tokens(talk.words))
        if schema is None:
            return _reply(asked, [{"text": "OK"}], "end_turn", 1)
        found = [_Found.of(item) for item in read(_fenced(text))][:_MOST]
        found = [*found, *self._invented(text, find(faults, Invent)), *_obeyed(text, find(faults, Obey))]
        document = _filled(schema, found)
        written = json.dumps(document, ensure_ascii=False)
        stop = find(faults, Stop)
        most = min(limit, stop.tokens if stop else limit)
        complete = _tokens(written) <= most
        cut = stop.reason if stop else "max_tokens"
        if tool is None:
            text, reason = (written, "end_turn") if complete else (written[: most * _CHARACTERS_PER_TOKEN], cut)
            return _reply(asked, [{"text": text}], reason, min(most, _tokens(written)))
        given = document if complete else _shortened(schema, found, most)
        used = {"toolUse": {"toolUseId": f"tooluse_{_digest(written)}", "name": tool, "input": given}}
        return _reply(asked, [used], "tool_use" if complete else cut, min(most, _tokens(written)))

    def _invented(self, text: str, fault: Invent | None) -> list[_Found]:
        if fault is None:
            return []
        stream = Stream(self._seed, "invented", _digest(text))
        made = []
        for number in range(fault.entities):
            first, second = stream.pick(_INVENTED[0]), stream.pick(_INVENTED[1])
            name = f"The {first} {second} {number + 1}"
            made.append(
                _Found(name, None, "museum", "1 Nowhere Street", None, f"{name} is a favourite of the locals.", 0)
            )
        return made


def _refused(kind: str, message: str, status: int = 400) -> Refused:
    return Refused(json_reply({"message": message}, status, x_amzn_ErrorType=kind))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:22]


def _tokens(text: str) -> int:
    return 1 + len(text) // _CHARACTERS_PER_TOKEN


def _last_text(asked: Mapping[str, Any]) -> str:
    """All text of the last message, which has to be the user's."""
    messages = asked["messages"]
    last = messages[-1]
    if last["role"] != "user":
        raise ValueError("a conversation ends with a user message")
    return "\n".join(block["text"] for block in last["content"] if "text" in block)


def _schema(asked: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
    """The JSON schema of the answer, and the name of the tool that takes it, if it is one."""
    config = asked.get("toolConfig")
    if config:
        tools = {
            tool["toolSpec"]["name"]: tool["toolSpec"]["inputSchema"]["json"]
            for tool in config["tools"]
            if "toolSpec" in tool
        }
        chosen = (config.get("toolChoice") or {}).get("tool", {}).get("name") or next(iter(tools))
        return tools[chosen], chosen
    wanted = (asked.get("outputConfig") or {}).get("textFormat")
    if wanted:
        schema = json.loads(wanted["structure"]["jsonSchema"]["schema"])
        if not isinstance(schema, dict):
            raise ValueError("the schema is no object")
        return schema, None
    return None, None


def _fenced(text: str) -> str:
    """What stands between the fences: two short lines with the same mark, a pair of tags, or a block of code."""
    lines = text.split("\n")
    seen: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        if len(line) <= _LONGEST_FENCE:
            for mark in {mark for mark in _MARK.findall(line) if len(mark) >= _LEAST_MARK}:
                seen.setdefault(mark, []).append(number)
    # The last two lines of a mark: a prompt may have told the mark before. What encloses most is the fence.
    pairs = [(places[-1] - places[-2], places[-2]) for places in seen.values() if len(places) >= 2]
    width, start = max(pairs, default=(0, 0))
    if width > 2:
        return "\n".join(lines[start + 1 : start + width])
    if tagged := _TAGS.search(text):
        return tagged["text"]
    if text.count("```") >= 2:
        return text.partition("```")[2].rpartition("```")[0]
    return text


def _obeyed(text: str, fault: Obey | None) -> list[_Found]:
    """What a page orders."""
    if fault is None or not _ORDER.search(text):
        return []
    ordered = _ORDERED.search(text)
    name, street = (ordered[1], ordered[2]) if ordered else (hostile.INJECTED, "1 Fraud Street")
    line = next((line for line in text.split("\n") if name in line), "")
    evidence = line[:160] if fault.quoting else f"{name} is the best place in town."
    return [_Found(name, None, "attraction", street, None, evidence, 0)]


def _filled(schema: Mapping[str, Any], found: Sequence[_Found]) -> dict[str, Any]:
    """An object of a schema, its one list of objects filled with what was found."""
    definitions = schema.get("$defs") or schema.get("definitions") or {}
    document: dict[str, Any] = {}
    for name, part in (schema.get("properties") or {}).items():
        shape = _resolved(part, definitions)
        if shape.get("type") == "array" and _resolved(shape.get("items") or {}, definitions).get("properties"):
            item = _resolved(shape["items"], definitions)
            document[name] = [_object(item, thing, definitions) for thing in found]
        else:
            document[name] = _empty(shape)
    return document


def _resolved(part: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """A part of a schema, without references and without the choice of null."""
    if "$ref" in part:
        return _resolved(definitions[part["$ref"].rpartition("/")[2]], definitions)
    for choice in (*part.get("anyOf", ()), *part.get("oneOf", ())):
        if choice.get("type") != "null":
            return _resolved(choice, definitions)
    return part


def _object(schema: Mapping[str, Any], thing: _Found, definitions: Mapping[str, Any]) -> dict[str, Any]:
    required = schema.get("required", ())
    document = {}
    for name, part in schema["properties"].items():
        shape = _resolved(part, definitions)
        value = _value(name, shape, thing, definitions)
        if value is not None:
            document[name] = value
        elif name in required:
            document[name] = None if _takes_null(part) else _empty(shape)
    return document


def _value(name: str, shape: Mapping[str, Any], thing: _Found, definitions: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """What the model has to say to a field."""
    key = re.sub(r"[^a-z]", "", name.casefold())
    if shape.get("type") == "object" and shape.get("properties"):
        inner = {
            part: _value(part, _resolved(sub, definitions), thing, definitions)
            for part, sub in shape["properties"].items()
        }
        return {part: value for part, value in inner.items() if value is not None} or None
    if shape.get("type") == "array":
        return [thing.local] if "name" in key and thing.local else []
    if "category" in key or key in ("type", "kind"):
        return _category(shape, thing.category)
    return next((say(thing) for pattern, say in _WORDS if re.search(pattern, key)), None)


# By the name of a field, without all that is no letter; the first that fits counts.
_WORDS: Final[Sequence[tuple[str, Callable[[_Found], Any]]]] = (
    (r"local|alternate|^altname$|^nativename$", lambda thing: thing.local),
    (r"^lat(itude)?$", lambda thing: thing.at.lat if thing.at else None),
    (r"^(lng|lon|long|longitude)$", lambda thing: thing.at.lng if thing.at else None),
    (r"evidence|quote", lambda thing: thing.evidence),
    (r"^line", lambda thing: thing.line),
    (r"house", lambda _: None),
    (r"address|street", lambda thing: thing.street),
    (r"confidence", lambda _: 0.9),
    (r"^(name|title|placename|nameaswritten|entity|place)$", lambda thing: thing.name),
)


def _category(shape: Mapping[str, Any], said: str | None) -> str | None:
    """A category, one of the schema's if it names them."""
    allowed = [value for value in shape.get("enum", ()) if isinstance(value, str)]
    if not allowed:
        return said
    wanted = (said or "").replace(" ", "_")
    return (
        wanted
        if wanted in allowed
        else next((value for value in ("other", "attraction") if value in allowed), allowed[0])
    )


def _takes_null(part: Mapping[str, Any]) -> bool:
    kinds = part.get("type")
    return (isinstance(kinds, list) and "null" in kinds) or any(
        choice.get("type") == "null" for choice in part.get("anyOf", ())
    )


def _empty(shape: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    kind = shape.get("type")
    kind = next((one for one in kind if one != "null"), "null") if isinstance(kind, list) else kind
    if shape.get("enum"):
        return shape["enum"][0]
    return {"string": "", "array": [], "object": {}, "number": 0, "integer": 0, "boolean": False}.get(str(kind))


def _shortened(schema: Mapping[str, Any], found: Sequence[_Found], most: int) -> dict[str, Any]:
    """What a tool's input holds if the model stops in the middle: what was complete until then."""
    kept = list(found)
    while kept and _tokens(json.dumps(_filled(schema, kept), ensure_ascii=False)) > most:
        kept.pop()
    return _filled(schema, kept)


def _reply(asked: Mapping[str, Any], content: list[dict[str, Any]], reason: str, tokens: int) -> Reply:
    told = json.dumps([asked.get("system"), asked["messages"], asked.get("toolConfig")], ensure_ascii=False)
    used = _tokens(told)
    return json_reply(
        {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": reason,
            "usage": {"inputTokens": used, "outputTokens": tokens, "totalTokens": used + tokens},
            "metrics": {"latencyMs": 350 + 10 * tokens},
        }
    )
