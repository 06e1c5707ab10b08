"""What a person sees of pipelines, and the same for machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from workflow import prices
from workflow.definition import MachineType

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from scout.pipelines.failures import Failure
    from scout.pipelines.following import Sent, StageDone
    from scout.pipelines.messages import Pipeline
    from scout.pipelines.migration import Verification
    from scout.pipelines.replaying import Failed
    from workflow.pipeline_costs import Comparison, Offer, Volume

_MATRIX = (
    ("Longest execution", "5 minutes", "a year"),
    ("Stages", "Lambda", "Lambda and Glue"),
    ("Started by its pipe", "synchronously (REQUEST_RESPONSE)", "without waiting (FIRE_AND_FORGET)"),
    ("Messages an execution", "1 to 10, each by itself", "1"),
    ("A message that fails", "returns to the queue, then the DLQ", "is reported to the failure queue"),
    ("History", "its logs alone", "90 days after its end"),
    ("Billed by", "requests, and GB-seconds", "state transitions"),
)


class SendView:
    """Follows one message: each stage's output as it comes, then where it all lies."""

    def __init__(self, console: Console, bucket: str) -> None:
        self._console = console
        self._bucket = bucket

    def sent(self, pipeline: Pipeline, message_id: str) -> None:
        """The queue has it."""
        kind = "Express" if pipeline.express else "Standard"
        kind += f", {pipeline.migration_mode}" if pipeline.migration_mode != "S3" else ""
        self._console.print(f"\n[bold]Message {message_id}[/bold] for {pipeline.name} ({kind})", soft_wrap=True)

    def stage_done(self, stage: StageDone) -> None:
        """A stage has put out."""
        line = (
            f"  {stage.seconds:6.1f} s  [cyan]{stage.stage:<20}[/cyan] {stage.records:>7,} records {stage.size:>11,} B"
        )
        self._console.print(line, soft_wrap=True)

    def stage_failed(self, failure: Failure, seconds: float) -> None:
        """A stage has failed."""
        said = escape(f"{failure.error}: {failure.text}")
        line = f"  {seconds:6.1f} s  [cyan]{failure.stage or 'a stage':<20}[/cyan] [red]failed[/red] {said}"
        self._console.print(line, soft_wrap=True)

    def result(self, sent: Sent) -> None:
        """It came through."""
        self._console.print(f"Verified: {len(sent.stages)} outputs match their digests.")
        if sent.stages:
            self._console.print(f"Output: s3://{self._bucket}/{sent.stages[-1].key}", soft_wrap=True)


def document(sent: Sent) -> dict[str, Any]:
    """A message that came through."""
    return {
        "pipeline": sent.pipeline.name,
        "message_id": sent.message_id,
        "execution_id": sent.execution_id,
        "stages": [asdict(stage) for stage in sent.stages],
        "data": sent.data,
    }


def failures_table(failures: Sequence[Failed], stages: Sequence[str | None]) -> RenderableType:
    """Executions that ended badly, and the stage at which each did."""
    table = Table("Execution", "Stage", "Status", "Error", "Cause", box=box.SIMPLE_HEAD, pad_edge=False)
    # A name that is cut off could not be given to --execution.
    table.columns[0].overflow = "fold"
    for failed, stage in zip(failures, stages, strict=True):
        table.add_row(failed.name, stage or "", failed.status, failed.error or "", (failed.cause or "")[:200])
    return table


def comparison_table(name: str, comparison: Comparison, volume: Volume) -> RenderableType:
    """The decision matrix for a pipeline, and what both types cost a month."""
    chosen = comparison.chosen
    titles = {
        MachineType.EXPRESS: "Express" + (" (chosen)" if chosen is MachineType.EXPRESS else ""),
        MachineType.STANDARD: "Standard" + (" (chosen)" if chosen is MachineType.STANDARD else ""),
    }
    matrix = Table("", *titles.values(), box=box.SIMPLE_HEAD, pad_edge=False)
    for row in _MATRIX:
        matrix.add_row(*row)
    offers = (comparison.express, comparison.standard)
    matrix.add_row("This pipeline", *("fits" if offer.refusal is None else "does not fit" for offer in offers))
    for item in comparison.express.orchestration:
        matrix.add_row(item.what, f"{item.units:,.0f} {item.price.unit}, {_usd(item.usd)}", "")
    for item in comparison.standard.orchestration:
        matrix.add_row(item.what, "", f"{item.units:,.0f}, {_usd(item.usd)}")
    costs = (_usd(offer.usd) if offer.orchestration else "-" for offer in offers)
    matrix.add_row("Step Functions a month", *costs, style="bold")
    common = Table("With either a month", "Amount", "USD", box=box.SIMPLE_HEAD, pad_edge=False)
    common.columns[1].justify = common.columns[2].justify = "right"
    for item in comparison.common:
        common.add_row(item.what, f"{item.units:,.0f} {item.price.unit}", f"{item.usd:,.2f}")
    basis = (
        f"{volume.messages:,} messages a month; list prices of {prices.REGION}, {prices.AS_OF}, without free tiers; "
        "an estimate, without retries."
    )
    lines = [
        f"{name}: {chosen.value}, since {'; '.join(comparison.reasons)}.",
        *(f"Not {offer.machine_type.value}: {offer.refusal}" for offer in offers if offer.refusal),
        basis,
    ]
    return Group(matrix, common, *lines)


def comparison_document(name: str, comparison: Comparison) -> dict[str, Any]:
    """The same for machines."""

    def offer(of: Offer) -> dict[str, Any]:
        return {"fits": of.refusal is None, "refusal": of.refusal, "usd": of.usd, "items": _items(of.orchestration)}

    return {
        "pipeline": name,
        "chosen": comparison.chosen.value,
        "reasons": list(comparison.reasons),
        "express": offer(comparison.express),
        "standard": offer(comparison.standard),
        "common": {"usd": prices.total(comparison.common), "items": _items(comparison.common)},
        "prices": {"region": prices.REGION, "as_of": prices.AS_OF.isoformat()},
    }


def verification_table(found: Verification) -> RenderableType:
    """A migration, verified."""
    inputs = Table("Input", "Old", "New", "Output", box=box.SIMPLE_HEAD, pad_edge=False)
    for item in found.inputs:
        same = "equal" if not item.differences else "\n".join(item.differences)
        inputs.add_row(item.name, f"{item.old.seconds:.2f} s", f"{item.new.seconds:.2f} s", same)
    checks = Table("Point", "", "Old", "New", box=box.SIMPLE_HEAD, pad_edge=False)
    for check in found.checks:
        passed = "[green]passed[/green]" if check.passed else "[red]failed[/red]"
        checks.add_row(check.name, passed, check.old, check.new)
    return Group(inputs, checks)


def verification_document(found: Verification) -> dict[str, Any]:
    """The same for machines."""
    return {"passed": found.passed, **asdict(found)}


def _items(items: Sequence[prices.Item]) -> list[dict[str, Any]]:
    return [{"what": item.what, "units": item.units, "unit": item.price.unit, "usd": item.usd} for item in items]


def _usd(amount: float) -> str:
    return f"{amount:,.2f} USD"
