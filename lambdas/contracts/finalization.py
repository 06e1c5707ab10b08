"""How a stack wants its places kept, ranked and judged: the settings of real finalization states.

They reach the functions as the environment variable ``FINALIZATION`` (JSON), with what the stack says; the defaults are
here.
"""

from __future__ import annotations

import os
from typing import Annotated, Self

from pydantic import Field, StringConstraints, ValidationError

from lambdas.contracts.base import Contract, Share

VARIABLE = "FINALIZATION"
Weight = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
SecretName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9/_+=.@-]{1,512}$")]


class PostgresSettings(Contract):
    """A database that takes the places, too.

    Attributes:
        secret: Name of the secret in Secrets Manager that holds its connection string,
            ``postgresql://user:password@host:port/database``.
        table_schema: The schema of the tables; it has to be there.
        batch: Places in one transaction.
        tls: Whether the connection is encrypted, and the server's certificate is verified.
        timeout_seconds: How long to wait for the connection and for one answer.
    """

    secret: SecretName
    table_schema: Identifier = "public"
    batch: Annotated[int, Field(ge=1, le=20_000)] = 2_000
    tls: bool = True
    timeout_seconds: Annotated[int, Field(ge=1, le=120)] = 30


class PersistSettings(Contract):
    """In which forms places are kept beside JSON lines."""

    geojson: bool = True
    parquet: bool = True
    postgres: PostgresSettings | None = None


class RankWeights(Contract):
    """How much each factor of a primary's score counts. They need not sum up to anything."""

    popularity: Weight = 0.35
    authority: Weight = 0.30
    geo_centrality: Weight = 0.15
    novelty: Weight = 0.10
    graph_context: Weight = 0.10


class RankSettings(Contract):
    """How places are ranked.

    Attributes:
        weights: Of the factors of a primary's score.
        max_primaries: How many sights become primaries at most.
        relevance: How much a primary's own score counts against its likeness to those ranked before it: 1 ranks by
            score alone, 0 by variety alone.
    """

    weights: RankWeights = RankWeights()
    max_primaries: Annotated[int, Field(ge=0, le=5_000)] = 200
    relevance: Share = 0.7


class QualityBars(Contract):
    """What a good result has; the manifest says how far each bar was met. A bar of 0, or of 1 for duplicates, is none.

    Attributes:
        min_places: Places.
        max_duplicate_rate: Likely duplicates that are left, of all places.
        min_within_50m: Places whose position is believed to be right to 50 m, of all that have one.
        min_addresses: Places with an address, of all places.
        min_niche: Places that no large register lists, of all places.
        min_secondaries_near: Primaries with 15 secondaries or more within 800 m, of all primaries.
        min_scored: Primaries whose popularity and authority are both known, of all primaries.
        min_covered: Cells of 0.7 km² with a place, of all in the disc that was searched.
    """

    min_places: Annotated[int, Field(ge=0)] = 0
    max_duplicate_rate: Share = 0.03
    min_within_50m: Share = 0.98
    min_addresses: Share = 0.95
    min_niche: Share = 0.20
    min_secondaries_near: Share = 0.95
    min_scored: Share = 0.90
    min_covered: Share = 0.95


class FinalizationSettings(Contract):
    """All of them."""

    persist: PersistSettings = PersistSettings()
    rank: RankSettings = RankSettings()
    quality: QualityBars = QualityBars()

    @classmethod
    def of_environment(cls) -> Self:
        """What this function was deployed with.

        Raises:
            ValueError: The variable holds something else.
        """
        text = os.environ.get(VARIABLE, "{}")
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise ValueError(f"the environment variable {VARIABLE} is wrong: {error}") from error
