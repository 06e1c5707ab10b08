"""Tags of resources, which each service spells in its own way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scout.embedded.resources.base import JsonObject


def tag_list(inputs: JsonObject, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Return the tags as a list of pairs, with the names that the service gives the two."""
    return [{key: name, value: text} for name, text in inputs.get("tags", {}).items()]


def tag_map(tags: Iterable[Mapping[str, str]], key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Return a list of pairs as tags: what undoes `tag_list`."""
    return {pair[key]: pair[value] for pair in tags}


def tag_changes(old: JsonObject, new: JsonObject) -> tuple[dict[str, str], list[str]]:
    """Return the tags to set and the keys of those to remove."""
    before, after = old.get("tags", {}), new.get("tags", {})
    return {key: text for key, text in after.items() if before.get(key) != text}, sorted(before.keys() - after.keys())


@dataclass(frozen=True)
class Tagging:
    """How TagResource and UntagResource of a service are spelled.

    Attributes:
        resource: The parameter that names the resource.
        tags: The parameter of TagResource that holds the tags.
        keys: The parameter of UntagResource that holds the keys to remove.
        pair: The names of key and value in a list of pairs; None for a service that takes tags as a map.
        listing: The operation that tells the tags.
        listed: The member of its answer that holds them.
    """

    resource: str = "ResourceArn"
    tags: str = "Tags"
    keys: str = "TagKeys"
    pair: tuple[str, str] | None = None
    listing: str = "list_tags_for_resource"
    listed: str = "Tags"

    def read(self, client: Any, resource: str) -> dict[str, str]:  # noqa: ANN401 - boto3's
        """Return the tags that a resource has.

        Args:
            client: The service's client.
            resource: What names the resource, mostly its ARN.
        """
        named = {self.resource: resource}
        if client.can_paginate(self.listing):
            answers = list(client.get_paginator(self.listing).paginate(**named))
        else:
            answers = [getattr(client, self.listing)(**named)]
        found: dict[str, str] = {}
        for answer in answers:
            tags = answer.get(self.listed, {})
            found |= tags if self.pair is None else tag_map(tags, *self.pair)
        return found

    def change(self, client: Any, resource: str, old: JsonObject, new: JsonObject) -> None:  # noqa: ANN401 - boto3's
        """Set and remove the tags that differ.

        Args:
            client: The service's client.
            resource: What names the resource, mostly its ARN.
            old: The inputs that it has now.
            new: The inputs that it is to have.
        """
        tags, removed = tag_changes(old, new)
        if tags:
            shaped = tags if self.pair is None else tag_list({"tags": tags}, *self.pair)
            client.tag_resource(**{self.resource: resource, self.tags: shaped})
        if removed:
            client.untag_resource(**{self.resource: resource, self.keys: removed})
