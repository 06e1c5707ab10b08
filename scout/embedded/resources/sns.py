"""Topics of SNS."""

from __future__ import annotations

from typing import Final

from scout.embedded.resources.base import AwsContext, Handler, JsonObject
from scout.embedded.resources.shapes import unpicked
from scout.embedded.resources.tags import Tagging, tag_list
from scout.embedded.resources.values import DOCUMENT, TEXTS, texts

_TAGGING: Final = Tagging(pair=("Key", "Value"))
_ATTRIBUTES: Final = {"displayName": "DisplayName", "kmsMasterKeyId": "KmsMasterKeyId", "policy": "Policy"}


class Topic(Handler):
    """`aws:sns/topic:Topic`: a standard topic."""

    resource_type = "aws:sns/topic:Topic"
    arguments = frozenset(_ATTRIBUTES) | {"name", "tags"}
    required = frozenset({"name"})
    values = texts("name", "displayName", "kmsMasterKeyId") | {"policy": DOCUMENT, "tags": TEXTS}
    computed = frozenset({"policy"})
    replace_on = frozenset({"name"})

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        arn = f"arn:{ctx.partition}:sns:{ctx.region}:{ctx.account}:{inputs['name']}"
        return arn, {"arn": arn, "owner": ctx.account}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        attributes = {name: inputs[key] for key, name in _ATTRIBUTES.items() if key in inputs}
        made = ctx.client("sns").create_topic(Name=inputs["name"], Attributes=attributes, Tags=tag_list(inputs))
        return str(made["TopicArn"])

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        held = ctx.client("sns").get_topic_attributes(TopicArn=identifier)["Attributes"]
        return {"arn": held["TopicArn"], "owner": held["Owner"]}

    def _identify(self, identifier: str) -> JsonObject:
        return {"name": identifier.rpartition(":")[2] if identifier.startswith("arn:") else ""}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        client = ctx.client("sns")
        held = client.get_topic_attributes(TopicArn=identifier)["Attributes"]
        return unpicked(held, _ATTRIBUTES) | self._identify(identifier) | {"tags": _TAGGING.read(client, identifier)}

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        client = ctx.client("sns")
        for key, name in _ATTRIBUTES.items():
            # A topic has a policy always: the provider, too, leaves it as it is where the program names none.
            if old.get(key) != new.get(key) and not (key == "policy" and key not in new):
                client.set_topic_attributes(TopicArn=identifier, AttributeName=name, AttributeValue=new.get(key, ""))
        _TAGGING.change(client, identifier, old, new)

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        ctx.client("sns").delete_topic(TopicArn=identifier)


HANDLERS: Final[tuple[Handler, ...]] = (Topic(),)
