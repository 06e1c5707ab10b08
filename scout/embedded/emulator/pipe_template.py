"""Input templates of pipes: text with placeholders, made into JSON for each message.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import JsonValue

_PLACEHOLDER: Final = re.compile(r"<(\$[^<>]*|aws\.pipes\.[^<>]*)>")
_STEP: Final = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]|\['([^']+)'\]")


class TemplateError(Exception):
    """A template that does not give JSON for a message, or asks for something that is not there."""


def render(template: str, record: dict[str, Any], pipe: dict[str, Any]) -> JsonValue:
    """Fill a template in for one message.

    Inside of a JSON string a placeholder gives the text of the value, elsewhere the value itself. A `body` that is
    JSON is looked into by longer paths (`<$.body.city>`).

    Args:
        template: The text of `InputTemplate`.
        record: The message, as the pipe delivers it.
        pipe: The pipe; for `<aws.pipes.pipe-arn>` and the like.

    Returns:
        The JSON value.

    Raises:
        TemplateError: The result is not JSON, a path is malformed, or a reserved variable is not known.
    """
    reserved = {
        "aws.pipes.pipe-arn": pipe["Arn"],
        "aws.pipes.pipe-name": pipe["Name"],
        "aws.pipes.source-arn": pipe["Source"],
        "aws.pipes.target-arn": pipe["Target"],
        "aws.pipes.event.ingestion-time": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    pieces: list[str] = []
    position = 0
    for match in _PLACEHOLDER.finditer(template):
        pieces.append(template[position : match.start()])
        position = match.end()
        name = match.group(1)
        if name.startswith("aws."):
            if name not in reserved:
                raise TemplateError(f"unknown variable <{name}>; there are {', '.join(sorted(reserved))}")
            value: JsonValue = reserved[name]
        else:
            value = _look_up(name, record)
        pieces.append(_as_text(value) if _inside_string("".join(pieces)) else json.dumps(value))
    pieces.append(template[position:])
    filled = "".join(pieces)
    try:
        result: JsonValue = json.loads(filled)
    except ValueError as error:
        raise TemplateError(f"the filled-in template is not JSON ({error}): {filled[:200]}") from error
    return result


def _look_up(path: str, record: dict[str, Any]) -> JsonValue:
    """Return the value at a path; None, as AWS does, if there is none."""
    value: JsonValue = record
    position = 1
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise TemplateError(f"malformed path <{path}>")
        position = step.end()
        if isinstance(value, str):
            value = _parsed(value)
        key = step.group(1) or step.group(3)
        if key is not None:
            value = value.get(key) if isinstance(value, dict) else None
        else:
            index = int(step.group(2))
            value = value[index] if isinstance(value, list) and index < len(value) else None
    return value


def _parsed(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return None
    return value


def _as_text(value: JsonValue) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return json.dumps(text)[1:-1]


def _inside_string(before: str) -> bool:
    inside = False
    escaped = False
    for character in before:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            inside = not inside
    return inside
