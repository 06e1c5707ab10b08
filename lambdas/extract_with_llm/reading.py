"""A page read by a language model, part by part, within the run's budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lambdas.connectors.bedrock import CALL_SECONDS
from lambdas.connectors.protocols import Extractor
from lambdas.contracts.connectors import Connector, Split, llm_units
from lambdas.extract_with_llm import prompt
from lambdas.extract_with_llm.grounding import Ground
from lambdas.extract_with_llm.mentions import Mention
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.documents import sha256
from lambdas.runtime.errors import ServiceUnavailable
from lambdas.runtime.run import Run

# An answer that was cut off is asked for again by halves of the part, and those by halves; then what came stands.
_MAX_HALVINGS = 2
# The least by which tokenizers of today stand behind the bytes of a text: English has four bytes in a token, Japanese
# three in hardly more than one, numbers and markup two.
_BYTES_PER_TOKEN = 2
# System prompt, schema, and what a model's own template puts around them.
_FRAME_TOKENS = 3_000


@dataclass
class Read:
    """What a model read.

    Attributes:
        mentions: The places that the page bears out.
        rejected: How many places the page does not bear out, or had no form.
        calls: How many answers there were.
        unread: How many parts of the page the run may not ask for, or the model did not answer.
    """

    mentions: list[Mention] = field(default_factory=list)
    rejected: int = 0
    calls: int = 0
    unread: int = 0


def read(run: Run, model: Extractor, lines: Sequence[str]) -> Read:
    """Read a page.

    Args:
        run: The run that pays.
        model: The model.
        lines: The page's text.

    Raises:
        ServiceUnavailable: No time is left for the next part; those before it are kept.
        StageError: As ``Extractor.ask`` and ``Run.call``.
    """
    reader = _Reader(run, model, Ground(lines, run.job.city))
    for part in prompt.chunks(lines):
        reader.part(part, 0)
    return reader.result


class _Reader:
    def __init__(self, run: Run, model: Extractor, ground: Ground) -> None:
        self.result = Read()
        self._run = run
        self._model = model
        self._ground = ground

    def part(self, text: str, halvings: int) -> None:
        """Read a part of the page."""
        answer = self._asked(text, attempt=1)
        if answer is None:
            self.result.unread += 1
            return
        found = prompt.told(answer["content"])
        if found is None and answer["complete"]:
            # A model that talked in place of answering mostly does not do so twice.
            answer = self._asked(text, attempt=2)
            found = prompt.told(answer["content"]) if answer else None
        lines = text.split("\n")
        if answer is not None and not answer["complete"] and halvings < _MAX_HALVINGS and len(lines) > 1:
            middle = len(lines) // 2
            self.part("\n".join(lines[:middle]), halvings + 1)
            self.part("\n".join(lines[middle:]), halvings + 1)
            return
        if found is None:
            self.result.unread += 1
            return
        places, wrong = found
        grounded = [mention for place in places if (mention := self._ground.mention(place))]
        self.result.mentions += grounded
        self.result.rejected += len(places) - len(grounded) + wrong

    def _asked(self, text: str, attempt: int) -> dict[str, Any] | None:
        question = prompt.question(self._run.job.city, text)
        most = len(question.encode()) // _BYTES_PER_TOKEN + _FRAME_TOKENS + prompt.MAX_OUTPUT_TOKENS
        request = Request(
            {
                "model": self._model.model,
                "prompt": prompt.VERSION,
                "text": sha256(question.encode()),
                "attempt": attempt,
            },
            estimate=llm_units(most),
        )

        def fetch(request: Request) -> Reply:
            if self._run.deadline.remaining() < CALL_SECONDS:
                # The parts before are kept: the next attempt goes on from here.
                late = ServiceUnavailable(
                    "No time is left in this invocation to ask the model for the rest of the page."
                )
                late.units = 0
                raise late
            answer = self._model.ask(
                prompt.SYSTEM, question, prompt.TOOL, prompt.SCHEMA, max_tokens=prompt.MAX_OUTPUT_TOKENS
            )
            body = {"content": answer.content, "complete": answer.complete}
            told = prompt.told(answer.content)
            return Reply(
                request,
                body,
                units=llm_units(answer.tokens),
                items=len(told[0]) if told else 0,
                about={"tokens": answer.tokens},
            )

        replies = self._run.call(Connector.LLM_TOKENS, [request], fetch, Split.FRONTIER)
        if not replies:
            return None
        self.result.calls += 1
        body: dict[str, Any] = replies[0].body
        return body
