"""List prices of AWS, in one dated table, without free tiers.

Region us-east-1; another region differs by a few per cent. Where a price falls with volume, the tiers are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

AS_OF = date(2026, 11, 21)
REGION = "us-east-1"

_MILLION = 1_000_000


@dataclass(frozen=True)
class Price:
    """What one unit costs.

    Attributes:
        unit: What is counted, in the plural.
        tiers: From how many units on in a month, and what each then costs in USD; ascending, the first from 0.
        source: Where AWS says so.
    """

    unit: str
    tiers: tuple[tuple[float, float], ...]
    source: str

    def of(self, units: float) -> float:
        """What so many units of a month cost, in USD."""
        ends = [start for start, _ in self.tiers[1:]] + [float("inf")]
        return sum(
            (min(units, end) - start) * usd for (start, usd), end in zip(self.tiers, ends, strict=True) if units > start
        )


def _flat(unit: str, usd: float, source: str) -> Price:
    return Price(unit, ((0, usd),), f"https://aws.amazon.com/{source}/pricing/")


STANDARD_TRANSITIONS = _flat("state transitions", 25 / _MILLION, "step-functions")
EXPRESS_REQUESTS = _flat("requests", 1 / _MILLION, "step-functions")
# The first thousand GB-hours, the next four thousand, and all others.
EXPRESS_DURATION = Price(
    "GB-seconds",
    ((0, 0.00001667), (3_600_000, 0.00000833), (18_000_000, 0.00000456)),
    "https://aws.amazon.com/step-functions/pricing/",
)
LAMBDA_REQUESTS = _flat("invocations", 0.20 / _MILLION, "lambda")
LAMBDA_DURATION = {
    "arm64": _flat("GB-seconds", 0.0000133334, "lambda"),
    "x86_64": _flat("GB-seconds", 0.0000166667, "lambda"),
}
GLUE_DPU_HOURS = _flat("DPU-hours", 0.44, "glue")
PIPE_REQUESTS = _flat("requests of 64 KB", 0.40 / _MILLION, "eventbridge")
SQS_REQUESTS = _flat("requests of 64 KB", 0.40 / _MILLION, "sqs")
S3_WRITES = _flat("PUT requests", 5 / _MILLION, "s3")
S3_READS = _flat("GET requests", 0.4 / _MILLION, "s3")
# The first 50 TB of a month, the next 450 TB, and all others.
S3_STORAGE = Price("GB-months", ((0, 0.023), (51_200, 0.022), (512_000, 0.021)), "https://aws.amazon.com/s3/pricing/")
DYNAMODB_WRITES = _flat("write request units", 0.625 / _MILLION, "dynamodb")
DYNAMODB_READS = _flat("read request units", 0.125 / _MILLION, "dynamodb")
# What Lambda functions log, up to 10 TB a month.
LOG_INGESTION = _flat("GB of log lines", 0.50, "cloudwatch")
# Which model a stack calls is for its configuration to say. This is Amazon Nova Lite with four tokens read for each one
# written; --llm-price takes that of another.
LLM_MODEL = "Amazon Nova Lite, 4 tokens in for 1 out"
LLM_TOKENS = _flat("1,000 model tokens", 0.8 * 0.00006 + 0.2 * 0.00024, "bedrock")

GLUE_DPUS = {"G.025X": 0.25, "G.1X": 1, "G.2X": 2, "G.4X": 4, "G.8X": 8, "G.12X": 12, "G.16X": 16, "Standard": 1}
"""How many DPUs a worker is, by its type (https://docs.aws.amazon.com/glue/latest/dg/add-job.html)."""
# A Glue run is billed by the second, at least a minute (https://aws.amazon.com/glue/pricing/).
GLUE_LEAST_SECONDS = 60
# Express is billed in steps of 100 ms and of 64 MB; an execution's memory is 50 MB, its definition and its data.
EXPRESS_STEP_SECONDS = 0.1
EXPRESS_STEP_MB = 64
EXPRESS_BASE_MB = 50


class Basis(StrEnum):
    """How an amount is known.

    ``counted``: it is what AWS counts. ``measured``: read from a log or a list, and near to what AWS counts.
    ``estimated``: worked out from other amounts, by a rule that the line names.
    """

    COUNTED = "counted"
    MEASURED = "measured"
    ESTIMATED = "estimated"


@dataclass(frozen=True)
class Item:
    """One line of a bill.

    Attributes:
        what: What is used.
        units: How much of it.
        price: What a unit costs.
        basis: How the amount is known.
        note: From what, in words.
    """

    what: str
    units: float
    price: Price
    basis: Basis = Basis.ESTIMATED
    note: str = ""

    @property
    def usd(self) -> float:
        """What it costs."""
        return self.price.of(self.units)

    @property
    def unit_usd(self) -> float:
        """What a unit costs at this amount: the mean, where the price falls with volume."""
        return self.usd / self.units if self.units else self.price.tiers[0][1]


def total(items: Sequence[Item]) -> float:
    """What all of it costs, in USD."""
    return sum(item.usd for item in items)
