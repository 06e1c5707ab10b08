"""The one way to an outside service: kill switch, cache, reservation, rate, call, settlement, raw answer kept.

No stage repeats this order; each calls :meth:`lambdas.runtime.run.Run.call`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lambdas.contracts.connectors import BudgetGroup, Connector, Split
from lambdas.contracts.manifest import StateMode, StoppedBy
from lambdas.runtime import reports
from lambdas.runtime.budgets import Reservation
from lambdas.runtime.calls import RawCache, Reply, Request
from lambdas.runtime.context import Deadline
from lambdas.runtime.documents import sha256
from lambdas.runtime.errors import ServiceUnavailable, Throttled
from lambdas.runtime.ledger import Ledger
from lambdas.runtime.parallel import in_parallel
from lambdas.runtime.storage import Storage

# One reservation, one settlement and one look at the gates for so many calls.
BATCH = 25
# The longest wait for a token bucket inside an invocation, in seconds; a longer one is left to the state machine, whose
# few retries do not outlast a bucket that stays empty. The slowest by default, 50 a minute, has a batch after 30 s.
_LONGEST_WAIT = 35.0
# Left for settling and storing what was fetched, in seconds.
_SETTLING = 3.0

Fetch: TypeAlias = Callable[[Request], Reply]


@dataclass
class Outside:
    """The outside services, as one invocation of a stage may call them.

    Attributes:
        state: The state on whose behalf calls are made.
        work: The execution and the state: what a retry has in common with its first attempt.
        ledger: The run's ledger.
        storage: The workflow bucket.
        deadline: When the invocation ends.
        sleep: Waits, in seconds.
        calls_made: Calls so far.
    """

    state: str
    work: str
    ledger: Ledger
    storage: Storage
    deadline: Deadline
    sleep: Callable[[float], None]
    calls_made: int = 0

    def call(self, connector: Connector, requests: Sequence[Request], fetch: Fetch, split: Split) -> list[Reply]:
        """Make calls in batches; see :meth:`lambdas.runtime.run.Run.call`."""
        record = self.ledger.run()
        size = min(BATCH, record.settings.bucket(connector).capacity)
        # What a mock answers is no fact: no real state may be served with it, and the next run asks anew.
        mock = record.modes.get(self.state) is StateMode.MOCK
        cache = RawCache(self.storage, record.job.slug, connector, scope=self.ledger.run_id if mock else "")
        replies: list[Reply] = []
        for start in range(0, len(requests), size):
            if self.killed(connector.group, [request.hash(connector) for request in requests[start:]]):
                break
            if self.ledger.gate():
                break
            replies += self._batch(connector, requests[start : start + size], fetch, cache, split)
        return replies

    def killed(self, group: BudgetGroup, work: Sequence[str]) -> bool:
        """Whether a kill switch forbids work, which is then counted as skipped.

        Args:
            group: Whose kill switch.
            work: The identities of what would be done.

        Raises:
            LedgerUnavailable: The ledger could not be used.
        """
        killed = self.ledger.run().killed(group)
        if killed and work:
            self.ledger.skip(group, len(work), self._key(work))
        return killed

    def _batch(
        self, connector: Connector, batch: Sequence[Request], fetch: Fetch, cache: RawCache, split: Split
    ) -> list[Reply]:
        standing = in_parallel(cache.find, batch)
        missing = [request for request, reply in zip(batch, standing, strict=True) if reply is None]
        # One key for the whole batch: after a crash a retry finds what is held, whatever is in the cache by then.
        key = self._key([request.hash(connector) for request in batch])
        made: Iterator[Reply] = iter(())
        if missing:
            estimates = [request.estimate for request in missing]
            reservation = self.ledger.reserve(connector.group, estimates, key, split)
            made = iter(self._charged(connector, missing[: reservation.granted], fetch, cache, reservation))
        return [reply for reply in (found or next(made, None) for found in standing) if reply]

    def _charged(
        self,
        connector: Connector,
        granted: Sequence[Request],
        fetch: Fetch,
        cache: RawCache,
        reservation: Reservation,
    ) -> list[Reply]:
        """Wait for the rate, fetch, settle, store: for requests that no cached answer has and that are reserved."""
        if not granted or not self._await_rate(connector, granted, reservation):
            return []
        replies: list[Reply] = []
        try:
            self._fetch(connector, granted, fetch, replies)
        except BaseException as error:
            # What the failed call used the connector may know; else its estimate is taken. A call that has used nothing
            # was not made.
            known: int | None = getattr(error, "units", None)
            failed = granted[len(replies)].estimate if known is None else known
            calls = len(replies) + (failed > 0)
            self._settle(connector, reservation, sum(reply.units for reply in replies) + failed, calls)
            in_parallel(cache.store, replies)
            raise
        self._settle(connector, reservation, sum(reply.units for reply in replies), len(replies))
        in_parallel(cache.store, replies)
        left = [request.hash(connector) for request in granted[len(replies) :]]
        if left and not self.killed(connector.group, left):
            raise ServiceUnavailable(f"No time is left in this invocation for {len(left)} more calls of {connector}.")
        return replies

    def _settle(self, connector: Connector, reservation: Reservation, units: int, calls: int) -> None:
        """Replace a reservation by what was used, and tell it: the ledger knows sums, the log when they grew."""
        # An invocation that was given up may still be at work beside its retry, and settle the same once more.
        if self.ledger.settle(reservation, units, calls):
            reports.spent(self.ledger.run_id, self.state, connector, units, calls)

    def _fetch(self, connector: Connector, requests: Sequence[Request], fetch: Fetch, replies: list[Reply]) -> None:
        """Make the calls one by one, until one fails, a kill switch is flipped, or the time is over."""
        for request in requests:
            if self.ledger.run().killed(connector.group) or self.deadline.remaining() < _SETTLING:
                break
            self.calls_made += 1
            replies.append(fetch(request))

    def _await_rate(self, connector: Connector, requests: Sequence[Request], reservation: Reservation) -> bool:
        """Wait until the rate allows the calls; ``False`` if it never will."""
        capacity = self.ledger.run().settings.bucket(connector).capacity
        estimate = sum(request.estimate for request in requests)
        tokens = min(estimate, capacity) if connector is Connector.LLM_TOKENS else len(requests)
        patience = min(_LONGEST_WAIT, self.deadline.remaining() - _SETTLING)
        while wait := self.ledger.take(connector, tokens, reservation.key):
            if wait > patience:
                self.ledger.release(reservation)
                if wait == math.inf:
                    detail = f"the bucket of {connector} is empty for good"
                    self.ledger.close_gate(StoppedBy.BUDGET, capacity, capacity, detail)
                    return False
                raise Throttled(f"The rate of {connector} asks to wait {wait:.1f} s, longer than there is time for.")
            self.sleep(wait)
            patience -= wait
        return True

    def _key(self, work: Sequence[str]) -> str:
        return sha256("|".join([self.work, *work]).encode())
