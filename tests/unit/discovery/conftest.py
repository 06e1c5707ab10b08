"""Runs in the stand-in world, for the states of discovery."""

from __future__ import annotations

from tests.unit.connectors.conftest import bucket, outside, overture_files

__all__ = ["bucket", "outside", "overture_files"]
