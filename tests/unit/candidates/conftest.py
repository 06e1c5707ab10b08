"""Property tests run whole stages, some with threads, which takes as long as the machine lets it: no deadline."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("no deadline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no deadline")
