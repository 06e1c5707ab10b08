"""The score: how likely it is that asking is worth it, as a logistic regression that can be checked by hand.

``score = 1 / (1 + exp(-sum(weight * (value - prior))))``, over features that are normalised to 0 … 1. A feature that
is not known has the value of its prior, and so adds nothing. A candidate of whom nothing is known has 0.5; with
everything known a score lies between 0.05 and 0.98.

The weights are judgement, not training: there is no data of what became of requests to train on. What is said of the
customer and the order itself weighs most; how old and how dear it is, least.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from lambdas.candidates.model import Candidate, Features, Period, ScoreDetail, moment_of

_DAY_SECONDS = 86_400
# Above these values a feature is as good as it gets.
_HIGH_ORDER_VALUE = 1000.0
_MANY_EVENTS = 50.0
# After so many days an event counts half.
_HALF_LIFE_DAYS = 14.0
# The same inputs are to give the same text on every machine, whatever the last bits of its exponential function.
_DIGITS = 6


@dataclass(frozen=True)
class Facts:
    """What a candidate is scored by.

    Attributes:
        candidate: The candidate.
        period: The date range, whose end recency is counted from; ``None`` if it was not handed over.
    """

    candidate: Candidate
    period: Period | None


@dataclass(frozen=True)
class Feature:
    """One summand of the model.

    Attributes:
        name: As it stands in ``scoreDetail``.
        weight: What a value of 1 adds to the log-odds over one of 0.
        prior: The value that stands in for one that is not known.
        value: The value, 0 to 1, or ``None`` if it is not known.
    """

    name: str
    weight: float
    prior: float
    value: Callable[[Facts], float | None]


def _up_to(limit: float, amount: float | None) -> float | None:
    """An amount without an upper bound on a scale from 0 to 1, on which the first few units count most."""
    return None if amount is None else min(1.0, math.log1p(amount) / math.log1p(limit))


def _recency(facts: Facts) -> float | None:
    if facts.period is None:
        return None
    age = (moment_of(facts.period.end) - moment_of(facts.candidate.event_date)).total_seconds() / _DAY_SECONDS
    return float(0.5 ** (max(0.0, age) / _HALF_LIFE_DAYS))


def _media(facts: Facts) -> float | None:
    has_media = facts.candidate.attributes.has_media
    return None if has_media is None else float(has_media)


def _features(facts: Facts) -> Features:
    return facts.candidate.features or Features()


MODEL = (
    Feature("trust", 1.2, 0.5, lambda facts: facts.candidate.attributes.trust_score),
    Feature("quality", 1.0, 0.5, lambda facts: facts.candidate.attributes.quality_score),
    Feature("confidence", 1.2, 0.5, lambda facts: facts.candidate.attributes.confidence),
    # An order of 30.
    Feature("orderValue", 0.5, 0.5, lambda facts: _up_to(_HIGH_ORDER_VALUE, facts.candidate.attributes.order_value)),
    Feature("recency", 0.5, 0.5, _recency),
    # Most orders have none.
    Feature("media", 0.6, 0.3, _media),
    # A customer with two events.
    Feature("customerEventCount", 0.8, 0.3, lambda facts: _up_to(_MANY_EVENTS, _features(facts).customer_event_count)),
    # Few subjects are known to more than some of the customers.
    Feature("subjectPopularity", 0.6, 0.1, lambda facts: _features(facts).subject_popularity),
    Feature(
        "customerOrderValueMean",
        0.4,
        0.5,
        lambda facts: _up_to(_HIGH_ORDER_VALUE, _features(facts).customer_order_value_mean),
    ),
)
TOTAL_WEIGHT = sum(feature.weight for feature in MODEL)


@dataclass(frozen=True)
class Scored:
    """A score by the model, and whether enough is known for it to mean something."""

    score: float
    detail: ScoreDetail
    missing_weight: float

    @property
    def is_guess(self) -> bool:
        """Whether more than half of the weight is missing."""
        return self.missing_weight > TOTAL_WEIGHT / 2


def scored(facts: Facts) -> Scored:
    """Score a candidate by the model."""
    values = [(feature, feature.value(facts)) for feature in MODEL]
    known = {feature.name: feature.weight * (value - feature.prior) for feature, value in values if value is not None}
    missing = [feature for feature, value in values if value is None]
    score = 1 / (1 + math.exp(-sum(known.values())))
    detail = ScoreDetail(
        missing=tuple(feature.name for feature in missing),
        contributions={name: round(amount, _DIGITS) for name, amount in known.items()},
    )
    return Scored(round(score, _DIGITS), detail, sum(feature.weight for feature in missing))
