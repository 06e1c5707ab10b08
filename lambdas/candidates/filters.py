"""The chain of filters: each looks at one side of a candidate, and the first that rejects it decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from lambdas.candidates.model import Amount, Candidate, moment_of
from lambdas.contracts.base import Contract, Share


class Reason(StrEnum):
    """Why a candidate was rejected."""

    CHANNEL_INELIGIBLE = "CHANNEL_INELIGIBLE"
    TIMING_WINDOW_MISSING = "TIMING_WINDOW_MISSING"
    TRUST_SCORE_MISSING = "TRUST_SCORE_MISSING"
    TRUST_SCORE_LOW = "TRUST_SCORE_LOW"
    FRAUD_DETECTED = "FRAUD_DETECTED"
    QUALITY_SCORE_MISSING = "QUALITY_SCORE_MISSING"
    QUALITY_SCORE_LOW = "QUALITY_SCORE_LOW"
    CONFIDENCE_LOW = "CONFIDENCE_LOW"
    MEDIA_INELIGIBLE = "MEDIA_INELIGIBLE"
    ORDER_VALUE_MISSING = "ORDER_VALUE_MISSING"
    ORDER_VALUE_LOW = "ORDER_VALUE_LOW"
    EVENT_TOO_OLD = "EVENT_TOO_OLD"
    DELIVERY_DATE_MISSING = "DELIVERY_DATE_MISSING"


class Thresholds(Contract):
    """Where the filters draw the line (camelCase in JSON). A value that is exactly at it passes.

    Attributes:
        min_trust_score: The least trust in a customer, 0 to 1. Default 0.5.
        min_quality_score: The least quality of an order, 0 to 1. Default 0.4.
        min_confidence: The least confidence in what is known, 0 to 1. Where none is stated, none is asked for. Default
            0.3.
        media_required: Whether a candidate that says it has no media is rejected; one that does not say is not.
            Default true.
        min_order_value: The least value of an order, in the marketplace's currency. Default 10.
        max_event_age_days: The greatest age of an event, counted back from the end of the date range. Default 30.
    """

    model_config = ConfigDict(alias_generator=to_camel)

    min_trust_score: Share = 0.5
    min_quality_score: Share = 0.4
    min_confidence: Share = 0.3
    media_required: bool = True
    min_order_value: Amount = 10.0
    max_event_age_days: Annotated[int, Field(ge=0, le=36_500)] = 30


@dataclass(frozen=True)
class Case:
    """A candidate before the filters.

    Attributes:
        candidate: The candidate.
        limits: The thresholds.
        end: The end of the date range. Age is counted from it, not from the clock, so that a second attempt, or the
            same message next week, decides the same.
    """

    candidate: Candidate
    limits: Thresholds
    end: str


@dataclass(frozen=True)
class Verdict:
    """Why a filter rejects a candidate."""

    code: Reason
    text: str


@dataclass(frozen=True)
class Filter:
    """One link of the chain.

    Attributes:
        filter_id: Its name.
        order: Its place in the chain.
        judge: Says why it rejects a candidate, or nothing.
    """

    filter_id: str
    order: int
    judge: Callable[[Case], Verdict | None]


def eligibility(case: Case) -> Verdict | None:
    """Whether the customer may be asked at all: by some channel, at some time."""
    channels = case.candidate.channels
    if not (channels.email or channels.push or channels.sms):
        return Verdict(Reason.CHANNEL_INELIGIBLE, "the customer may be asked by no channel")
    if case.candidate.timing_window is None:
        return Verdict(Reason.TIMING_WINDOW_MISSING, "it is not known when to ask")
    return None


def trust(case: Case) -> Verdict | None:
    """Whether the customer can be trusted."""
    known, least = case.candidate.attributes, case.limits.min_trust_score
    if known.trust_score is None:
        return Verdict(Reason.TRUST_SCORE_MISSING, "the customer has no trust score")
    if known.trust_score < least:
        return Verdict(Reason.TRUST_SCORE_LOW, f"the trust score {known.trust_score:g} is below {least:g}")
    if known.fraud_suspected:
        return Verdict(Reason.FRAUD_DETECTED, "fraud is suspected")
    return None


def quality(case: Case) -> Verdict | None:
    """Whether what is known is good enough to expect a useful review."""
    known, limits = case.candidate.attributes, case.limits
    score, least = known.quality_score, limits.min_quality_score
    if score is None:
        return Verdict(Reason.QUALITY_SCORE_MISSING, "there is no quality score")
    if score < least:
        return Verdict(Reason.QUALITY_SCORE_LOW, f"the quality score {score:g} is below {least:g}")
    if known.confidence is not None and known.confidence < limits.min_confidence:
        text = f"the confidence {known.confidence:g} is below {limits.min_confidence:g}"
        return Verdict(Reason.CONFIDENCE_LOW, text)
    if limits.media_required and known.has_media is False:
        return Verdict(Reason.MEDIA_INELIGIBLE, "there is no media")
    return None


def business_rule(case: Case) -> Verdict | None:
    """Whether the order is worth asking about, and still in the customer's mind."""
    known, limits = case.candidate.attributes, case.limits
    value, least = known.order_value, limits.min_order_value
    if value is None:
        return Verdict(Reason.ORDER_VALUE_MISSING, "the order has no value")
    if value < least:
        return Verdict(Reason.ORDER_VALUE_LOW, f"the order's value {value:g} is below {least:g}")
    if moment_of(case.end) - moment_of(case.candidate.event_date) > timedelta(days=limits.max_event_age_days):
        text = f"the event of {case.candidate.event_date} is older than {limits.max_event_age_days} days at {case.end}"
        return Verdict(Reason.EVENT_TOO_OLD, text)
    if known.delivery_date is None:
        return Verdict(Reason.DELIVERY_DATE_MISSING, "it is not known when the order was delivered")
    return None


CHAIN = (
    Filter("eligibility", 0, eligibility),
    Filter("trust", 1, trust),
    Filter("quality", 2, quality),
    Filter("business_rule", 3, business_rule),
)
