"""What every part of the configuration is."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A part of the configuration: immutable, closed to unknown keys, and ``"0.25"`` is taken for 0.25."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
