"""The errors that leave a handler. Step Functions matches them by class name in Retry and Catch.

A transient error may be gone at the next attempt, and is retried with jitter. A permanent one is never retried: the
same attempt would fail in the same way, or would spend what may not be spent.
"""

from __future__ import annotations


class StageError(Exception):
    """A failure of a stage, by a name that the state machines know.

    Attributes:
        units: What the call to an outside service that failed has used, where the connector knows it.
    """

    units: int | None = None


class TransientError(StageError):
    """Worth another attempt."""


class PermanentError(StageError):
    """Not worth another attempt."""


class TransientStorageError(TransientError):
    """S3 throttled, failed inside, or could not be reached."""


class Throttled(TransientError):
    """A connector's token bucket, or the service itself, asks for a longer wait than this invocation may take."""


class ServiceUnavailable(TransientError):
    """A service did not answer in time, or this invocation has no time left to ask it."""


class LedgerUnavailable(TransientError):
    """The run's ledger could not be read or written. Nothing is spent without it."""


class FrontierBusy(TransientError):
    """Pages of the run are still being processed, so that its frontier cannot be closed yet."""


class InputNotFound(PermanentError):
    """What a stage was to read does not exist."""


class AccessDenied(PermanentError):
    """The function's role lacks a permission."""


class InvalidInput(PermanentError):
    """A document at a border does not keep to its contract; the message names each field."""


class InvalidOutput(PermanentError):
    """What a stage put out is not JSON, or is larger than where it has to go."""


class OutputConflict(PermanentError):
    """An object that is written once stands already, with other content."""


class BudgetExhausted(PermanentError):
    """A budget has nothing left for a call that the stage cannot do without."""


class KillSwitchOn(PermanentError):
    """A kill switch forbids a call that the stage cannot do without."""


class RunClosed(PermanentError):
    """The run takes no more work."""


class ServiceRefused(PermanentError):
    """An outside service does not take what it was asked, or answers with what it should not.

    Attributes:
        status: The HTTP status by which it refused, if it was one.
    """

    status: int | None = None


class ExtractNotFound(PermanentError):
    """The map extract that the run names does not exist."""


class ExtractCorrupt(PermanentError):
    """The map extract is cut off or is not a map extract."""


class VerificationFailed(PermanentError):
    """An object's content does not match its recorded digest."""


TRANSIENT: tuple[str, ...] = tuple(kind.__name__ for kind in TransientError.__subclasses__())
PERMANENT: tuple[str, ...] = tuple(kind.__name__ for kind in PermanentError.__subclasses__())
