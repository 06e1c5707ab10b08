"""Tables of DynamoDB."""

from __future__ import annotations

from typing import Any, Final

from scout.embedded.resources.base import (
    AwsContext,
    Handler,
    JsonObject,
    await_state,
    changed,
    pascal,
    tag_changes,
    tag_list,
)


class Table(Handler):
    """`aws:dynamodb/table:Table`: a table with its key, on demand, without secondary indexes."""

    resource_type = "aws:dynamodb/table:Table"
    arguments = frozenset(
        {
            "name",
            "billingMode",
            "hashKey",
            "rangeKey",
            "attributes",
            "ttl",
            "pointInTimeRecovery",
            "deletionProtectionEnabled",
            "tags",
        }
    )
    required = frozenset({"name", "billingMode", "hashKey", "attributes"})
    # `attributes` describe the key alone as long as there are no indexes, so they change only with it.
    replace_on = frozenset({"name", "hashKey", "rangeKey", "attributes"})

    def _problems(self, inputs: JsonObject) -> list[str]:
        if inputs.get("billingMode") == "PROVISIONED":
            return ["`billingMode` PROVISIONED has no support on the embedded AWS"]
        return []

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        name = inputs["name"]
        return name, {"arn": f"arn:{ctx.partition}:dynamodb:{ctx.region}:{ctx.account}:table/{name}"}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        keys = [("HASH", inputs["hashKey"]), ("RANGE", inputs.get("rangeKey"))]
        client, name = ctx.client("dynamodb"), inputs["name"]
        client.create_table(
            TableName=name,
            BillingMode=inputs["billingMode"],
            KeySchema=[{"AttributeName": key, "KeyType": kind} for kind, key in keys if key],
            AttributeDefinitions=[
                {"AttributeName": item["name"], "AttributeType": item["type"]} for item in inputs["attributes"]
            ],
            DeletionProtectionEnabled=inputs.get("deletionProtectionEnabled", False),
            Tags=tag_list(inputs),
        )
        await_state(
            lambda: (client.describe_table(TableName=name)["Table"]["TableStatus"], ""),
            "ACTIVE",
            frozenset({"CREATING"}),
        )
        self._set_time_to_live({}, inputs, client)
        self._set_recovery({}, inputs, client)
        return str(name)

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        table = ctx.client("dynamodb").describe_table(TableName=identifier)["Table"]
        return {"arn": table["TableArn"]}

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        client = ctx.client("dynamodb")
        if changed(old, new, ["deletionProtectionEnabled"]):
            protect = new.get("deletionProtectionEnabled", False)
            client.update_table(TableName=identifier, DeletionProtectionEnabled=protect)
        self._set_time_to_live(old, new, client)
        self._set_recovery(old, new, client)
        tags, removed = tag_changes(old, new)
        arn = self.expected(new, ctx)[1]["arn"]
        if tags:
            client.tag_resource(ResourceArn=arn, Tags=tag_list({"tags": tags}))
        if removed:
            client.untag_resource(ResourceArn=arn, TagKeys=removed)

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        client = ctx.client("dynamodb")
        client.delete_table(TableName=identifier)
        client.get_waiter("table_not_exists").wait(TableName=identifier, WaiterConfig={"Delay": 1, "MaxAttempts": 60})

    def _set_time_to_live(self, old: JsonObject, new: JsonObject, client: Any) -> None:  # noqa: ANN401 - a boto3 client
        before, after = old.get("ttl", {}), new.get("ttl", {})
        if before == after or not (before.get("enabled") or after.get("enabled")):
            return
        # Only one attribute can be the one, and switching off names the attribute that was it.
        wanted = {"attributeName": before.get("attributeName"), "enabled": False} | after
        client.update_time_to_live(TableName=new["name"], TimeToLiveSpecification=pascal(wanted))

    def _set_recovery(self, old: JsonObject, new: JsonObject, client: Any) -> None:  # noqa: ANN401 - a boto3 client
        before, after = (inputs.get("pointInTimeRecovery", {}).get("enabled", False) for inputs in (old, new))
        if before != after:
            client.update_continuous_backups(
                TableName=new["name"],
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": after},
            )


HANDLERS: Final[tuple[Handler, ...]] = (Table(),)
