"""Input templates of pipes: text with placeholders, made into JSON for each message.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html, and its section
"Implicit body data parsing" (#input-transform-implicit): the body of an SQS message that is JSON is parsed, so that
`{"data": <$.body>}` gives its value and `<$.body.city>` a part of it. A template that is `<$.body>` alone loses the
quotes of the body, and what it gives is not JSON any more, so that the delivery to a state machine fails.
AWS does not say what `{"data": <$.body>}` gives for a body that is not JSON; here it is the text, as a JSON string.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from pydantic import JsonValue

_PLACEHOLDER: Final = re.compile(r"<(\$[^<>]*|aws\.pipes\.[^<>]*)>")
_BODY: Final = "$.body"
_STEP: Final = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]|\['([^']+)'\]")


class TemplateError(Exception):
    """A template that does not give JSON for a message, or asks for something that is not there."""


def render(template: str, record: dict[str, Any], pipe: dict[str, Any]) -> JsonValue:
    """Fill a template in for one message.

    Inside of a JSON string a placeholder gives the text of the value, elsewhere the value itself.

    Args:
        template: The text of `InputTemplate`.
        record: The message, as the pipe delivers it.
        pipe: The pipe; for `<aws.pipes.pipe-arn>` and the like.

    Returns:
        The JSON value.

    Raises:
        TemplateError: The result is not JSON, a path is malformed, or a reserved variable is not known.
    """
    if template.strip() == f"<{_BODY}>" and isinstance(_parsed(record["body"]), dict | list):
        raise TemplateError(f'<{_BODY}> alone loses the quotes of a JSON body, as on AWS: write {{"body": <{_BODY}>}}')
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
        if _inside_string("".join(pieces)):
            pieces.append(_as_text(value))
        else:
            pieces.append(json.dumps(_parsed(record["body"]) if name == _BODY else value))
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
        if path[:position] == _BODY:
            value = _parsed(record["body"])
        position = step.end()
        key = step.group(1) or step.group(3)
        if key is not None:
            value = value.get(key) if isinstance(value, dict) else None
        else:
            index = int(step.group(2))
            value = value[index] if isinstance(value, list) and index < len(value) else None
    return value


def _parsed(body: str) -> JsonValue:
    """Return a body as the value that it is the JSON of, or as it is."""
    try:
        value: JsonValue = json.loads(body, parse_constant=_not_json)
    except ValueError:
        return body
    return value


def _not_json(constant: str) -> NoReturn:
    raise ValueError(constant)


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
