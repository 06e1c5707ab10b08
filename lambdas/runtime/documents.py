"""JSON documents and their digests, with the standard library alone: functions and Glue jobs share this."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any, NoReturn, TypeAlias

Json: TypeAlias = Any
"""What ``json.loads`` returns."""


def sha256(body: bytes) -> str:
    """The digest by which contents are compared, in hex."""
    return hashlib.sha256(body).hexdigest()


def to_json(document: Json) -> bytes:
    """The one JSON text of a document: sorted keys, no spaces, UTF-8, neither NaN nor infinity.

    Raises:
        ValueError: It holds NaN, infinity or half of a surrogate pair, or refers to itself.
        TypeError: It holds something that JSON does not have, such as a set.
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def from_json(text: str | bytes) -> Json:
    """Read a JSON text as strictly as AWS does.

    Raises:
        ValueError: It is not JSON, holds NaN or infinity, or is nested too deeply to be read.
    """
    try:
        return json.loads(text, parse_constant=_not_json)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def is_test(data: Json) -> bool:
    """Whether ``test`` or ``_test`` is true in an input: a stage is to show that it is reached, and no more."""
    return isinstance(data, dict) and (data.get("test") is True or data.get("_test") is True)


def test_answer(stage: str, data: Json) -> Json:
    """What a stage puts out for an input that is a test; for the next stage it is one again.

    Args:
        stage: The stage.
        data: The input.
    """
    return {
        "stage": stage,
        "status": "success",
        "test": True,
        "input": data,
        "timestamp": time.time_ns() // 1_000_000,
        "message": f"{stage} stage completed in test mode",
    }


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
