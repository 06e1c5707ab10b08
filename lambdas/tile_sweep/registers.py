"""What TileSweep reads beside the map: Overture Maps, which knows businesses that no mapper has passed."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools import Logger

from lambdas.connectors import overture
from lambdas.connectors.overture import Overture
from lambdas.connectors.service import FAILURES, NOT_ASKED, OFF, Configuration, Failure
from lambdas.contracts.candidate import Candidate, Lineage
from lambdas.places.geo import Disc
from lambdas.places.polygons import BORDER_MARGIN_M, Border
from lambdas.runtime import keys
from lambdas.runtime.documents import Json
from lambdas.runtime.run import Run

_LOGGER = Logger()
_OTHER_MAP = "not asked: the run input names its map"


class Register:
    """Overture Maps, for one run of TileSweep.

    A run whose input names its map has that map alone: its result is to rest on what it names.

    Args:
        run: The run.
        config: What the stack says of services.
        area: The disc that is searched.
        lineage: Of what is found.

    Attributes:
        count: Places that were found.
        failure: Why it gave no more, if it failed.
    """

    def __init__(self, run: Run, config: Configuration, area: Disc, lineage: Lineage) -> None:
        self.count = 0
        self.failure: Failure | None = None
        self._run, self._area, self._lineage = run, area, lineage
        self._source = Overture(run, config.section(overture.NAME))
        self._off = None if config.enabled(overture.NAME) else OFF
        self._asked = False
        if run.job.sources is not None:
            self._off = _OTHER_MAP

    @property
    def on(self) -> bool:
        """Whether it may be read at all."""
        return self._off is None

    def read(self) -> None:
        """Find all that it knows in the disc, and inside of the city's border where that is known.

        A failure is noted, and the next call begins anew; what was answered by then is in the cache.
        """
        if not self.on:
            return
        self.count, self.failure = 0, None
        self._source.forget()
        border = _border(self._run, self._area)
        try:
            for found in self._source.places(self._area, self._lineage):
                self._asked = True
                places = [place for place in found.candidates if border is None or _inside(place, border)]
                self._run.found(places, calls=found.calls)
                self.count += len(places)
                if self._run.gate() is not None:
                    break
        except FAILURES as error:
            self.failure = error
            _LOGGER.warning("Overture Maps failed", extra={"runId": self._run.run_id, "error": str(error)})

    def again(self) -> None:
        """The same once more, where it failed."""
        if self.failure is not None:
            self.read()

    def said(self) -> Json:
        """How many places it gave, or why none."""
        if self.failure is not None:
            return f"failed after {self.count}: {type(self.failure).__name__}: {self.failure}"
        return self._off or (self.count if self._asked else NOT_ASKED)

    def about(self) -> dict[str, Json] | None:
        """Which release was read, and what of it was left out; ``None`` where nothing was read."""
        if not self._asked:
            return None
        return {
            "release": self._source.release,
            "left_out": dict(sorted(self._source.left_out.items())),
            "unresolved": self._source.unresolved,
        }


def _inside(place: Candidate, border: Border) -> bool:
    return border.contains((place.lat or 0.0, place.lng or 0.0), BORDER_MARGIN_M)


def _border(run: Run, area: Disc) -> Border | None:
    """The border that DiscoverTargets found; ``None`` where it found none, or that of another town."""
    output = run.storage.find(keys.stage_output(run.execution_id, "DiscoverTargets"))
    data: Any = json.loads(output)["data"] if output is not None else None
    boundary = data.get("boundary") if isinstance(data, dict) else None
    return Border.around(area.center, boundary.get("geometry") if isinstance(boundary, dict) else None)
