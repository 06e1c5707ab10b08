"""Which of the first primaries Google knows, where a stack wants to know.

It is done here, after everything else: a check changes no place and no rank, and one that fails takes nothing away.
What it finds is an object of its own, since it is under terms of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice, takewhile
from typing import Any

from lambdas.connectors import google
from lambdas.connectors.google import GooglePlaces
from lambdas.connectors.secrets import NO_CREDENTIALS, key_of
from lambdas.connectors.service import FAILURES, NOT_ASKED, OFF, Configuration, Service
from lambdas.contracts.candidate import Place
from lambdas.contracts.connectors import BudgetGroup
from lambdas.contracts.manifest import Output
from lambdas.finalization.outputs import write
from lambdas.runtime import keys
from lambdas.runtime.documents import Json, sha256, to_json
from lambdas.runtime.run import Run
from lambdas.runtime.storage import JSON_TYPE

MOST_CHECKED = 50
"""Of the primaries the first so many are checked."""


def google_ids(run: Run, places: Sequence[Place]) -> tuple[list[Output], Json]:
    """Look up the first primaries at Google, and write the ids that it gives.

    A second attempt of the state keeps what the first one wrote.

    Args:
        run: The run.
        places: Its ranked places.

    Returns:
        What was written, if anything was; and how many places Google knows, or why it was not asked.
    """
    config = Configuration.of(run)
    if not config.enabled(google.INFO.name, by_default=False):
        return [], OFF
    key = keys.google_place_ids(run.slug, run.run_id)
    standing = run.storage.find(key)
    if standing is not None:
        return [Output(key=key, bytes=len(standing), sha256=sha256(standing))], _known(json.loads(standing))
    try:
        secret = key_of(config, google.INFO.name)
        if secret is None:
            return [], NO_CREDENTIALS
        source = GooglePlaces(Service(google.INFO, run, config), secret)
        found = source.ids(_first(run, places), run.job.city)
    except FAILURES as error:
        return [], f"failed: {type(error).__name__}: {error}"
    if not found:
        return [], NOT_ASKED
    document = {
        "city": run.job.city,
        "run_id": run.run_id,
        "licence": google.LICENCE.document(),
        "places": [{"place_id": place_id, "google_place_id": known} for place_id, known in found.items()],
    }
    return [Output.parse(write(run, key, to_json(document), JSON_TYPE))], _known(document)


def _known(document: Any) -> int:  # noqa: ANN401 - JSON
    return sum(one["google_place_id"] is not None for one in document["places"])


def _first(run: Run, places: Sequence[Place]) -> list[Place]:
    """The first primaries, no more than the budget has room for: a check is no reason for a budget's gate to close."""
    budget = run.ledger.budgets()[BudgetGroup.GOOGLE]
    room = min(MOST_CHECKED, max(0, budget.cap - budget.spent))
    # They stand before all others.
    return list(takewhile(lambda place: place.tier == "primary", islice(places, room)))
