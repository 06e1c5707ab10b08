"""The Lambda handler of the state DiscoverWebSources."""

from __future__ import annotations

from lambdas.discover_web_sources.state import discover_web_sources
from lambdas.runtime.stage import handler_of

STAGES = {"DiscoverWebSources": discover_web_sources}

handler = handler_of(STAGES)
