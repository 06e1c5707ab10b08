"""The Lambda handler of the state WebFetch."""

from __future__ import annotations

from lambdas.runtime.stage import handler_of
from lambdas.web_fetch.state import web_fetch

STAGES = {"WebFetch": web_fetch}

handler = handler_of(STAGES)
