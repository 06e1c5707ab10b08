"""One dead letter, with everything that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lambdas.contracts.connectors import BudgetGroup
from lambdas.runtime.storage import Storage
from scout.errors import ScoutError
from scout.queues.analyzing import Letter, explained, judged
from scout.queues.contents import REPORTS, Kind
from scout.queues.holding import held
from scout.queues.judging import advice

if TYPE_CHECKING:
    from lambdas.runtime.record import RunRecord
    from scout.deployment import Deployment
    from scout.queues.named import DeadLetterQueue


@dataclass(frozen=True)
class Inspection:
    """One dead letter.

    Attributes:
        letter: The letter.
        contract: ``valid``, why it is not, or that a report has none.
        command: What is advised.
        run: What the ledger knows of its run; None if nothing.
        ledger_state: Where the ledger has its work; None if it does not know it.
        execution: What Step Functions knows of its execution; None if nothing.
        outputs: What its work has put out, by stage.
    """

    letter: Letter
    contract: str
    command: str
    run: dict[str, Any] | None
    ledger_state: str | None
    execution: dict[str, Any] | None
    outputs: dict[str, str]

    def document(self) -> dict[str, Any]:
        """For machines."""
        return {
            **self.letter.document(),
            "contract": self.contract,
            "command": self.command,
            "ledger": {"run": self.run, "message": self.ledger_state},
            "execution": self.execution,
            "outputs": self.outputs,
        }


def inspect(deployment: Deployment, queue: DeadLetterQueue, message_id: str) -> Inspection:
    """Look a dead letter up.

    Raises:
        ScoutError: The queue does not hold it, or AWS refused.
    """
    with explained(deployment, queue.name):
        with held(deployment.session.client("sqs"), queue.url) as hold:
            found = next((one for batch in hold.batches() for one in batch if one.id == message_id), None)
        if found is None:
            raise ScoutError(
                f"queue {queue.name} shows no message {message_id}: `scout dlq peek {queue.name}` lists what it holds"
            )
        (letter,) = judged(deployment, queue, [found])
        content, known = letter.content, letter.known
        which = {"run": content.run} if content.type in REPORTS and content.run else {"message": message_id}
        contract = {Kind.INVALID: content.detail or "", **dict.fromkeys(REPORTS, "a report has none")}
        return Inspection(
            letter=letter,
            contract=contract.get(content.type, "valid"),
            command=advice(queue, letter.judgement, which),
            run=_run(known.run) if known.run else None,
            ledger_state=known.state.value if known.state else None,
            execution=_execution(deployment, queue, content.run) if content.run else None,
            outputs=_outputs(deployment, message_id) if content.type == Kind.MESSAGE else known.outputs,
        )


def _run(record: RunRecord) -> dict[str, Any]:
    return {
        "run_id": record.run_id,
        "city": record.job.city,
        "started_at": record.started_at,
        "deadline": record.deadline,
        "closed_at": record.closed_at,
        "held_at": record.held_at,
        "stopped_by": record.stopped_by.value if record.stopped_by else None,
        "gate": record.gate.document() if record.gate else None,
        "killed": [group.value for group in BudgetGroup if record.killed(group)],
    }


def _execution(deployment: Deployment, queue: DeadLetterQueue, name: str) -> dict[str, Any] | None:
    states = deployment.session.client("stepfunctions")
    machine = queue.pipeline.arn if queue.pipeline else deployment.city_discovery_arn
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
    try:
        found: dict[str, Any] = dict(states.describe_execution(executionArn=arn))
    except (states.exceptions.ExecutionDoesNotExist, states.exceptions.InvalidArn):
        return None
    known: dict[str, Any] = {key: found[key] for key in ("status", "error", "cause") if key in found}
    known |= {key: found[key].isoformat() for key in ("startDate", "stopDate") if key in found}
    return {"executionArn": arn, **known}


def _outputs(deployment: Deployment, message_id: str) -> dict[str, str]:
    """What an Express pipeline has put out for a message: its executions are named by the message first."""
    storage = Storage(deployment.bucket, deployment.session.client("s3"))
    return {key.split("/")[2]: key for key in storage.keys(f"executions/{message_id}-")}
