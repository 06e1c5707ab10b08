"""GeocodeValidate: give positions to what has none, reject what cannot be right, and report the rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_lambda_powertools import Logger

from lambdas.connectors import location, nominatim
from lambdas.connectors.geocoder import NominatimGeocoder
from lambdas.connectors.location import LocationGeocoder
from lambdas.connectors.nominatim import Nominatim
from lambdas.connectors.protocols import Geocoder
from lambdas.connectors.service import Configuration, Service
from lambdas.contracts.candidate import CANDIDATES, Candidate, Source
from lambdas.fetching.hosts import Hosts
from lambdas.geocode_validate.gazetteer import gazetteer_of
from lambdas.geocode_validate.locating import by_geocoder, by_maps, counted, printed
from lambdas.places.addresses import in_country
from lambdas.places.geo import Disc
from lambdas.places.polygons import BORDER_MARGIN_M, Border
from lambdas.places.validation import Rejection, validate
from lambdas.runtime import keys
from lambdas.runtime.context import StageOutput
from lambdas.runtime.documents import from_json, to_json
from lambdas.runtime.errors import ServiceRefused
from lambdas.runtime.handover import StageInput
from lambdas.runtime.run import Run

_LOGGER = Logger()
# Names of one page that a geocoder is asked for; a page has some dozen places, most of which a map knows.
MAX_GEOCODED = 20
# The longest wait for one's turn at the geocoder; beyond, the message comes back when it is due.
_PATIENCE_SECONDS = 15.0


@dataclass
class _Found:
    """What became of the candidates of a page, in their order."""

    accepted: list[Candidate] = field(default_factory=list)
    rejected: list[tuple[Candidate, Rejection]] = field(default_factory=list)
    asked: int = 0
    refused: str | None = None


def geocode_validate(given: StageInput, run: Run) -> StageOutput:
    """Give positions to the candidates that have none, reject those that cannot be right, and report the others.

    What is to be reported is decided once: the maps of a run grow, and a second attempt must not report the same places
    elsewhere.

    Returns:
        How many were accepted; how many rejected for which reason, and each of them by its record id. The metric
        ``rejected`` also counts what the states before turned down.

    Raises:
        Throttled: The turn at the geocoder is later: the message returns.
        ServiceUnavailable: The geocoder failed: the message returns.
        LedgerUnavailable: The ledger could not be used.
        TransientStorageError: S3 could not be used.
    """
    data = given.read()
    candidates = CANDIDATES.validate_json(json.dumps(data["candidates"]))
    key = keys.stage_decision(run.execution_id, run.state)
    standing = run.storage.find(key)
    if standing is None:
        run.storage.keep_first(key, to_json(_document(_decided(candidates, run))))
        standing = run.storage.get(key)
    decided = from_json(standing)
    accepted = CANDIDATES.validate_json(json.dumps(decided["accepted"]))
    if data["calls"]:
        run.found(accepted, calls=data["calls"])
    reasons = counted([Rejection(reason) for _, reason in decided["rejected"]])
    return StageOutput(
        data={
            "accepted": len(accepted),
            "rejected": reasons,
            "rejections": [{"record_id": record, "reason": reason} for record, reason in decided["rejected"]],
            "geocoder": decided["refused"],
        },
        records=len(accepted),
        metrics={
            "rejected": len(decided["rejected"]) + data.get("rejected", 0),
            "geocoded": decided["asked"],
            "geocoder_refused": int(decided["refused"] is not None),
        },
    )


def _document(found: _Found) -> dict[str, Any]:
    return {
        "accepted": [candidate.document() for candidate in found.accepted],
        "rejected": [[candidate.record_id, reason.value] for candidate, reason in found.rejected],
        "asked": found.asked,
        "refused": found.refused,
    }


def _decided(candidates: Sequence[Candidate], run: Run) -> _Found:
    found = _Found()
    area, services = _area_of(run), _Services(run)
    located = _located(printed(candidates), services, area, found)
    # Only what is left needs the city's border.
    border, country = services.border(area) if any(isinstance(one, Candidate) for _, one in located) else (None, None)
    for candidate, outcome in located:
        checked = validate(outcome, area) if isinstance(outcome, Candidate) else outcome
        if isinstance(checked, Candidate) and border is not None and checked.lat is not None:
            here = (checked.lat, checked.lng or 0.0)
            checked = checked if border.contains(here, BORDER_MARGIN_M) else Rejection.OUTSIDE_CITY
        if isinstance(checked, Rejection):
            found.rejected.append((candidate, checked))
        else:
            address = in_country(checked.address, run.job.city, country)
            found.accepted.append(checked.model_copy(update={"address": address}))
    found.refused = services.refused
    return found


def _located(
    candidates: Sequence[Candidate], services: _Services, area: Disc, found: _Found
) -> list[tuple[Candidate, Candidate | Rejection]]:
    """Each candidate, and what pages, maps and the geocoder make of it."""
    of_pages = any(candidate.source is Source.WEB for candidate in candidates)
    gazetteer = gazetteer_of(services.run) if of_pages else None
    outcomes = [
        by_maps(candidate, gazetteer) if gazetteer and candidate.source is Source.WEB else candidate
        for candidate in candidates
    ]
    pairs = zip(candidates, outcomes, strict=True)
    wanted = dict.fromkeys(candidate.name for candidate, outcome in pairs if isinstance(outcome, Rejection))
    asked = list(wanted)[:MAX_GEOCODED]
    found.asked = len(asked)
    hits = services.locate(asked, area)
    city = services.run.job.city
    return [
        (
            candidate,
            by_geocoder(candidate, hits[candidate.name], city, services.geocoder.licence)
            if isinstance(outcome, Rejection) and hits.get(candidate.name)
            else outcome,
        )
        for candidate, outcome in zip(candidates, outcomes, strict=True)
    ]


class _Services:
    """The geocoder and Nominatim's borders, for a page of a run. Who refuses is not asked again, and the page goes on.

    The geocoder is Amazon Location where the stack has turned it on, and Nominatim otherwise: only that one knows
    borders.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.refused: str | None = None
        config = Configuration.of(run)
        self._enabled = config.enabled("nominatim")
        hosts = Hosts(run.ledger, _message_of(run), patience=_PATIENCE_SECONDS)
        self._service = Service(nominatim.INFO, run, config, hosts)
        self._by_location = config.enabled(location.NAME, by_default=False)
        self.geocoder: Geocoder = (
            LocationGeocoder(run, config.section(location.NAME))
            if self._by_location
            else NominatimGeocoder(self._service)
        )

    def locate(self, names: Sequence[str], area: Disc) -> dict[str, Any]:
        """What the geocoder knows of some names."""
        if not names or not (self._enabled or self._by_location):
            return {}
        try:
            return dict(self.geocoder.locate(names, self.run.job.city, area))
        except ServiceRefused as error:
            # Who does not answer to names may still know borders, if it is another one.
            self._enabled = self._enabled and self._by_location
            self._give_up(error)
            return {}

    def border(self, area: Disc) -> tuple[Border | None, str | None]:
        """The border of the city and its country; of a run, asked for once by this process."""
        if self.run.run_id in _BORDERS:
            return _BORDERS[self.run.run_id]
        if not self._enabled:
            return None, None
        try:
            boundary = Nominatim(self._service).boundary(self.run.job.city, area)
        except ServiceRefused as error:
            self._give_up(error)
            return None, None
        if boundary is None:
            return None, None
        border = Border.around(area.center, boundary.geometry)
        _BORDERS.clear()
        _BORDERS[self.run.run_id] = border, boundary.country_code
        return _BORDERS[self.run.run_id]

    def _give_up(self, error: ServiceRefused) -> None:
        self.refused = self.refused or str(error)[:300]
        _LOGGER.warning("The geocoder refuses", extra={"runId": self.run.run_id, "error": self.refused})


_BORDERS: dict[str, tuple[Border | None, str | None]] = {}


def _message_of(run: Run) -> str | None:
    """The key of the frontier message that an execution handles: it is named ``<run id>-<key>``."""
    key = run.execution_id.removeprefix(f"{run.run_id}-")
    return key if key != run.execution_id else None


def _area_of(run: Run) -> Disc:
    center = run.job.seed.center
    return Disc.of(center.lat, center.lng, run.job.seed.radius_km * 1000)
