"""PollFrontier and CloseFrontier: how a run ends its search."""

from __future__ import annotations

import math
from typing import Any

from lambdas.contracts.defaults import RunDefaults
from lambdas.contracts.manifest import GateClosed, StoppedBy
from lambdas.runtime.errors import FrontierBusy
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.messages import FrontierState, MessageState, Settlement
from lambdas.runtime.record import moment

# What the last poll saw, and how long it then waited.
_POLL = "POLL"
_GROWTH = 1.5
# A wait is at least this share of the time since the run was opened: however long a run and however much moves in its
# frontier, its polls then fit into the 25,000 events of an execution's history.
_SHARE_OF_ELAPSED = 0.02


def poll_frontier(ledger: Ledger, max_receives: int, now: float) -> dict[str, Any]:
    """Look at the gates and at the frontier of a run.

    Args:
        ledger: The run's.
        max_receives: How often the queue hands out a message before it goes to the dead letters.
        now: Seconds since the epoch.

    Returns:
        ``gate`` (``open``, or which one is closed), ``drained``, ``pending``, ``inFlight``, ``done``, ``dropped``,
        ``dead``, ``newUniqueRate``, ``windowFull``, and ``waitSeconds`` until the next look, a whole number.

    Raises:
        InputNotFound: The ledger has no such run.
        LedgerUnavailable: The ledger could not be used.
    """
    ledger.run(max_age=0)
    progress = ledger.progress()
    ledger.stop_early(progress)
    gate = ledger.gate()
    state = ledger.frontier(max_receives)
    ledger.settle_messages(
        Settlement(key, MessageState.DEAD, "its processing ended without a word") for key in state.lost
    )
    return {
        "gate": gate.name.value if gate else "open",
        "drained": state.drained,
        "pending": len(state.waiting),
        "inFlight": state.in_flight,
        "done": state.done,
        "dropped": state.dropped,
        "dead": state.dead + len(state.lost),
        "newUniqueRate": round(progress.rate, 6),
        "windowFull": progress.window_full,
        "waitSeconds": _wait(ledger, state, now),
    }


def close_frontier(ledger: Ledger) -> dict[str, Any]:
    """End the search of a run: nothing more is admitted, and what waits is dropped.

    After an emergency stop what waits is kept instead, in the queue and in the ledger.

    Args:
        ledger: The run's.

    Returns:
        ``stoppedBy``; how many messages were ``done``, ``dropped`` and ``dead``; and ``candidates``, how many sightings
        were reported: one that two answers hold counts twice, so that there may be fewer different ones.

    Raises:
        FrontierBusy: Messages are still being processed.
        InputNotFound: The ledger has no such run.
        LedgerUnavailable: The ledger could not be used.
    """
    record = ledger.run(max_age=0)
    ledger.close(_reason(ledger, record.gate))
    if not record.held_at:
        ledger.drop_waiting()
    state = ledger.frontier()
    # A page that was in flight a moment ago may have sent on work that was not there to be dropped.
    left = state.in_flight + (0 if record.held_at else len(state.waiting))
    if left:
        raise FrontierBusy(f"{left} messages of {ledger.run_id} are still being processed.")
    return {
        "stoppedBy": ledger.run().stopped_by,
        "done": state.done,
        "dropped": state.dropped,
        "dead": state.dead,
        "candidates": ledger.progress().seen,
    }


def _reason(ledger: Ledger, gate: GateClosed | None) -> StoppedBy:
    if gate:
        return gate.name
    last_poll = ledger.read(_POLL)
    return StoppedBy.DRAINED if last_poll and last_poll["drained"] else StoppedBy.ERROR


def next_wait(last: float, moved: bool, elapsed: float, settings: RunDefaults) -> float:
    """How long to wait before the next look at a frontier.

    Args:
        last: The wait before this look, in seconds; 0 at the first one.
        moved: Whether anything has changed since the last look.
        elapsed: Seconds since the run was opened.
        settings: The first and the longest wait.

    Returns:
        Seconds: longer by half while nothing moves, from the start again once something does.
    """
    patience = last * _GROWTH if last and not moved else settings.poll_seconds
    return min(max(patience, elapsed * _SHARE_OF_ELAPSED), settings.max_poll_seconds)


def _wait(ledger: Ledger, state: FrontierState, now: float) -> int:
    """The next wait in whole seconds, not beyond the deadline; what it rests on is kept for the next look."""
    record = ledger.run()
    seen = [len(state.waiting), state.in_flight, state.done, state.dropped, state.dead]
    last = ledger.read(_POLL) or {"seen": seen, "wait": 0}
    wait = next_wait(last["wait"], last["seen"] != seen, now - moment(record.started_at), record.settings)
    ledger.update(
        ledger.action(
            _POLL,
            "SET #seen = :seen, #wait = :wait, #drained = :drained, #expires_at = :expires_at",
            {"seen": seen, "wait": wait, "drained": state.drained, "expires_at": record.expires_at},
        )
    )
    return max(1, math.ceil(min(wait, moment(record.deadline) - now)))
