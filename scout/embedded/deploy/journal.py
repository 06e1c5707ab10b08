"""The graph of a stack while a deployment changes it, on disk after every single change."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scout.embedded.deploy.graph import Graph, Resource
    from scout.embedded.resources import JsonObject


class Journal:
    """What stood before, what stands now, and what is under way. Safe for many threads.

    Args:
        graph: The graph to begin with; it is changed.
        save: Writes the graph; called after every change.
    """

    def __init__(self, graph: Graph, save: Callable[[Graph], None]) -> None:
        self._graph = graph
        self._save = save
        self._lock = threading.RLock()
        self._rank = {resource.urn: rank for rank, resource in enumerate(graph.resources)}
        self._before = {resource.urn: resource for resource in graph.resources if not resource.condemned}
        self._now: dict[str, Resource] = {}
        self._condemned = [resource for resource in graph.resources if resource.condemned]
        self._begun = dict(graph.pending)

    def before(self, urn: str, aliases: Iterable[str] = ()) -> Resource | None:
        """Return the resource as the last deployment left it, unless this one has dealt with it.

        Args:
            urn: Its URN.
            aliases: The URNs that it may have had then. One that is found takes `urn` from now on.
        """
        with self._lock:
            held = next((name for name in (urn, *aliases) if name in self._before), None)
            if held is None or held == urn:
                return self._before.get(urn)
            resource = self._before.pop(held)
            resource.urn = urn
            self._before[urn] = resource
            self._rank[urn] = self._rank.pop(held)
            return resource

    def untouched(self) -> list[Resource]:
        """Return what the last deployment left and this one has not dealt with, dependencies first."""
        with self._lock:
            return list(self._before.values())

    def leftovers(self) -> list[Resource]:
        """Return what is to be deleted when the program has ended, dependents first."""
        with self._lock:
            remaining = [*self._before.values(), *self._condemned]
            return sorted(remaining, key=lambda resource: self._rank[resource.urn], reverse=True)

    def begun(self, urn: str) -> bool:
        """Return whether an earlier deployment began to create the resource and was cut off."""
        return urn in self._begun

    def begin(self, resource: Resource) -> None:
        """Note that the resource is about to be created: if nothing follows, it may or may not exist."""
        with self._lock:
            self._graph.pending[resource.urn] = resource
            self._write()

    def put(self, resource: Resource) -> None:
        """Note that the resource stands as given."""
        with self._lock:
            self._graph.pending.pop(resource.urn, None)
            self._before.pop(resource.urn, None)
            self._now[resource.urn] = resource
            self._write()

    def condemn(self, resource: Resource) -> None:
        """Note that the resource is to be deleted at the end, since its replacement is about to be made."""
        with self._lock:
            resource.condemned = True
            self._before.pop(resource.urn, None)
            self._condemned.append(resource)
            self._write()

    def forget(self, resource: Resource) -> None:
        """Note that the resource is gone."""
        with self._lock:
            if resource.condemned:
                self._condemned.remove(resource)
            else:
                self._before.pop(resource.urn, None)
            self._write()

    def set_component_outputs(self, urn: str, outputs: JsonObject) -> None:
        """Note what a component registered."""
        with self._lock:
            self._now[urn].outputs = outputs
            self._write()

    def close(self, outputs: JsonObject) -> None:
        """Note what the program exported."""
        with self._lock:
            self._graph.outputs = outputs
            self._write()

    def _write(self) -> None:
        self._graph.resources = [*self._now.values(), *self._before.values(), *self._condemned]
        self._save(self._graph)
