"""The execution of a state machine that the current thread works for.

The emulator's interpreter hands little down to the functions that run states; this is what the patches need of it.
"""

from __future__ import annotations

import contextvars
import threading
from dataclasses import dataclass, field
from typing import Any


class ExecutionEndedError(Exception):
    """The execution was stopped, timed out or failed while a state of it was still at work."""


@dataclass
class Run:
    """One execution while it runs.

    Args:
        record: The emulator's record of the execution.
        role_arn: The role of the state machine when the execution began.
        express: Whether it is an Express execution.
    """

    record: dict[str, Any]
    role_arn: str
    express: bool
    history_events: int = 1
    ended: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def running(self) -> bool:
        """Whether it has not ended in whatever way. A redrive is a run of its own: this one stays ended."""
        return not self.ended.is_set() and bool(self.record["status"] == "RUNNING")

    def check(self) -> None:
        """Raise `ExecutionEndedError` if it has ended."""
        if not self.running:
            raise ExecutionEndedError(self.record["status"])

    def sleep(self, seconds: float) -> None:
        """Sleep, or raise `ExecutionEndedError` as soon as the execution has ended."""
        self.ended.wait(seconds)
        self.check()


_current: contextvars.ContextVar[Run | None] = contextvars.ContextVar("execution", default=None)


def current() -> Run:
    """Return the execution of this thread.

    Raises:
        RuntimeError: The thread works for none.
    """
    run = _current.get()
    if run is None:
        raise RuntimeError("this thread runs no execution")
    return run


def enter(run: Run) -> None:
    """Make an execution that of this thread and of those that it starts with a copy of its context."""
    _current.set(run)
