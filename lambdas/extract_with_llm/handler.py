"""The Lambda handler of the state ExtractWithLLM."""

from __future__ import annotations

from lambdas.extract_with_llm.state import extract_with_llm
from lambdas.runtime.stage import handler_of

STAGES = {"ExtractWithLLM": extract_with_llm}

handler = handler_of(STAGES)
