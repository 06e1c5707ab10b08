"""The Lambda handler of the state GeocodeValidate."""

from __future__ import annotations

from lambdas.geocode_validate.state import geocode_validate
from lambdas.runtime.stage import handler_of

STAGES = {"GeocodeValidate": geocode_validate}

handler = handler_of(STAGES)
