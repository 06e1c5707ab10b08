"""Property tests draw whole state machines, which takes as long as the machine lets it: no deadline for an example."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("no deadline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no deadline")
