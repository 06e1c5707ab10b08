"""Roles and their inline policies."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Final

from scout.embedded.resources.base import AwsContext, Handler, JsonObject
from scout.embedded.resources.shapes import changed, picked, unpicked
from scout.embedded.resources.tags import tag_changes, tag_list, tag_map
from scout.embedded.resources.values import DOCUMENT, TEXTS, Whole, texts

_ROLE_SETTINGS: Final = {"path": "Path", "description": "Description", "maxSessionDuration": "MaxSessionDuration"}
# What IAM gives a role that does not say.
_SESSION_SECONDS: Final = 3600


class Role(Handler):
    """`aws:iam/role:Role`: a role and who may assume it."""

    resource_type = "aws:iam/role:Role"
    arguments = frozenset({"name", "path", "description", "assumeRolePolicy", "maxSessionDuration", "tags"})
    required = frozenset({"name", "assumeRolePolicy"})
    values = texts("name", "path", "description") | {
        "assumeRolePolicy": DOCUMENT,
        "maxSessionDuration": Whole(_SESSION_SECONDS, 43200),
        "tags": TEXTS,
    }
    defaults = MappingProxyType({"path": "/", "maxSessionDuration": _SESSION_SECONDS})
    replace_on = frozenset({"name", "path"})
    assigned = frozenset({"uniqueId"})

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        name, path = inputs["name"], inputs.get("path", "/")
        arn = f"arn:{ctx.partition}:iam::{ctx.account}:role{path}{name}"
        return name, {"arn": arn, "uniqueId": "AROA0000000000000000A"}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        ctx.client("iam").create_role(
            RoleName=inputs["name"],
            AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
            Tags=tag_list(inputs),
            **picked(inputs, _ROLE_SETTINGS),
        )
        return str(inputs["name"])

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        role = ctx.client("iam").get_role(RoleName=identifier)["Role"]
        return {"arn": role["Arn"], "uniqueId": role["RoleId"]}

    def _identify(self, identifier: str) -> JsonObject:
        return {"name": identifier}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        client = ctx.client("iam")
        role = client.get_role(RoleName=identifier)["Role"]
        pages = client.get_paginator("list_role_tags").paginate(RoleName=identifier)
        return unpicked(role, _ROLE_SETTINGS) | {
            "name": identifier,
            "assumeRolePolicy": json.dumps(role["AssumeRolePolicyDocument"]),
            "tags": tag_map(tag for page in pages for tag in page["Tags"]),
        }

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        client = ctx.client("iam")
        if changed(old, new, ["assumeRolePolicy"]):
            client.update_assume_role_policy(RoleName=identifier, PolicyDocument=new["assumeRolePolicy"])
        if changed(old, new, ["description"]):
            client.update_role_description(RoleName=identifier, Description=new.get("description", ""))
        if changed(old, new, ["maxSessionDuration"]):
            seconds = new.get("maxSessionDuration", _SESSION_SECONDS)
            client.update_role(RoleName=identifier, MaxSessionDuration=seconds)
        tags, removed = tag_changes(old, new)
        if tags:
            client.tag_role(RoleName=identifier, Tags=tag_list({"tags": tags}))
        if removed:
            client.untag_role(RoleName=identifier, TagKeys=removed)

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        ctx.client("iam").delete_role(RoleName=identifier)


class RolePolicy(Handler):
    """`aws:iam/rolePolicy:RolePolicy`: an inline policy of a role."""

    resource_type = "aws:iam/rolePolicy:RolePolicy"
    arguments = frozenset({"name", "role", "policy"})
    required = arguments
    values = texts("name", "role") | {"policy": DOCUMENT}
    replace_on = frozenset({"name", "role"})

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        return f"{inputs['role']}:{inputs['name']}", {}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        self._update("", {}, inputs, ctx)
        return f"{inputs['role']}:{inputs['name']}"

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        ctx.client("iam").get_role_policy(RoleName=inputs["role"], PolicyName=inputs["name"])
        return {}

    def _identify(self, identifier: str) -> JsonObject:
        role, _, name = identifier.partition(":")
        return {"role": role, "name": name}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        named = {"role": inputs["role"], "name": inputs["name"]}
        answer = ctx.client("iam").get_role_policy(RoleName=named["role"], PolicyName=named["name"])
        return named | {"policy": json.dumps(answer["PolicyDocument"])}

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        ctx.client("iam").put_role_policy(RoleName=new["role"], PolicyName=new["name"], PolicyDocument=new["policy"])

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        ctx.client("iam").delete_role_policy(RoleName=inputs["role"], PolicyName=inputs["name"])


HANDLERS: Final[tuple[Handler, ...]] = (Role(), RolePolicy())
