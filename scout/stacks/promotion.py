"""Promotion: bring what was tested on one stack to another, with that one's own configuration.

What is promoted is the program of this checkout: the same definitions, functions and components. That is the program
which was tested only if the source stack is deployed from it, unchanged, and its end-to-end test is green for that.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from scout.e2e import reports
from scout.e2e.checks import Outcome
from scout.errors import InputRefused, ScoutError
from scout.stacks import deployed, planning
from scout.stacks.configuration import stack_settings
from scout.stacks.fingerprint import CITY_DISCOVERY, differences, fingerprint
from workflow.city_states import CityState

if TYPE_CHECKING:
    from scout.deployment import Deployment
    from scout.e2e.reports import Report
    from scout.embedded.deploy.diff import Change, PropertyChange

_EVERYDAY, _WITH_MAP = "edinburgh", "helsinki"
_STATE_MACHINE = "aws:sfn/stateMachine:StateMachine"
# Follow from what is compared anyway: the archive of `code`, and digests of definitions.
_FOLLOWING = ("sourceCodeHash", "environment.variables.VERSIONS")


@dataclass(frozen=True)
class ResourceDifference:
    """A resource that is not the same in two stacks, their names aside.

    Attributes:
        only_in: The one stack that has it; None if both have.
        type: Its type token.
        name: Its name in the program.
        properties: What differs in its inputs: ``old`` in the source, ``new`` in the target.
    """

    only_in: str | None
    type: str
    name: str
    properties: tuple[PropertyChange, ...] = ()

    @property
    def is_definition(self) -> bool:
        """Whether it is a state machine."""
        return self.type == _STATE_MACHINE


@dataclass(frozen=True)
class Plan:
    """What promoting one stack to another comes to.

    Attributes:
        source: The stack whose program was tested.
        target: The stack that gets it.
        config: Effective settings that differ: ``old`` in the source, ``new`` in the target.
        resources: Resources and definitions that differ between the two.
        changes: What an `up` would do to the target.
        refusals: Why it may not be done; empty if it may.
        warnings: What whoever does it should know.
        commands: What to type to do it.
    """

    source: str
    target: str
    config: tuple[PropertyChange, ...]
    resources: tuple[ResourceDifference, ...]
    changes: tuple[Change, ...]
    refusals: tuple[str, ...]
    warnings: tuple[str, ...]
    commands: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """The plan for machines."""
        return {**asdict(self), "promotable": not self.refusals}


def plan(source: str, target: str, flags: Mapping[str, str] | None = None) -> Plan:
    """Find out what promoting comes to. Nothing is changed.

    Args:
        source: The stack whose program was tested; deployed.
        target: The stack that is to get it; deployed or not.
        flags: Modes of states that were put into the target's file for it, for the commands.

    Raises:
        InputRefused: Both are the same stack.
        ScoutError: A stack's configuration is wrong, the source is not deployed, or AWS or ``pulumi`` refused.
    """
    if source == target:
        raise InputRefused(f"a promotion of {source}", ["a stack cannot be promoted to itself: name another with --to"])
    deployment = deployed.deployment(source)
    refusals, warnings = [], []
    for subject in (CITY_DISCOVERY, *deployment.pipelines):
        wrong, noted = tested(deployment, subject)
        refusals += wrong
        warnings += noted
    if pending := planning.planned(source):
        names = ", ".join(f"{change.name} ({change.op})" for change in pending[:5])
        more = f" and {len(pending) - 5} more" if len(pending) > 5 else ""
        refusals.append(
            f"{source} is not deployed from this program and its configuration as they are here: {names}{more} would "
            f"change; deploy it and test it first: `{up_command(source)}`, "
            f"`{_e2e_command(source, city=_city_for(source))}`"
        )
    changes = planning.planned(target)
    refusals += planning.dangerous(changes)
    return Plan(
        source=source,
        target=target,
        config=_config_differences(source, target),
        resources=tuple(_resource_differences(source, target)),
        changes=changes,
        refusals=tuple(refusals),
        warnings=tuple(warnings),
        commands=tuple(_commands(target, flags or {})),
    )


def tested(deployment: Deployment, subject: str) -> tuple[list[str], list[str]]:
    """Whether a part of a stack is tested as it is deployed now.

    City discovery must be: with one golden input at least, and with none that fails. A pipeline need not be, but its
    last test must not have failed.

    Args:
        deployment: The stack.
        subject: ``city-discovery``, or a pipeline's name.

    Returns:
        Why it may not be promoted, and what else should be known; a line each.
    """
    now, found = fingerprint(deployment, subject), reports.kept(deployment, subject)
    current = [report for report in found if report.fingerprint == now]
    part = {"city": _city_for(deployment.stack)} if subject == CITY_DISCOVERY else {"pipeline": subject}
    command = _e2e_command(deployment.stack, **part)
    failed = [report for report in current if not report.passed]
    if subject != CITY_DISCOVERY and found and not found[0].passed and found[0] not in failed:
        failed.append(found[0])
    if failed:
        return [f"the last e2e of {subject} on {deployment.stack} with {_failure(report)}" for report in failed], []
    if current:
        return [], []
    if found:
        changed = "; ".join(differences(found[0].fingerprint, now))
        said = (
            f"the last e2e of {subject} on {deployment.stack} ({found[0].given}, {found[0].started_at}) is of "
            f"something else than what is deployed: {changed}; `{command}` tests it"
        )
    else:
        said = f"{subject} on {deployment.stack} was never tested; `{command}` tests it"
    return ([said], []) if subject == CITY_DISCOVERY else ([], [said])


def up_command(stack: str) -> str:
    """What deploys a stack, as it is typed."""
    return f"pulumi up --stack {stack}" if deployed.on_aws() else f"scout up -s {stack}"


def run_on_aws(target: str) -> None:
    """Deploy a stack with ``pulumi up``, whose words go to standard error.

    Raises:
        ScoutError: It failed, or is not installed.
    """
    if not planning.exists(target):
        deployed.pulumi("stack", "init", target)
    done = subprocess.run(deployed.pulumi_command("up", "--stack", target, "--yes"), stdout=2, check=False)
    if done.returncode:
        raise ScoutError(f"`pulumi up --stack {target}` failed with exit code {done.returncode}; its words stand above")


def _e2e_command(stack: str, *, pipeline: str | None = None, city: str | None = None) -> str:
    what = f" --pipeline {pipeline}" if pipeline else f" --city {city}" if city else ""
    return f"scout {'--aws ' if deployed.on_aws() else ''}e2e{what} -s {stack}"


def _city_for(stack: str) -> str:
    """The golden input to begin with: for a real TileSweep one that brings its map, so that it asks no service."""
    return _WITH_MAP if stack_settings(stack).states[CityState.TILE_SWEEP] == "real" else _EVERYDAY


def _failure(report: Report) -> str:
    failed = next(check for check in report.checks if check.outcome is Outcome.FAILED)
    return f"{report.given} ({report.started_at}) failed: {failed.name}: {failed.reason}"


def _commands(target: str, flags: Mapping[str, str]) -> Iterator[str]:
    if flags:
        words = " ".join(f"{state}={mode}" for state, mode in flags.items())
        yield f"scout flags set {words} -s {target}"
    if deployed.on_aws() and not planning.exists(target):
        yield f"pulumi stack init {target}"
    yield up_command(target)
    yield _e2e_command(target, city=_city_for(target))


def _config_differences(source: str, target: str) -> tuple[PropertyChange, ...]:
    from scout.embedded.deploy.diff import property_changes  # noqa: PLC0415 - see local.up()

    def settings(stack: str) -> dict[str, Any]:
        values = stack_settings(stack).model_dump(mode="json", by_alias=True)
        return {key: value for key, value in values.items() if key not in {"project", "stack"}}

    return property_changes(settings(source), settings(target))


def _resource_differences(source: str, target: str) -> Iterator[ResourceDifference]:
    """Both stacks as they would be made from nothing, so that only program and configuration decide."""
    from scout.embedded.deploy.diff import property_changes  # noqa: PLC0415 - see local.up()

    one, other = (_rendered(stack) for stack in (source, target))
    for urn in sorted(one.keys() | other.keys()):
        held = one.get(urn) or other[urn]
        if urn not in one or urn not in other:
            yield ResourceDifference(source if urn in one else target, held["type"], held["name"])
            continue
        changed = property_changes(one[urn]["inputs"], other[urn]["inputs"])
        if said := tuple(item for item in changed if not item.path.startswith(_FOLLOWING)):
            yield ResourceDifference(None, held["type"], held["name"], said)


def _rendered(stack: str) -> dict[str, dict[str, Any]]:
    """A stack's resources by URN, with the stack's name taken out of all names."""
    graph = planning.graph(stack)
    project, text = graph["project"], json.dumps(graph["resources"])
    for own, common in ((f"urn:pulumi:{stack}::", "urn:pulumi:STACK::"), (f"{project}-{stack}-", "")):
        text = text.replace(own, common)
    found = {}
    for resource in json.loads(text):
        if not resource["type"].startswith(planning.PROVIDER):
            continue
        tags = resource["inputs"].get("tags")
        if isinstance(tags, dict) and "stack" in tags:
            tags["stack"] = "STACK"  # every resource has it, and it says nothing
        found[resource["urn"]] = resource
    return found
