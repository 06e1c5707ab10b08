"""What is deployed: the outputs of a stack, and clients for the account that it lies in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scout.errors import ScoutError
from scout.pipelines.messages import Pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping

    import boto3


@dataclass(frozen=True)
class Deployment:
    """A deployed stack.

    Attributes:
        stack: Its name.
        session: Credentials and region; on the embedded AWS also the endpoint.
        bucket: The workflow bucket.
        ledger_table: The table of the run ledger.
        frontier_queue_url: The frontier queue.
        frontier_dlq_url: Its dead-letter queue.
        city_discovery_arn: The Standard state machine.
        page_processing_arn: The Express state machine.
        pipe_name: The pipe from the frontier to it.
        pipelines: The pipelines by their names.
    """

    stack: str
    session: boto3.Session
    bucket: str
    ledger_table: str
    frontier_queue_url: str
    frontier_dlq_url: str
    city_discovery_arn: str
    page_processing_arn: str
    pipe_name: str
    pipelines: Mapping[str, Pipeline]

    @classmethod
    def of(cls, stack: str, session: boto3.Session, outputs: Mapping[str, Any]) -> Deployment:
        """Read a stack's exported outputs.

        Raises:
            ScoutError: An output is missing, as when the stack's first `up` did not end well.
        """
        try:
            return cls(
                stack=stack,
                session=session,
                bucket=outputs["bucketName"],
                ledger_table=outputs["ledgerTableName"],
                frontier_queue_url=outputs["frontierQueueUrl"],
                frontier_dlq_url=outputs["frontierDlqUrl"],
                city_discovery_arn=outputs["cityDiscoveryArn"],
                page_processing_arn=outputs["pageProcessingArn"],
                pipe_name=outputs["pipeName"],
                pipelines={name: Pipeline.of(name, made) for name, made in outputs["pipelines"].items()},
            )
        except KeyError as error:
            raise ScoutError(f"stack {stack} has no output {error}: run `scout up -s {stack}` to its end") from error
