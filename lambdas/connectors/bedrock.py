"""Amazon Bedrock's Converse: a language model that fills in a form.

The function's own role opens it; there is no key. The form is the input schema of a tool that the model has to use
(``toolChoice``), which needs no schema compiled first; for strict ones that "may take minutes"
(https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html). Not every model that takes tools can be
made to use one: Amazon Nova and most of Anthropic's Claude can, others refuse the call with a ``ValidationException``
(https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolChoice.html, run-llama/llama_index#23207).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lambdas.connectors.protocols import ToolAnswer
from lambdas.runtime.errors import ServiceRefused, ServiceUnavailable, StageError, Throttled

DEFAULT_MODEL = "amazon.nova-lite-v1:0"
"""On demand in us-east-1; elsewhere an inference profile such as ``eu.amazon.nova-lite-v1:0`` is named in the config.
The stack's role allows this model (``components.policies.converse_with``)."""

CALL_SECONDS = 35.0
"""The most that one call takes, in seconds: an answer of 4,096 tokens takes a small model some 20 s."""

_CONNECT_SECONDS, _READ_SECONDS = 3, 30
_BUSY = frozenset({"ThrottlingException", "ModelNotReadyException", "ServiceQuotaExceededException"})
_FAILING = frozenset(
    {"InternalServerException", "ServiceUnavailableException", "ModelTimeoutException", "ModelErrorException"}
)
# The answer ended by itself. By any other reason (``max_tokens``, ``model_context_window_exceeded``, a guardrail, a
# filter, a malformed use of the tool) it is cut off, or none
# (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html).
_ENDED = frozenset({"tool_use", "end_turn", "stop_sequence"})
# No setting of a model that answers with data may leave anything to chance.
_TEMPERATURE = 0.0


class Bedrock:
    """A model of Amazon Bedrock.

    Args:
        said: What the stack says of it: ``model_id``, ``endpoint_url``.
    """

    def __init__(self, said: Mapping[str, Any]) -> None:
        self.model = str(said.get("model_id") or DEFAULT_MODEL)
        self._endpoint = said.get("endpoint_url")

    def ask(self, system: str, question: str, tool: str, schema: Mapping[str, Any], max_tokens: int) -> ToolAnswer:
        """See ``Extractor``.

        Raises:
            Throttled: The account's quota for the model is used up for now.
            ServiceUnavailable: Bedrock or the model failed, or did not answer in time.
            ServiceRefused: It does not take the question: there is no such model, it takes no tools, or the role or the
                account may not use it.
        """
        specification = {"name": tool, "description": "Takes the answer.", "inputSchema": {"json": dict(schema)}}
        client: Any = _client(self._endpoint)
        try:
            answer = client.converse(
                modelId=self.model,
                system=[{"text": system}],
                messages=[{"role": "user", "content": [{"text": question}]}],
                inferenceConfig={"maxTokens": max_tokens, "temperature": _TEMPERATURE},
                toolConfig={"tools": [{"toolSpec": specification}], "toolChoice": {"tool": {"name": tool}}},
            )
        except ClientError as error:
            raise self._named(error) from error
        except BotoCoreError as error:
            raise ServiceUnavailable(f"Bedrock's {self.model} could not be asked: {error}") from error
        blocks = answer["output"].get("message", {}).get("content", [])
        given = [block["toolUse"]["input"] for block in blocks if block.get("toolUse", {}).get("name") == tool]
        return ToolAnswer(
            content=given[0] if given else None,
            complete=answer["stopReason"] in _ENDED,
            tokens=answer["usage"]["totalTokens"],
        )

    def _named(self, error: ClientError) -> StageError:
        code = error.response.get("Error", {}).get("Code", "")
        # What stands between, such as an endpoint's gateway, answers without a code.
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        said = f"Bedrock's {self.model}: {error}"
        if code in _BUSY or status == 429:
            # What is refused is not charged.
            failure: StageError = Throttled(said)
        elif code in _FAILING or status >= 500:
            return ServiceUnavailable(said)
        else:
            failure = ServiceRefused(said)
        failure.units = 0
        return failure


@lru_cache(maxsize=4)
def _client(endpoint_url: str | None) -> Any:  # noqa: ANN401 - boto3-stubs for this service are no dependency
    """A client that asks once: retries are the state machine's, since each attempt costs its tokens."""
    config = Config(connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries={"total_max_attempts": 1})
    # mypy knows the clients of the services whose stubs are installed.
    session: Any = boto3.Session()
    return session.client("bedrock-runtime", endpoint_url=endpoint_url, config=config)
