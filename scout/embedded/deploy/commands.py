"""Deploy a stack on the embedded AWS in this process, preview it, and take it down again."""

from __future__ import annotations

import contextlib
import fcntl
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scout.embedded.aws import AccountContext, AwsEndpoint
from scout.embedded.deploy.actions import ImaginedActions, RealActions
from scout.embedded.deploy.deployment import Deployment, Event, handler_of
from scout.embedded.deploy.diff import Change, Op
from scout.embedded.deploy.graph import Graph, Resource, StateError
from scout.embedded.deploy.journal import Journal
from scout.embedded.deploy.program import run_program
from scout.embedded.deploy.stack_config import load_stack_config
from scout.embedded.emulator.instance import DEFAULT_ACCOUNT
from scout.embedded.errors import naming
from scout.embedded.resources import HANDLERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from scout.embedded.resources import AwsContext, Handler, JsonObject

_STATE_FILE: Final = "stack.json"
_LOCK_FILE: Final = "lock"


@dataclass(frozen=True)
class DeployResult:
    """What a deployment did, or a preview found.

    Attributes:
        outputs: What the program exported. In a preview, `UNKNOWN` stands for what is not known yet.
        changes: What was done to each resource of AWS, also to those that stayed the same, in the order of their URNs.
        lost: The resources that an earlier deployment made and that were not there any more, by name.
        seconds: How long it took.
    """

    outputs: JsonObject
    changes: tuple[Change, ...]
    lost: tuple[str, ...]
    seconds: float

    def count(self, op: Op) -> int:
        """Return to how many resources this was done."""
        return sum(change.op == op for change in self.changes)


def deploy(
    project_dir: Path,
    stack: str,
    endpoint: AwsEndpoint,
    state_dir: Path,
    *,
    account: str = DEFAULT_ACCOUNT,
    preview: bool = False,
    over: Mapping[str, str] | None = None,
    on_event: Callable[[Event], None] | None = None,
    handlers: Mapping[str, Handler] = HANDLERS,
) -> DeployResult:
    """Make the resources of a stack what its program asks for.

    What is done is on disk after each resource, so that a deployment which failed or was cut off goes on where it
    stood when it is started again.

    Args:
        project_dir: The folder of `Pulumi.yaml` and `__main__.py`.
        stack: Name of the stack.
        endpoint: Where to deploy to.
        state_dir: The folder that holds the state of all stacks; this one's is `<state_dir>/<stack>/stack.json`.
        account: Twelve digits.
        preview: Only find out what would be done. Nothing is changed, neither there nor on disk.
        over: Configuration values, by full key, that lie over those of the stack's file.
        on_event: Told of each step, by one thread at a time.
        handlers: The handler of each resource type.

    Returns:
        What was done, and what the program exported.

    Raises:
        ConfigError: The stack's configuration is not what `Pulumi.yaml` declares.
        ProgramError: The program asks for what has no support here, or registers a URN twice.
        ResourceError: A resource could not be made; what was made until then stands.
        StateError: The state file cannot be used, or another deployment of the stack runs.
        Exception: Whatever the program raised.
    """
    start = time.monotonic()
    config = load_stack_config(project_dir, stack)
    config = replace(config, values={**config.values, **(over or {})})
    region = config.values.get("aws:region", endpoint.region)
    ctx = AccountContext(endpoint, account, region)
    path = state_dir / stack / _STATE_FILE
    with _locked(path.parent):
        graph = Graph.load(path) or Graph(config.project, stack, account, region, endpoint.instance)
        lost = _drop_lost(graph, endpoint.instance, ctx, handlers)
        graph.project = config.project
        journal = Journal(graph, _unsaved if preview else lambda changed: changed.save(path))
        actions = ImaginedActions(ctx, journal) if preview else RealActions(ctx, journal)
        deployment = Deployment(journal, actions, handlers, ctx, on_event or _unheard)
        outputs = run_program(config, deployment, preview=preview)
        deployment.delete_leftovers()
        journal.close(outputs)
    return _result(outputs, deployment, lost, start)


def destroy(
    stack: str,
    endpoint: AwsEndpoint,
    state_dir: Path,
    *,
    on_event: Callable[[Event], None] | None = None,
    handlers: Mapping[str, Handler] = HANDLERS,
) -> DeployResult:
    """Delete all resources of a stack, dependents first. One that was never deployed has none.

    Args:
        stack: Name of the stack.
        endpoint: Where it was deployed to.
        state_dir: The folder that holds the state of all stacks.
        on_event: Told of each step.
        handlers: The handler of each resource type.

    Returns:
        What was deleted.

    Raises:
        ResourceError: A resource could not be deleted; what was deleted until then is gone.
        StateError: The state file cannot be used, or a deployment of the stack runs.
    """
    start = time.monotonic()
    path = state_dir / stack / _STATE_FILE
    with _locked(path.parent):
        graph = Graph.load(path)
        if graph is None:
            return DeployResult({}, (), (), time.monotonic() - start)
        ctx = AccountContext(endpoint, graph.account, graph.region)
        lost = _drop_lost(graph, endpoint.instance, ctx, handlers)
        _delete_begun(graph, ctx, handlers)
        journal = Journal(graph, lambda changed: changed.save(path))
        deployment = Deployment(journal, RealActions(ctx, journal), handlers, ctx, on_event or _unheard)
        deployment.delete_leftovers()
        path.unlink()
    return _result({}, deployment, lost, start)


def stack_outputs(stack: str, state_dir: Path) -> JsonObject:
    """Return what the program of a stack exported when it was deployed last; nothing if it never was.

    Args:
        stack: Name of the stack.
        state_dir: The folder that holds the state of all stacks.

    Raises:
        StateError: The state file cannot be used.
    """
    graph = Graph.load(state_dir / stack / _STATE_FILE)
    return graph.outputs if graph else {}


def _drop_lost(graph: Graph, instance: str, ctx: AwsContext, handlers: Mapping[str, Handler]) -> tuple[str, ...]:
    """Take out of the graph what an emulator that has ended took with it."""
    moved = (graph.account, graph.region) != (ctx.account, ctx.region)
    if moved and graph.instance == instance and graph.resources:
        raise StateError(
            f"stack '{graph.stack}' stands in account {graph.account}, region {graph.region}, and is now asked for in "
            f"{ctx.account}, {ctx.region}: delete it there first, with `scout down`"
        )
    standing = [resource for resource in graph.resources if resource.custom]
    # One look is enough while the emulator is the same: a reset takes all.
    if graph.instance == instance and (not standing or _refreshed(standing[0], ctx, handlers)):
        return ()
    kept, lost = [], []
    for resource in graph.resources:
        if resource.custom and (moved or not _refreshed(resource, ctx, handlers)):
            lost.append(resource.name)
        else:
            kept.append(resource)
    graph.account, graph.region, graph.instance, graph.resources = ctx.account, ctx.region, instance, kept
    if lost:
        graph.pending = {}
    return tuple(lost)


def _refreshed(resource: Resource, ctx: AwsContext, handlers: Mapping[str, Handler]) -> bool:
    """Bring the outputs of a resource up to date; return False if it is not there."""
    with naming(resource, "read"):
        outputs = handler_of(resource, handlers).read(resource.id, resource.inputs, ctx)
    if outputs is None:
        return False
    resource.outputs = outputs
    return True


def _delete_begun(graph: Graph, ctx: AwsContext, handlers: Mapping[str, Handler]) -> None:
    """Delete what a deployment that was cut off may have made without noting it."""
    for resource in graph.pending.values():
        handler = handler_of(resource, handlers)
        with naming(resource, "delete"):
            holder = handler.find(resource.inputs, ctx)
            if holder is not None:
                handler.delete(holder, resource.inputs, ctx)
    graph.pending = {}


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK_FILE).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StateError(f"another deployment of this stack runs; it holds {folder / _LOCK_FILE}") from error
        yield


def _result(outputs: JsonObject, deployment: Deployment, lost: tuple[str, ...], start: float) -> DeployResult:
    changes = tuple(sorted(deployment.changes, key=lambda change: (change.urn, change.op)))
    return DeployResult(outputs, changes, lost, time.monotonic() - start)


def _unsaved(_: Graph) -> None:
    """Leave the state file as it is."""


def _unheard(_: Event) -> None:
    """Tell nobody."""
