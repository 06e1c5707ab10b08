"""What must hold of a run of a golden input. Each check looks at the evidence alone, and returns what it saw."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import ValidationError

from lambdas.contracts.connectors import BudgetGroup
from lambdas.contracts.manifest import BudgetUse, FrontierUse, Manifest, RunStatus, StateStatus, StoppedBy
from lambdas.runtime import keys
from scout.e2e.checks import CheckFailed
from workflow.city_discovery import GATES, WORK_OF
from workflow.city_states import PHASES, STATE_NAMES, Phase

if TYPE_CHECKING:
    from lambdas.contracts.job import RunInput
    from lambdas.contracts.manifest import GateClosed
    from lambdas.runtime.window import Progress
    from scout.e2e.golden import Expectation

DEFINITIONS = ("city-discovery", "page-processing")
# What every run that succeeds passes through, in this order; choices and the polling loop lie between.
PATH: tuple[str, ...] = (
    "OpenRun",
    *PHASES[Phase.DISCOVERY],
    "PollFrontier",
    next(iter(GATES)),
    "CloseFrontier",
    *PHASES[Phase.FINALIZATION],
    "RunSucceeded",
)


@dataclass(frozen=True)
class Evidence:
    """What a run has left behind, as it was read from the stack.

    Attributes:
        job: The input, as the run was started with it.
        expected: What the run has to come to.
        run_id: The run.
        visited: The states that its execution entered, in order.
        manifest_text: Its manifest; None if there is none.
        latest_text: The pointer to the job's last run; None if there is none.
        bodies: The outputs that the manifest names, by key; None for one that is not there.
        budgets: What was spent, by the ledger.
        frontier: What became of the frontier, by the ledger.
        in_flight: How many messages are still being worked on, by the ledger.
        progress: How much the run still found at its end, by the ledger.
        deployed: The digests of the deployed definitions by their names, in the manifest's form.
    """

    job: RunInput
    expected: Expectation
    run_id: str
    visited: tuple[str, ...]
    manifest_text: bytes | None
    latest_text: bytes | None
    bodies: Mapping[str, bytes | None]
    budgets: Mapping[str, BudgetUse]
    frontier: FrontierUse
    in_flight: int
    progress: Progress
    deployed: Mapping[str, str]

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest.

        Raises:
            CheckFailed: There is none, or it breaks its contract.
        """
        if self.manifest_text is None:
            raise CheckFailed(f"there is no {keys.manifest(self.job.slug, self.run_id)}")
        try:
            return Manifest.model_validate_json(self.manifest_text)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            raise CheckFailed(f"the manifest breaks its contract: {problems}") from error


def manifest(evidence: Evidence) -> str:
    """The manifest is complete, is of this run, and was made by what is deployed."""
    found = evidence.manifest
    _none_of(_incomplete(evidence, found))
    return f"{keys.manifest(evidence.job.slug, evidence.run_id)}, made by {_pairs(found.versions)}"


def _incomplete(evidence: Evidence, found: Manifest) -> Iterator[str]:
    if found.run_id != evidence.run_id:
        yield f"it is of run {found.run_id}"
    asked, answered = evidence.job.document(), found.input.document()
    # The command line adds an id of its own, and puts local data into the bucket.
    for name in sorted(asked.keys() - {"orchestrator", "sources"}):
        if answered.get(name) != asked[name]:
            yield f"its input has another {name} than was asked for"
    if missing := sorted(set(STATE_NAMES) - set(found.states)):
        yield f"it says nothing of {', '.join(missing)}"
    if missing := sorted({group.value for group in BudgetGroup} - set(found.budgets)):
        yield f"it says nothing of the budgets {', '.join(missing)}"
    if not found.settings:
        yield "it does not say which settings the run went by"
    if "program" not in found.versions:
        yield "it does not say which version of the program made it"
    for name, digest in evidence.deployed.items():
        if found.versions.get(name) != digest:
            yield f"it was made by {name} {found.versions.get(name)}, and {digest} is deployed"
    if evidence.latest_text is None:
        yield f"there is no {keys.latest(evidence.job.s3_prefix)} that points to it"
    else:
        latest, finished = _pointer(evidence.latest_text)
        # A run of the same job that ended later has moved it on.
        if latest != evidence.run_id and finished <= found.finished_at:
            yield f"{keys.latest(evidence.job.s3_prefix)} points to the older run {latest}"


def status(evidence: Evidence) -> str:
    """The run succeeded as a whole."""
    found = evidence.manifest
    if found.status is not RunStatus.SUCCEEDED or found.failed_states:
        errors = [f"{state}: {report.error}" for state, report in found.states.items() if report.error]
        said = "; ".join(errors) or "no state gave an error"
        raise CheckFailed(
            f"the run is {found.status} without {', '.join(found.failed_states) or 'a failed state'}: {said}"
        )
    return f"SUCCEEDED in {found.seconds:.1f} s"


def states(evidence: Evidence) -> str:
    """The execution took the way of a run that succeeds, and every state did its work."""
    _none_of(_astray(evidence))
    done = [name for name, report in evidence.manifest.states.items() if report.status is StateStatus.SUCCEEDED]
    return f"{len(evidence.visited)} entered; {len(done)} of {len(STATE_NAMES)} had something to do"


def _astray(evidence: Evidence) -> Iterator[str]:
    visited = iter([WORK_OF.get(name, name) for name in evidence.visited])
    for name in PATH:
        # Membership uses up the iterator: what follows is looked for behind what was found.
        if name not in visited:
            where = "was not entered" if name not in evidence.visited else "was entered out of its order"
            yield f"{name} {where}"
            break
    found = evidence.manifest
    for name in STATE_NAMES:
        report = found.states.get(name)
        if report is None:
            yield f"{name} did not report"
        elif report.status is StateStatus.FAILED:
            yield f"{name} failed: {report.error}"
        elif report.status is StateStatus.SKIPPED and found.gate is None and name not in evidence.expected.idle:
            yield f"{name} had nothing to do, though no gate had closed and no kill switch is on for it"


def budgets(evidence: Evidence) -> str:
    """No budget was passed, what is killed was not called, and manifest and ledger agree."""
    _none_of(_overspent(evidence))
    spent = evidence.manifest.budgets
    return ", ".join(f"{group} {use.spent:,} of {use.cap:,}{' (killed)' * use.killed}" for group, use in spent.items())


def _overspent(evidence: Evidence) -> Iterator[str]:
    # That nothing was called is no fault: what an earlier run of the city was answered is kept for weeks.
    for group in BudgetGroup:
        use = evidence.manifest.budgets.get(group.value)
        if use is None:
            yield f"{group} is not accounted for"
            continue
        if use.cap != evidence.job.cap(group):
            yield f"{group} was capped at {use.cap:,}, and the input says {evidence.job.cap(group):,}"
        if use.spent > use.cap:
            yield f"{group} spent {use.spent:,} of {use.cap:,}"
        killed = bool(getattr(evidence.job.kill_switches, group.value))
        if use.killed != killed:
            yield f"{group} was {'' if use.killed else 'not '}killed, and the input says {killed}"
        if killed and (use.calls or use.spent):
            yield f"{group} is killed and was called {use.calls:,} times for {use.spent:,}"
        if evidence.budgets.get(group.value) != use:
            yield f"{group} stands in the ledger as {evidence.budgets.get(group.value)}, and in the manifest as {use}"


def gates(evidence: Evidence) -> str:
    """The search ended in a way that the golden input allows; the gate that ended it is recorded, and had to close."""
    found, allowed = evidence.manifest, evidence.expected.stopped_by
    if found.stopped_by not in allowed:
        why = f" ({found.gate.detail})" if found.gate else ""
        raise CheckFailed(f"the search ended by {found.stopped_by}{why}; allowed is {' or '.join(allowed)}")
    if found.stopped_by is StoppedBy.DRAINED:
        if found.gate is not None:
            raise CheckFailed(f"the frontier was drained, and yet the gate {found.gate.name} is closed")
        _none_of(_left_open(evidence))
        return "drained, with every gate open"
    if found.gate is None or found.gate.name is not found.stopped_by:
        closed = found.gate.name if found.gate else "none"
        raise CheckFailed(f"the search ended by {found.stopped_by}, and the closed gate is {closed}")
    _none_of(_unfounded(found.gate, evidence.job))
    return f"{found.gate.name}: {found.gate.value:g} against {found.gate.threshold:g}, {found.gate.detail}"


def _left_open(evidence: Evidence) -> Iterator[str]:
    rule, progress = evidence.job.early_stop, evidence.progress
    if progress.window_full and progress.rate < rule.min_new_unique_rate:
        yield (
            f"no gate closed, though {progress.rate:.3g} of what the last {rule.window_calls:,} calls saw was new, and "
            f"early_stop asks for {rule.min_new_unique_rate:g}"
        )


def _unfounded(gate: GateClosed, job: RunInput) -> Iterator[str]:
    """What each gate writes down stands in ``lambdas.runtime``, where it closes it."""
    early_stop, rate = gate.name is StoppedBy.EARLY_STOP, job.early_stop.min_new_unique_rate
    if early_stop and gate.threshold != rate:
        yield f"early_stop closed below {gate.threshold:g}, and the input says {rate:g}"
    # A budget closes before it is passed, and so with less spent than it allows.
    below = early_stop or gate.name is StoppedBy.BUDGET
    if gate.value > gate.threshold if below else gate.value < gate.threshold:
        yield f"{gate.name} closed at {gate.value:g} against {gate.threshold:g}, where it has to stay open"


def frontier(evidence: Evidence) -> str:
    """Every message of the run came to an end, and none failed for good."""
    _none_of(_undrained(evidence.frontier, evidence.in_flight))
    use = evidence.frontier
    return f"{use.enqueued} messages: {use.done} done, {use.dropped} dropped"


def _undrained(use: FrontierUse, in_flight: int) -> Iterator[str]:
    if use.waiting:
        yield f"{use.waiting} messages still wait"
    if in_flight:
        yield f"{in_flight} messages are still being worked on"
    if use.dead:
        yield f"{use.dead} messages failed for good"
    if not use.enqueued:
        yield "nothing was sent to it"


def outputs(evidence: Evidence) -> str:
    """Every output is there, and is byte for byte what the manifest says."""
    _none_of(_damaged(evidence))
    total = sum(output.bytes for output in evidence.manifest.outputs)
    return f"{len(evidence.manifest.outputs)} outputs, {total:,} bytes, match their digests"


def _damaged(evidence: Evidence) -> Iterator[str]:
    named = {output.key: output for output in evidence.manifest.outputs}
    slug, run_id = evidence.job.slug, evidence.run_id
    for key in (keys.places(slug, run_id), keys.places_geojson(slug, run_id)):
        if key not in named:
            yield f"the manifest does not name {key}"
    for key, output in named.items():
        body = evidence.bodies.get(key)
        if body is None:
            yield f"{key} is not there"
        elif len(body) != output.bytes or hashlib.sha256(body).hexdigest() != output.sha256:
            yield f"{key} has {len(body):,} bytes, and is not what the manifest says"


def places(evidence: Evidence) -> str:
    """The result holds as many places as the manifest counts, and as the golden input asks for."""
    found, key = evidence.manifest.counts, keys.places(evidence.job.slug, evidence.run_id)
    ranks = _ranks(evidence.bodies.get(key) or b"", key)
    if len(ranks) != found.places:
        raise CheckFailed(f"{key} holds {len(ranks):,} places, and the manifest counts {found.places:,}")
    if ranks != list(range(1, len(ranks) + 1)):
        raise CheckFailed(f"{key} is not in the order of its ranks")
    if len(ranks) < evidence.expected.places_at_least:
        raise CheckFailed(
            f"{len(ranks):,} places were found; expected are {evidence.expected.places_at_least:,} or more"
        )
    return f"{len(ranks):,} places, {found.primaries:,} of them primaries"


# The checks in their order, with those that must have passed or there is nothing to look at.
CHECKS: tuple[tuple[str, Callable[[Evidence], str], tuple[str, ...]], ...] = (
    ("manifest", manifest, ()),
    ("status", status, ("manifest",)),
    ("states", states, ("manifest",)),
    ("budgets", budgets, ("manifest",)),
    ("gates", gates, ("manifest",)),
    ("frontier", frontier, ()),
    ("outputs", outputs, ("manifest",)),
    ("places", places, ("manifest", "outputs")),
)


def _none_of(problems: Iterator[str]) -> None:
    if found := list(problems):
        raise CheckFailed("; ".join(found))


def _pointer(text: bytes) -> tuple[str, str]:
    """Which run a pointer names, and when that ended."""
    try:
        document = json.loads(text)
        return str(document["run_id"]), str(document["finished_at"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckFailed(f"the pointer to the last run is broken: {error!r}") from error


def _ranks(body: bytes, key: str) -> list[object]:
    try:
        return [json.loads(line)["rank"] for line in body.splitlines()]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckFailed(f"{key} has a line that is no ranked place: {error!r}") from error


def _pairs(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
