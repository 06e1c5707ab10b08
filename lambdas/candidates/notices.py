"""What ReactiveStage may notify of: the candidates that were stored, or the one event of an event rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict

from lambdas.candidates.handed import Header, told
from lambdas.candidates.model import CandidateId, Identifier, Instant, Name, Record, candidate_id
from lambdas.contracts.base import Share
from lambdas.runtime.documents import Json
from lambdas.runtime.errors import InvalidInput


class Stored(Record):
    """A candidate as StoreStage names it."""

    model_config = ConfigDict(extra="ignore")

    candidate_id: CandidateId
    customer_id: Identifier
    subject_type: Identifier
    subject_id: Identifier
    score: Share | None = None


class Detail(Record):
    """The ``detail`` of an event."""

    model_config = ConfigDict(extra="ignore")

    customer_id: Identifier
    event_type: Identifier
    subject_type: Identifier
    subject_id: Identifier
    program_id: Name
    marketplace: Name
    event_date: Instant | None = None
    score: Share | None = None
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True)
class Notice:
    """A notification that may be due.

    Attributes:
        candidate_id: Of whom.
        customer_id: The customer, who is not to be asked twice
        subject_id: about the same subject.
        score: The candidate's score, if it has one.
        chosen: Whether an event rule has chosen it, so that it needs no score.
        body: What the notification says.
    """

    candidate_id: str
    customer_id: str
    subject_id: str
    score: float | None
    chosen: bool
    body: Mapping[str, Json]

    @property
    def pair(self) -> tuple[str, str]:
        """Who is asked about what."""
        return self.customer_id, self.subject_id


def notices_of(data: Json) -> list[Notice]:
    """What the input may notify of.

    Args:
        data: The output of StoreStage, or an event with a ``detail``.

    Raises:
        InvalidInput: It is neither, or not valid.
    """
    header = Header.of(data)
    if "stored" in data:
        return _of_stored(header, data["stored"])
    if "detail" in data:
        return [_of_detail(data["detail"])]
    if data.get("candidates") == []:
        return []
    raise InvalidInput("stored or detail is required")


def _of_stored(header: Header, stored: Json) -> list[Notice]:
    if not isinstance(stored, list):
        raise InvalidInput("stored: it is not a list")
    notices = []
    for index, document in enumerate(stored):
        program_id, marketplace = header.program()
        try:
            found = Stored.parse(document)
        except ValueError as error:
            raise InvalidInput(f"stored.{index}: {told(error)}") from error
        body = {**found.document(), "programId": program_id, "marketplace": marketplace}
        notices.append(
            Notice(found.candidate_id, found.customer_id, found.subject_id, found.score, chosen=False, body=body)
        )
    return notices


def _of_detail(detail: Json) -> Notice:
    try:
        event = Detail.parse(detail)
    except ValueError as error:
        raise InvalidInput(f"detail: {told(error)}") from error
    identity = candidate_id(
        event.program_id, event.marketplace, event.customer_id, event.subject_type, event.subject_id
    )
    body = {**event.document(), "candidateId": identity}
    return Notice(identity, event.customer_id, event.subject_id, event.score, chosen=event.score is None, body=body)


@dataclass(frozen=True)
class Due:
    """Notices by what is to be done about them; each is in one of the four lists.

    Attributes:
        due: To be sent.
        repeated: For the same pair as one that is due, and with no higher score.
        below: With a score below the threshold.
        unscored: Of which nobody has said that they are worth it.
    """

    due: Sequence[Notice]
    repeated: Sequence[Notice]
    below: Sequence[Notice]
    unscored: Sequence[Notice]


def sorted_out(notices: Sequence[Notice], threshold: float) -> Due:
    """See which notices are due; the same for every attempt at the same input, in whatever order it is.

    Args:
        notices: All.
        threshold: The least score.
    """
    first: dict[tuple[str, str], Notice] = {}
    due: list[Notice] = []
    repeated: list[Notice] = []
    for notice in sorted(notices, key=lambda notice: (-(notice.score or 0), notice.candidate_id)):
        if notice.chosen or (notice.score is not None and notice.score >= threshold):
            (due if first.setdefault(notice.pair, notice) is notice else repeated).append(notice)
    unscored = [notice for notice in notices if notice.score is None and not notice.chosen]
    below = [notice for notice in notices if notice.score is not None and notice.score < threshold]
    return Due(due, repeated, below, unscored)
