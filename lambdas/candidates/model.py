"""A candidate: a customer who might be asked to review what was ordered, as one stage hands it to the next."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from lambdas.contracts.base import Contract, Share
from lambdas.runtime.documents import sha256, to_json


def instant(text: str) -> str:
    """A moment in its one form: in UTC, to the millisecond, so that the order of texts is the order of time.

    Args:
        text: A date, or a date and a time, in ISO 8601. Without a time it is the day's first moment, without a zone it
            is in UTC.

    Raises:
        ValueError: It is not one, or lies in UTC outside of the years 1 to 9999.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("it is not a date in ISO 8601") from error
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def last_instant(text: str) -> str:
    """The same as ``instant``, but a date without a time is the day's last moment."""
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return instant(text)
    return f"{day.isoformat()}T23:59:59.999Z"


def moment_of(text: str) -> datetime:
    """An ``instant`` to reckon with."""
    return datetime.fromisoformat(text)


Instant = Annotated[str, AfterValidator(instant)]
LastInstant = Annotated[str, AfterValidator(last_instant)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
# What identities are joined with, `|` and `#`, stands in none of their parts: two identities never look alike.
Name = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True, pattern=r"^[^|#]+$")]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=256, strip_whitespace=True, pattern=r"^[^|]+$")]
CandidateId = Annotated[str, StringConstraints(pattern=r"^[a-f0-9]{32}$")]


class Record(Contract):
    """A model in camelCase that keeps the fields it does not know; ``null`` says the same as no field."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow")

    @classmethod
    def parse(cls, document: object) -> Self:
        """Validate what ``json.loads`` returned.

        Raises:
            ValueError: As ``Contract.parse``; also for a document that is nested too deeply.
        """
        try:
            return super().parse(_without_nulls(document))
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error

    def document(self) -> dict[str, Any]:
        """This record as JSON would hold it, without the fields that are not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Period(Record):
    """A span of time, its ends included: an end without a time is the end of its day."""

    start: Instant
    end: LastInstant

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start > self.end:
            raise ValueError("it ends before it starts")
        return self

    def holds(self, moment: str) -> bool:
        """Whether an ``instant`` lies inside."""
        return self.start <= moment <= self.end


class Channels(Record):
    """By which ways the customer may be asked."""

    email: bool = False
    push: bool = False
    sms: bool = False


class Attributes(Record):
    """What is known of the customer and the order; ``None`` means not known."""

    trust_score: Share | None = None
    fraud_suspected: bool | None = None
    quality_score: Share | None = None
    confidence: Share | None = None
    has_media: bool | None = None
    order_value: Amount | None = None
    delivery_date: Instant | None = None


class Features(Record):
    """What only all candidates together tell (``glue_scripts/heavy_etl.py``); absent in a pipeline without that stage.

    Attributes:
        customer_event_count: How many events the customer has.
        subject_popularity: The subject's customers as a share of all.
        customer_order_value_mean: What the customer's orders are worth on average.
    """

    customer_event_count: Amount | None = None
    subject_popularity: Share | None = None
    customer_order_value_mean: Amount | None = None


class ScoreDetail(Record):
    """How a score came about.

    Attributes:
        missing: The features that were not there, so that their priors stand in for them.
        contributions: What each of the others added to the score's log-odds.
    """

    missing: tuple[str, ...] = ()
    contributions: dict[str, float] = Field(default_factory=dict)


class Event(Record):
    """What makes a customer a candidate, as a source tells it."""

    customer_id: Identifier
    subject_type: Identifier
    subject_id: Identifier
    event_type: Identifier
    event_date: Instant
    channels: Channels = Channels()
    timing_window: Period | None = None
    attributes: Attributes = Attributes()
    features: Features | None = None
    score: Share | None = None
    score_source: Literal["model", "fallback"] | None = None
    score_detail: ScoreDetail | None = None


class Candidate(Event):
    """An event with its identity; see ``candidate_id``."""

    candidate_id: CandidateId


def candidate_id(program_id: str, marketplace: str, customer_id: str, subject_type: str, subject_id: str) -> str:
    """The identity of a candidate, the same whenever and from wherever it is read."""
    return sha256("|".join((program_id, marketplace, customer_id, subject_type, subject_id)).encode())[:32]


def newest(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Each candidate once, as its latest event has it, in the order of their ids; however they were ordered before."""
    kept: dict[str, Candidate] = {}
    for candidate in candidates:
        known = kept.setdefault(candidate.candidate_id, candidate)
        if known is not candidate:
            kept[candidate.candidate_id] = max(known, candidate, key=_age)
    return [kept[found] for found in sorted(kept)]


def _without_nulls(document: object) -> object:
    if isinstance(document, dict):
        return {name: _without_nulls(value) for name, value in document.items() if value is not None}
    return document


def _age(candidate: Candidate) -> tuple[str, bytes]:
    return candidate.event_date, to_json(candidate.document())
