"""One deployment: what the program registers is kept, created, updated or replaced, and the rest is deleted."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from scout.embedded.deploy.diff import Change, Op, property_changes
from scout.embedded.deploy.graph import Resource
from scout.embedded.errors import INVALID_INPUT, PROTECTED, UNKNOWN_TYPE, ResourceError
from scout.embedded.resources import invoke
from scout.embedded.resources.differences import changed_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from scout.embedded.deploy.actions import Actions
    from scout.embedded.deploy.journal import Journal
    from scout.embedded.deploy.program import Registration
    from scout.embedded.resources import AwsContext, Handler, JsonObject


class Stage(StrEnum):
    """How far the work on a resource is."""

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Event:
    """Something that happened to a resource during a deployment.

    Attributes:
        stage: How far the work on it is. What stays the same is told as done, once.
        change: What is done to it.
        seconds: How long it took, once it is done or has failed.
        message: Why it failed.
    """

    stage: Stage
    change: Change
    seconds: float = 0.0
    message: str = ""


class Deployment:
    """Decides what becomes of each resource; an `Engine` for `run_program`.

    Args:
        journal: What stood before; notes what stands after.
        actions: Does what is decided.
        handlers: The handler of each type.
        ctx: Where the functions are asked.
        on_event: Told of each step, by one thread at a time.
    """

    def __init__(
        self,
        journal: Journal,
        actions: Actions,
        handlers: Mapping[str, Handler],
        ctx: AwsContext,
        on_event: Callable[[Event], None],
    ) -> None:
        self.changes: list[Change] = []
        self._journal = journal
        self._actions = actions
        self._handlers = handlers
        self._ctx = ctx
        self._on_event = on_event
        self._lock = threading.RLock()
        self._started: set[str] = set()
        self._cleared: dict[str, Resource] = {}

    def register(self, registration: Registration) -> tuple[str, JsonObject]:
        """Bring one resource into the state that the program asks for.

        Raises:
            ResourceError: No handler knows its type, its inputs cannot be right, or the API refused.
        """
        with self._lock:
            self._started.add(registration.urn)
            old = self._journal.before(registration.urn, registration.aliases)
        wanted = resource_of(registration)
        if not registration.custom:
            self._journal.put(wanted)
            return "", {}
        if old is not None:
            _ignore(registration.ignore_changes, old, wanted)
        handler = checked_handler_of(wanted, self._handlers)
        change = self._decide(handler, old, wanted, frozenset(registration.replace_on_changes))
        with self._reported(change):
            made = self._carry_out(change.op, handler, old, wanted)
        return made.id, made.outputs

    def register_outputs(self, urn: str, outputs: JsonObject) -> None:
        """Keep what a component registers."""
        self._journal.set_component_outputs(urn, outputs)

    def invoke(self, token: str, arguments: JsonObject) -> JsonObject:
        """Answer a function of the provider.

        Raises:
            UnknownFunctionError: There is no answer to it.
        """
        return invoke(token, arguments, self._ctx)

    def delete_leftovers(self) -> None:
        """Delete what the program no longer asks for, dependents first.

        Raises:
            ResourceError: The API refused, or a resource is protected.
        """
        for old in self._journal.leftovers():
            if not old.custom:
                self._journal.forget(old)
            elif old.condemned:
                self._actions.delete(handler_of(old, self._handlers), old)
            else:
                with self._reported(_change(Op.DELETE, old)):
                    self._delete(old)
        # Deleted for the sake of something that they depended on, and not asked for again.
        self.changes += [_change(Op.DELETE, old) for urn, old in self._cleared.items() if urn not in self._started]

    def _decide(self, handler: Handler, old: Resource | None, wanted: Resource, also: frozenset[str]) -> Change:
        cleared = self._cleared.get(wanted.urn)
        before = old or cleared
        if before is None:
            return _change(Op.CREATE, wanted)
        differing = frozenset(changed_inputs(before.inputs, wanted.inputs))
        properties = property_changes(before.inputs, wanted.inputs, frozenset([*before.secrets, *wanted.secrets]))
        replacing = cleared is not None or differing & (handler.replace_on | also)
        op = Op.REPLACE if replacing else Op.UPDATE if differing else Op.SAME
        return Change(op, wanted.type, wanted.name, wanted.urn, properties)

    def _carry_out(self, op: Op, handler: Handler, old: Resource | None, wanted: Resource) -> Resource:
        if old is None:
            return self._actions.create(handler, wanted, replaces=op is Op.REPLACE)
        if op is Op.SAME:
            wanted.id, wanted.outputs = old.id, old.outputs
            self._journal.put(wanted)
            return wanted
        if op is Op.UPDATE:
            return self._actions.update(handler, old, wanted)
        if handler.coexists:
            _refuse_protected(old)
            self._journal.condemn(old)
        else:
            self._clear_dependents(old)
            self._delete(old)
        return self._actions.create(handler, wanted, replaces=True)

    def _clear_dependents(self, replaced: Resource) -> None:
        """Delete what cannot outlive the resource: whose own replacement is forced by an input that comes from it."""
        with self._lock:
            going = {replaced.urn}
            cleared = []
            for resource in self._journal.untouched():
                if not resource.custom or resource.urn in self._started:
                    continue
                forcing = handler_of(resource, self._handlers).replace_on
                sources = [urn for key in forcing for urn in resource.property_dependencies.get(key, [])]
                if going & set(sources):
                    going.add(resource.urn)
                    cleared.append(resource)
            for resource in reversed(cleared):
                self._cleared[resource.urn] = resource
                self._delete(resource)

    def _delete(self, old: Resource) -> None:
        _refuse_protected(old)
        self._actions.delete(handler_of(old, self._handlers), old)

    @contextlib.contextmanager
    def _reported(self, change: Change) -> Iterator[None]:
        if change.op is not Op.SAME:
            self._tell(Event(Stage.STARTED, change))
        start = time.monotonic()
        try:
            yield
        except Exception as error:
            self._tell(Event(Stage.FAILED, change, time.monotonic() - start, str(error)))
            raise
        with self._lock:
            self.changes.append(change)
        self._tell(Event(Stage.DONE, change, time.monotonic() - start))

    def _tell(self, event: Event) -> None:
        with self._lock:
            self._on_event(event)


def handler_of(resource: Resource, handlers: Mapping[str, Handler]) -> Handler:
    """Return the handler of a resource's type.

    Raises:
        ResourceError: There is none.
    """
    if resource.type not in handlers:
        raise ResourceError(resource, "look-up", UNKNOWN_TYPE, "the embedded AWS has no handler for this type.")
    return handlers[resource.type]


def checked_handler_of(resource: Resource, handlers: Mapping[str, Handler]) -> Handler:
    """Return the handler of a resource's type, after it has looked at the inputs.

    Raises:
        ResourceError: There is none, or the inputs cannot be right.
    """
    handler = handler_of(resource, handlers)
    if problems := handler.check(resource.inputs):
        raise ResourceError(resource, "check", INVALID_INPUT, "; ".join(problems) + ".")
    return handler


def resource_of(registration: Registration) -> Resource:
    """Return the resource that the program asks for; its id and its outputs are to be filled in."""
    return Resource(
        urn=registration.urn,
        type=registration.type,
        name=registration.name,
        custom=registration.custom,
        parent=registration.parent,
        inputs=registration.inputs,
        dependencies=list(registration.dependencies),
        property_dependencies=registration.property_dependencies,
        protect=registration.protect,
        secrets=sorted(registration.secrets),
    )


def _ignore(keys: tuple[str, ...], old: Resource, wanted: Resource) -> None:
    kept = {key: old.inputs[key] for key in keys if key in old.inputs}
    wanted.inputs = {key: value for key, value in wanted.inputs.items() if key not in keys} | kept


def _change(op: Op, resource: Resource) -> Change:
    return Change(op, resource.type, resource.name, resource.urn)


def _refuse_protected(old: Resource) -> None:
    if old.protect:
        raise ResourceError(old, "delete", PROTECTED, "the resource is protected.")
