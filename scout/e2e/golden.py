"""The golden inputs, ``examples/input.NAME.json``, and what a run of each has to come to, ``examples/golden.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from lambdas.contracts.base import Contract
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import StoppedBy
from scout.cities import inputs
from scout.cities.inputs import EXAMPLES
from scout.errors import InputRefused, ScoutError
from workflow.city_states import CityState

EXPECTATIONS = "golden.json"


class Expectation(Contract):
    """What a run of a golden input has to come to.

    Attributes:
        stopped_by: Every way in which its search may end.
        places_at_least: How many places it finds, wherever its states get them from.
        idle: The states that may have nothing to do, as when the input kills what they call. After a gate has closed
            any state may.
    """

    stopped_by: Annotated[tuple[StoppedBy, ...], Field(min_length=1)]
    places_at_least: Annotated[int, Field(ge=1)]
    idle: tuple[CityState, ...] = ()


def load(city: str, folder: Path = EXAMPLES) -> tuple[RunInput, Expectation]:
    """A golden input, and what to expect of it.

    Args:
        city: Its name: ``edinburgh`` stands for ``input.edinburgh.json``.
        folder: Where the inputs and ``golden.json`` lie.

    Raises:
        InputRefused: There is no such input, it is wrong, or ``golden.json`` does not say what it has to come to.
    """
    job = inputs.golden(city, folder)
    path = folder / EXPECTATIONS
    try:
        expected = json.loads(path.read_text(encoding="utf-8")).get(city)
    except (OSError, ValueError) as error:
        raise ScoutError(f"{path} cannot be read: {error}") from error
    if expected is None:
        raise InputRefused(f"city {city!r}", [f"{path} does not say what a run of it has to come to; add it there"])
    try:
        return job, Expectation.parse(expected)
    except ValidationError as error:
        raise InputRefused(
            str(path), [f"{city}: {problem['msg']} ({problem['loc']})" for problem in error.errors()]
        ) from error
