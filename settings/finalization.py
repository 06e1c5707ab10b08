"""How a stack wants its places merged, kept, ranked and judged by the real states of finalization.

Only what a stack says is handed to the functions, as ``FINALIZATION``; what it does not say is what
``lambdas/contracts/finalization.py`` takes.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from settings.connectors import SecretName
from settings.section import Section, Share

Weight = Annotated[float, Field(ge=0, le=100)]
WorkerType = Literal["G.1X", "G.2X", "G.4X", "G.8X"]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]


class Postgres(Section):
    """A PostgreSQL database that takes the places, too; Persist makes its four tables where they are missing."""

    secret: SecretName = Field(
        description="Name of the secret in Secrets Manager with postgresql://user:password@host:port/database, or with"
        " the JSON that RDS keeps"
    )
    table_schema: Identifier | None = Field(None, description="The schema of the tables; public by default")
    batch: Annotated[int, Field(ge=1, le=20_000)] | None = Field(None, description="Places in one transaction")
    tls: bool | None = Field(None, description="Encrypt the connection and verify the server; true by default")
    timeout_seconds: Annotated[int, Field(ge=1, le=120)] | None = Field(None, description="Of the connection's answers")


class Persist(Section):
    """In which forms places are kept beside JSON lines."""

    geojson: bool | None = Field(None, description="Also as GeoJSON; true by default")
    parquet: bool | None = Field(None, description="Also as GeoParquet; true by default")
    postgres: Postgres | None = Field(None, description="Also in a database; none by default")


class RankWeights(Section):
    """How much each factor of a primary's score counts. They need not sum up to anything."""

    popularity: Weight | None = None
    authority: Weight | None = None
    geo_centrality: Weight | None = None
    novelty: Weight | None = None
    graph_context: Weight | None = None


class Rank(Section):
    """How places are ranked."""

    weights: RankWeights = RankWeights()
    max_primaries: Annotated[int, Field(ge=0, le=5_000)] | None = Field(
        None, description="How many sights become primaries at most; 200 by default"
    )
    relevance: Share | None = Field(None, description="1 ranks by score alone, 0 by variety alone; 0.7 by default")


class Quality(Section):
    """What a good result has. A bar that is missed stands in the manifest; it makes no run fail."""

    min_places: Annotated[int, Field(ge=0)] | None = None
    max_duplicate_rate: Share | None = None
    min_within_50m: Share | None = None
    min_addresses: Share | None = None
    min_niche: Share | None = None
    min_secondaries_near: Share | None = None
    min_scored: Share | None = None
    min_covered: Share | None = None


class Dedupe(Section):
    """Where the sightings of a run are made places: in the function of the state, or beyond its memory on Spark."""

    max_lambda_records: Annotated[int, Field(ge=0, le=1_500_000)] = Field(
        1_000_000,
        description="Sightings up to which the function does it; with more, a Glue job. The function's disk holds 1.5"
        " million",
    )
    worker_type: WorkerType = Field("G.2X", description="The size of the job's workers, and of its driver")
    workers: Annotated[int, Field(ge=2, le=100)] = Field(5, description="The job's workers, one of which is the driver")
    timeout_minutes: Annotated[int, Field(ge=5, le=1_440)] = Field(120, description="When Glue ends a run of the job")


class Finalization(Section):
    """The real states of finalization."""

    dedupe: Dedupe = Dedupe()
    persist: Persist = Persist()
    rank: Rank = Rank()
    quality: Quality = Quality()

    def said(self) -> dict[str, Any]:
        """What the stack says itself, for the functions."""
        # Where it is done is for the workflow to know.
        return self.model_dump(exclude_unset=True, exclude_none=True, exclude={"dedupe"})
