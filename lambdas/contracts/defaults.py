"""What a stack sets for all of its runs: rates, reserves and polling. The stack's config may change each value."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lambdas.contracts.base import Contract, Share
from lambdas.contracts.connectors import Connector

_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class TokenBucket(Contract):
    """How fast a connector may be called: ``refill`` tokens come back in each period, up to ``capacity``.

    One token is one call; for ``llm.tokens`` one unit of the ``llm`` budget. A bucket without refill is a fixed
    allowance for the run.
    """

    capacity: Annotated[int, Field(ge=1)]
    refill: Annotated[int, Field(ge=0)]
    period_seconds: _Seconds

    @property
    def per_second(self) -> float:
        """Tokens that come back each second; a period of 0 counts as a minute."""
        return self.refill / (self.period_seconds or 60)


def _buckets() -> dict[Connector, TokenBucket]:
    minute = {
        Connector.GOOGLE_TEXT: (1000, 150),
        Connector.GOOGLE_NEARBY: (1500, 150),
        Connector.GOOGLE_DETAILS: (1000, 100),
        Connector.OVERPASS: (800, 80),
        Connector.OTM: (800, 80),
        Connector.WIKI: (800, 80),
        Connector.TAVILY_API: (1000, 100),
        Connector.WEB_FETCH: (3000, 300),
        Connector.DATA_FETCH: (3000, 300),
        Connector.NOMINATIM: (500, 50),
        Connector.OVERTURE: (600, 600),
        Connector.LOCATION: (600, 600),
    }
    buckets = {
        connector: TokenBucket(capacity=capacity, refill=refill, period_seconds=60)
        for connector, (capacity, refill) in minute.items()
    }
    return {**buckets, Connector.LLM_TOKENS: TokenBucket(capacity=200_000, refill=0, period_seconds=0)}


class RunDefaults(Contract):
    """The settings of a stack that its runs keep to.

    Attributes:
        split_ratio: The primaries' share of a budget.
        token_buckets: The rate of each connector; one that is not named keeps its default.
        finalize_reserve_seconds: Kept free at the end of a run's wall clock, though never more than a fifth of it.
        poll_seconds: The first wait between two looks at the frontier; it grows by half while nothing changes.
        max_poll_seconds: The longest wait between two looks.
        ledger_days: How long a run stays in the ledger, and how long the same job is answered with its first run.
    """

    split_ratio: Share = 0.7
    token_buckets: dict[Connector, TokenBucket] = Field(default_factory=_buckets)
    finalize_reserve_seconds: _Seconds = 120
    poll_seconds: Annotated[float, Field(ge=1, le=300)] = 2
    max_poll_seconds: Annotated[float, Field(ge=1, le=300)] = 60
    ledger_days: Annotated[int, Field(ge=1, le=3650)] = 90

    def bucket(self, connector: Connector) -> TokenBucket:
        """The rate of a connector."""
        return self.token_buckets.get(connector) or _buckets()[connector]
