"""Start as many execution environments at a time as the laptop has processors for.

AWS starts an environment for each invocation that finds none idle, on hardware without end. Here, forty processes that
import their packages at once on two processors would be ready together, after half a minute. An invocation that finds
no idle environment therefore waits until one is free or may be started, whichever comes first; and where a function
has some already, it waits a second for one of them, about as long as a start takes. Every wait ends by itself, so that
functions may call each other. Only the time differs, as it does between a warm and a cold start.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Final

from scout.embedded.emulator.patches.support import Untyped, service

if TYPE_CHECKING:
    from collections.abc import Callable

_lambda_runtime: Final = service("core.lambda_runtime")

_AT_A_TIME: Final = max(2, os.cpu_count() or 1)
_SOME: Final = 2 * _AT_A_TIME
_PATIENCE_SECONDS: Final = 5.0

_changed: Final = threading.Condition()
_starting: Final[set[int]] = set()


def leased(key: str, acquire: Callable[[], Untyped]) -> Untyped:
    """Lease an idle environment, or a new one as soon as it may be started.

    Args:
        key: The emulator's key of the function's pool of workers.
        acquire: Takes an idle worker out of the pool, or makes one; returns it with `reused` or `spawn`.

    Returns:
        What `acquire` returned.
    """
    with _changed:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not _idle(key):
            left = deadline - time.monotonic()
            busy = len(_starting) >= _AT_A_TIME
            if not busy and (left <= 0 or len(_lambda_runtime._workers.get(key, ())) < _SOME):
                break
            _changed.wait(timeout=left if left > 0 else None)
        worker, how = acquire()
        if how == "spawn":
            _starting.add(id(worker))
        return worker, how


def finished(worker: Untyped) -> None:
    """Tell that a worker has started, or failed to, or is idle."""
    with _changed:
        _starting.discard(id(worker))
        _changed.notify_all()


def _idle(key: str) -> bool:
    return any(not worker.in_use for worker in _lambda_runtime._workers.get(key, ()))
