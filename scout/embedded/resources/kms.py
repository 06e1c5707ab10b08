"""Encryption keys and their aliases."""

from __future__ import annotations

from typing import Final

from scout.embedded.resources.base import AwsContext, Handler, JsonObject
from scout.embedded.resources.outcomes import Absent
from scout.embedded.resources.shapes import changed
from scout.embedded.resources.tags import Tagging, tag_list
from scout.embedded.resources.values import DOCUMENT, TEXTS, TRUTH, Whole, texts

_DELETION_DAYS: Final = 30
_TAGGING: Final = Tagging("KeyId", pair=("TagKey", "TagValue"), listing="list_resource_tags")


class Key(Handler):
    """`aws:kms/key:Key`: a symmetric key of the account."""

    resource_type = "aws:kms/key:Key"
    arguments = frozenset({"description", "enableKeyRotation", "deletionWindowInDays", "policy", "tags"})
    required = frozenset[str]()
    values = texts("description") | {
        "enableKeyRotation": TRUTH,
        "deletionWindowInDays": Whole(7, 30),
        "policy": DOCUMENT,
        "tags": TEXTS,
    }
    replace_on = frozenset[str]()
    computed = frozenset({"policy"})
    unreadable = frozenset({"deletionWindowInDays"})
    owns_name = False
    coexists = True
    assigned = frozenset({"id", "keyId", "arn"})

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        key = "00000000-0000-0000-0000-000000000000"
        return key, self._names(key, ctx)

    def _names(self, key: str, ctx: AwsContext) -> JsonObject:
        return {"keyId": key, "arn": f"arn:{ctx.partition}:kms:{ctx.region}:{ctx.account}:key/{key}"}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        client = ctx.client("kms")
        policy = {"Policy": inputs["policy"]} if "policy" in inputs else {}
        made = client.create_key(
            Description=inputs.get("description", ""), Tags=tag_list(inputs, "TagKey", "TagValue"), **policy
        )
        return str(made["KeyMetadata"]["KeyId"])

    def _settle(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        if inputs.get("enableKeyRotation"):
            ctx.client("kms").enable_key_rotation(KeyId=identifier)

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        key = self._metadata(identifier, ctx)
        return {"keyId": key["KeyId"], "arn": key["Arn"]}

    def _metadata(self, identifier: str, ctx: AwsContext) -> JsonObject:
        key: JsonObject = ctx.client("kms").describe_key(KeyId=identifier)["KeyMetadata"]
        if key["KeyState"] == "PendingDeletion":
            raise Absent(identifier)
        return key

    def _identify(self, identifier: str) -> JsonObject:
        # None of a key's inputs names it, and none is needed to read it.
        return {}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        client = ctx.client("kms")
        return {
            "description": self._metadata(identifier, ctx).get("Description", ""),
            "enableKeyRotation": client.get_key_rotation_status(KeyId=identifier)["KeyRotationEnabled"],
            "policy": client.get_key_policy(KeyId=identifier, PolicyName="default")["Policy"],
            "tags": _TAGGING.read(client, identifier),
        }

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        client = ctx.client("kms")
        if changed(old, new, ["description"]):
            client.update_key_description(KeyId=identifier, Description=new.get("description", ""))
        if changed(old, new, ["policy"]) and "policy" in new:
            client.put_key_policy(KeyId=identifier, PolicyName="default", Policy=new["policy"])
        if changed(old, new, ["enableKeyRotation"]):
            rotate = client.enable_key_rotation if new.get("enableKeyRotation") else client.disable_key_rotation
            rotate(KeyId=identifier)
        _TAGGING.change(client, identifier, old, new)

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        days = inputs.get("deletionWindowInDays", _DELETION_DAYS)
        # A key cannot be deleted at once: it waits, unusable, for 7 to 30 days.
        if self.read(identifier, inputs, ctx) is not None:
            ctx.client("kms").schedule_key_deletion(KeyId=identifier, PendingWindowInDays=days)


class Alias(Handler):
    """`aws:kms/alias:Alias`: a name for a key."""

    resource_type = "aws:kms/alias:Alias"
    arguments = frozenset({"name", "targetKeyId"})
    required = arguments
    values = texts("name", "targetKeyId")
    replace_on = frozenset({"name"})

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        prefix = f"arn:{ctx.partition}:kms:{ctx.region}:{ctx.account}"
        names = {"arn": f"{prefix}:{inputs['name']}", "targetKeyArn": f"{prefix}:key/{inputs['targetKeyId']}"}
        return inputs["name"], names

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        ctx.client("kms").create_alias(AliasName=inputs["name"], TargetKeyId=inputs["targetKeyId"])
        return str(inputs["name"])

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        alias = self._alias(identifier, ctx)
        key = ctx.client("kms").describe_key(KeyId=alias["TargetKeyId"])["KeyMetadata"]
        return {"arn": alias["AliasArn"], "targetKeyArn": key["Arn"]}

    def _alias(self, name: str, ctx: AwsContext) -> JsonObject:
        for page in ctx.client("kms").get_paginator("list_aliases").paginate():
            for alias in page["Aliases"]:
                if alias["AliasName"] == name:
                    return dict(alias)
        raise Absent(name)

    def _identify(self, identifier: str) -> JsonObject:
        return {"name": identifier}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        key, given = self._alias(identifier, ctx)["TargetKeyId"], inputs.get("targetKeyId", "")
        # A program may name the key by its ARN as well.
        return {"name": identifier, "targetKeyId": given if given.endswith(f"key/{key}") else key}

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        ctx.client("kms").update_alias(AliasName=identifier, TargetKeyId=new["targetKeyId"])

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        ctx.client("kms").delete_alias(AliasName=identifier)


HANDLERS: Final[tuple[Handler, ...]] = (Key(), Alias())
