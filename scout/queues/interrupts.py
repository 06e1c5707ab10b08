"""Ctrl-C and SIGTERM, taken between two calls to AWS, so that what a call has changed is always known."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def deferred() -> Iterator[Callable[[], None]]:
    """Put Ctrl-C and SIGTERM off.

    A receive that is broken off in the middle has hidden messages of which nobody knows the receipts.

    Yields:
        A check to call where it is safe to be interrupted; it raises ``KeyboardInterrupt`` or ``SystemExit`` if one of
        the two signals has come. Signals that came after the last check take effect at the end.
    """
    caught: list[int] = []

    def check() -> None:
        if caught:
            number = caught[0]
            caught.clear()
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    def catch(number: int, _frame: FrameType | None) -> None:
        caught.append(number)

    # Handlers belong to the main thread; any other thread is not interrupted by signals anyway.
    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    before = {number: signal.signal(number, catch) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield check
        check()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
