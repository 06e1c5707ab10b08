"""A run as a stage sees it: call outside services within its budgets, report what was found, send on what is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from lambdas.contracts.candidate import CANDIDATES, Candidate
from lambdas.contracts.connectors import BudgetGroup, Connector, Split
from lambdas.contracts.defaults import RunDefaults
from lambdas.contracts.frontier import FrontierMessage
from lambdas.contracts.job import RunInput
from lambdas.contracts.manifest import GateClosed, StateMode
from lambdas.places.identity import identity
from lambdas.runtime import keys
from lambdas.runtime.calls import Reply, Request
from lambdas.runtime.context import Deadline
from lambdas.runtime.documents import sha256
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.outside import BATCH, Outside
from lambdas.runtime.parallel import in_parallel
from lambdas.runtime.queue import Queue
from lambdas.runtime.record import RunRecord
from lambdas.runtime.storage import Storage
from lambdas.runtime.window import Progress

__all__ = ["BATCH", "Run"]

_READ_AT_ONCE = 16


def candidates_in(storage: Storage, found: Sequence[str]) -> Iterator[Candidate]:
    """The candidates of some objects, of which only a few are in memory at a time.

    Args:
        storage: The workflow bucket.
        found: Keys of the objects.

    Raises:
        TransientStorageError: S3 could not be used.
    """
    for start in range(0, len(found), _READ_AT_ONCE):
        for body in in_parallel(storage.get, found[start : start + _READ_AT_ONCE]):
            yield from CANDIDATES.validate_json(body)


class Run:
    """The run that a stage works for.

    Args:
        state: The state that the stage stands for.
        execution_id: The execution in which it runs.
        ledger: The run's ledger.
        storage: The workflow bucket.
        queue: The frontier.
        deadline: When this invocation ends.
        sleep: Waits, in seconds.

    Attributes:
        skipped: Requests and messages left out, by a kill switch, a gate or a budget.
    """

    def __init__(
        self,
        *,
        state: str,
        execution_id: str,
        ledger: Ledger,
        storage: Storage,
        queue: Queue,
        deadline: Deadline,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.state = state
        self.execution_id = execution_id
        self.ledger = ledger
        self.storage = storage
        self.deadline = deadline
        self.skipped = 0
        self._queue = queue
        self._reports = 0
        self._work = f"{execution_id}|{state}"
        self._outside = Outside(state, self._work, ledger, storage, deadline, sleep)

    @property
    def calls_made(self) -> int:
        """Calls to outside services in this invocation."""
        return self._outside.calls_made

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.ledger.run_id

    @property
    def record(self) -> RunRecord:
        """What the ledger knows of the run, at most two seconds old."""
        return self.ledger.run()

    @property
    def job(self) -> RunInput:
        """What was asked for."""
        return self.record.job

    @property
    def slug(self) -> str:
        """The city as it stands in S3 keys."""
        return self.job.slug

    @property
    def correlation_id(self) -> str:
        """The caller's id for the run."""
        return self.record.correlation_id

    @property
    def settings(self) -> RunDefaults:
        """The stack's settings."""
        return self.record.settings

    @property
    def modes(self) -> Mapping[str, StateMode]:
        """Which implementation each state has."""
        return self.record.modes

    def mode(self, state: str | None = None) -> StateMode:
        """Which implementation a state has; without a name, this one."""
        return self.modes[state or self.state]

    def gate(self) -> GateClosed | None:
        """The gate that ended the search, if one did: nothing more is to be looked for.

        Raises:
            LedgerUnavailable: The ledger could not be used.
        """
        return self.ledger.gate()

    def call(
        self,
        connector: Connector,
        requests: Sequence[Request],
        fetch: Callable[[Request], Reply],
        split: Split = Split.SECONDARIES,
    ) -> list[Reply]:
        """Make calls to an outside service: the one way in which a stage may do so.

        In batches of at most :data:`BATCH`, and in this order: kill switch and gates, cache, reservation, rate, the
        calls, settlement with what they really used, storing the raw answers. Interleave it with :meth:`found`: gates
        are looked at between batches, kill switches between calls, and early stop rests on what was found.

        Args:
            connector: Which service.
            requests: What to ask, in order of importance.
            fetch: Makes one call. What it raises ends the stage, after the calls before it were settled and stored.
            split: For whom: what the city is known for, or all else.

        Returns:
            The replies, in the order of the requests. They are fewer where a kill switch is on, a gate is closed, or a
            budget gives no more; a stage goes on with what it got.

        Raises:
            Throttled: The rate asks for a longer wait than this invocation may take.
            ServiceUnavailable: The invocation has no time left for all of them; a retry goes on where it ended.
            LedgerUnavailable: The ledger could not be used; nothing was spent.
            TransientStorageError: S3 could not be used.
            AccessDenied: The role lacks a permission.
        """
        replies = self._outside.call(connector, requests, fetch, split)
        self.skipped += len(requests) - len(replies)
        return replies

    def found(self, candidates: Sequence[Candidate], calls: int, refound: Collection[str] = frozenset()) -> Progress:
        """Report what a few calls brought: kept for deduplication, and counted for early stop.

        Args:
            candidates: The sightings; there may be thousands, or none.
            calls: How many calls brought them.
            refound: The record ids among them that were found again only since a saturated tile was subdivided; they
                are not counted as seen.

        Returns:
            How much the run still finds.

        Raises:
            LedgerUnavailable: The ledger could not be used.
            TransientStorageError: S3 could not be used.
        """
        body = CANDIDATES.dump_json(list(candidates), exclude_none=True)
        digest = sha256(body)
        self._reports += 1
        # The same for a retry, which reports the same in the same order.
        key = f"{self._work}|{self._reports}|{digest}"
        if candidates:
            self.storage.keep_first(keys.extracted(self.slug, self.run_id, digest), body)
        counted = [candidate for candidate in candidates if candidate.record_id not in refound]
        places: dict[str, set[str]] = {}
        for candidate in counted:
            cell, name = identity(candidate, self.job.city)
            places.setdefault(cell, set()).add(name)
        new = self.ledger.first_seen(places, key) if places else 0
        return self.ledger.observe(key, calls, new, len(counted))

    def candidates(self) -> list[Candidate]:
        """Everything that any stage of this run has found.

        Raises:
            TransientStorageError: S3 could not be used.
        """
        return list(self.each_candidate())

    def each_candidate(self) -> Iterator[Candidate]:
        """The same one by one, of which only a few hundred are in memory at a time.

        Raises:
            TransientStorageError: S3 could not be used.
        """
        return candidates_in(self.storage, self.extracted())

    def extracted(self) -> list[str]:
        """The keys of the objects in which they lie.

        Raises:
            TransientStorageError: S3 could not be used.
        """
        return self.storage.keys(keys.extracted_prefix(self.slug, self.run_id))

    def send(self, messages: Sequence[FrontierMessage]) -> int:
        """Send work to the frontier. The same work is done once, however often it is sent.

        Args:
            messages: The work. What falls under a kill switch is left out and counted as skipped; once a gate is
                closed, nothing is sent.

        Returns:
            How many messages the frontier did not have yet.

        Raises:
            LedgerUnavailable: The ledger could not be used.
            ServiceUnavailable: The queue could not be used; a retry sends what is missing.
        """
        allowed: list[FrontierMessage] = []
        for group in BudgetGroup:
            of_group = [message for message in messages if message.budget_token.group is group]
            if not self._outside.killed(group, [message.key for message in of_group]):
                allowed += of_group
        if allowed and self.gate():
            allowed = []
        self.skipped += len(messages) - len(allowed)
        enqueued = self.ledger.enqueue(allowed, self._work)
        self._queue.send(enqueued.to_send)
        return enqueued.new
