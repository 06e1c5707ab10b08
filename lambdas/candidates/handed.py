"""What the stages hand to each other: candidates, and what they all belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import ConfigDict, ValidationError

from lambdas.candidates.model import Candidate, Name, Period, Record
from lambdas.runtime.documents import Json
from lambdas.runtime.errors import InvalidInput

# So many wrong records are described; a message is for people to read.
_DESCRIBED = 5


class Header(Record):
    """What the candidates of one hand-over belong to. A stage asks for what it needs, and only if it has candidates."""

    model_config = ConfigDict(extra="ignore")

    program_id: Name | None = None
    marketplace: Name | None = None
    date_range: Period | None = None

    @classmethod
    def of(cls, data: Json) -> Self:
        """Read it from what the previous stage put out.

        Raises:
            InvalidInput: That is not an object, or a field is wrong.
        """
        if not isinstance(data, dict):
            raise InvalidInput("The input is not a JSON object.")
        names = {field.alias for field in Header.model_fields.values()}
        try:
            return cls.parse({name: value for name, value in data.items() if name in names})
        except ValueError as error:
            raise InvalidInput(f"The input is not valid: {told(error)}.") from error

    def program(self) -> tuple[str, str]:
        """The program and its marketplace.

        Raises:
            InvalidInput: One is not there.
        """
        if self.program_id is None or self.marketplace is None:
            names = {"programId": self.program_id, "marketplace": self.marketplace}
            raise InvalidInput("; ".join(f"{name} is required" for name, value in names.items() if value is None))
        return self.program_id, self.marketplace

    def period(self) -> Period:
        """The span of time that the candidates were looked for in.

        Raises:
            InvalidInput: It is not there.
        """
        if self.date_range is None:
            raise InvalidInput("dateRange is required")
        return self.date_range

    def hand_on(self, candidates: Iterable[Candidate], metrics: Mapping[str, Any], **more: Json) -> Json:
        """What a stage puts out."""
        documents = [candidate.document() for candidate in candidates]
        return {**self.document(), "candidates": documents, "metrics": dict(metrics), **more}


def records_of(data: Json) -> list[Json]:
    """The candidates as they were handed over.

    Raises:
        InvalidInput: There is no list of them.
    """
    if not isinstance(data, dict) or not isinstance(data.get("candidates"), list):
        raise InvalidInput('The input has no list "candidates".')
    return list(data["candidates"])


def candidates_of(data: Json) -> list[Candidate]:
    """The candidates, each of which must be valid: the stage before has made them.

    Raises:
        InvalidInput: There is no list of them, or one is not valid; the message names the first few.
    """
    candidates: list[Candidate] = []
    wrong: list[str] = []
    for index, record in enumerate(records_of(data)):
        try:
            candidates.append(Candidate.parse(record))
        except ValueError as error:
            wrong.append(f"candidates.{index}: {told(error)}")
    if wrong:
        more = f"; and {len(wrong) - _DESCRIBED} more" if len(wrong) > _DESCRIBED else ""
        raise InvalidInput(f"The candidates are not valid: {'; '.join(wrong[:_DESCRIBED])}{more}.")
    return candidates


def told(error: ValueError) -> str:
    """What is wrong with a document, in one line: ``<field> is required`` where one is missing.

    Args:
        error: From ``Contract.parse``.
    """
    if not isinstance(error, ValidationError):
        return str(error)
    told = []
    for problem in error.errors(include_url=False, include_context=False):
        where = ".".join(str(part) for part in problem["loc"]) or "the document"
        missing = problem["type"] == "missing" or problem["input"] == ""
        told.append(f"{where} is required" if missing else f"{where}: {problem['msg'].removeprefix('Value error, ')}")
    return "; ".join(told)
