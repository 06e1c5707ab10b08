"""What a deployment does to single resources: for real, or in a preview only in mind."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from scout.embedded.errors import name_taken, naming
from scout.embedded.resources import UNKNOWN

if TYPE_CHECKING:
    from scout.embedded.deploy.graph import Resource
    from scout.embedded.deploy.journal import Journal
    from scout.embedded.resources import AwsContext, Handler


class Actions(Protocol):
    """The three things that can be done to a resource. Each notes in the journal what it did."""

    def create(self, handler: Handler, wanted: Resource, *, replaces: bool) -> Resource:
        """Return the resource as it stands after it was created.

        Args:
            handler: The handler of its type.
            wanted: The resource with its inputs; id and outputs are filled in.
            replaces: One with the same URN was there before.
        """

    def update(self, handler: Handler, old: Resource, wanted: Resource) -> Resource:
        """Return the resource as it stands after its inputs were changed."""

    def delete(self, handler: Handler, old: Resource) -> None:
        """Delete the resource."""


class RealActions:
    """Calls the API.

    Args:
        ctx: Where the resources are.
        journal: Notes what happens, before and after each call.
    """

    def __init__(self, ctx: AwsContext, journal: Journal) -> None:
        self._ctx = ctx
        self._journal = journal

    def create(self, handler: Handler, wanted: Resource, *, replaces: bool) -> Resource:
        """Create the resource.

        Raises:
            ResourceError: The name is taken, or the API refused.
        """
        with naming(wanted, "create"):
            holder = handler.find(wanted.inputs, self._ctx)
            if holder is not None and self._journal.begun(wanted.urn):
                # Ours, from a deployment that was cut off here. How far it got is not known, so it starts afresh.
                handler.delete(holder, wanted.inputs, self._ctx)
            elif holder is not None:
                raise name_taken(holder)
            self._journal.begin(wanted)
            identifier, outputs = handler.create(wanted.inputs, self._ctx)
        made = replace(wanted, id=identifier, outputs=outputs)
        self._journal.put(made)
        return made

    def update(self, handler: Handler, old: Resource, wanted: Resource) -> Resource:
        """Change the resource.

        Raises:
            ResourceError: The API refused.
        """
        with naming(wanted, "update"):
            outputs = handler.update(old.id, old.inputs, wanted.inputs, self._ctx)
        made = replace(wanted, id=old.id, outputs=outputs)
        self._journal.put(made)
        return made

    def delete(self, handler: Handler, old: Resource) -> None:
        """Delete the resource.

        Raises:
            ResourceError: The API refused.
        """
        with naming(old, "delete"):
            handler.delete(old.id, old.inputs, self._ctx)
        self._journal.forget(old)


class ImaginedActions:
    """Calls nothing that changes anything, and foretells what the real actions would give.

    Args:
        ctx: Where the resources are.
        journal: Notes what would happen.
    """

    def __init__(self, ctx: AwsContext, journal: Journal) -> None:
        self._ctx = ctx
        self._journal = journal

    def create(self, handler: Handler, wanted: Resource, *, replaces: bool) -> Resource:
        """Foretell the outputs: of a new resource none, as in the engine; of a replacement what its name decides.

        Raises:
            ResourceError: The name is taken.
        """
        imagined = replace(wanted, outputs=dict(wanted.inputs))
        if replaces:
            identifier, outputs = handler.expected(wanted.inputs, self._ctx)
            settled = {key: value for key, value in outputs.items() if key in wanted.inputs or not _unknown(value)}
            imagined.outputs = {key: value for key, value in settled.items() if key not in handler.assigned}
            imagined.id = "" if "id" in handler.assigned or _unknown(identifier) else identifier
        elif not _unknown(wanted.inputs):
            with naming(wanted, "create"):
                holder = handler.find(wanted.inputs, self._ctx)
                if holder is not None and not self._journal.begun(wanted.urn):
                    raise name_taken(holder)
        self._journal.put(imagined)
        return imagined

    def update(self, handler: Handler, old: Resource, wanted: Resource) -> Resource:
        """Foretell the outputs: those that stand, save what the API decides anew."""
        imagined = replace(wanted, id=old.id, outputs=handler.foretold(old.inputs, old.outputs, wanted.inputs))
        self._journal.put(imagined)
        return imagined

    def delete(self, handler: Handler, old: Resource) -> None:
        """Foretell nothing: it is gone."""
        self._journal.forget(old)


def _unknown(value: object) -> bool:
    return UNKNOWN in json.dumps(value)
