"""Tables of DynamoDB."""

from __future__ import annotations

from typing import Any, Final

from scout.embedded.resources.base import AwsContext, Handler, JsonObject
from scout.embedded.resources.outcomes import await_state
from scout.embedded.resources.shapes import changed, pascal
from scout.embedded.resources.tags import Tagging, tag_list
from scout.embedded.resources.values import LIST, OBJECT, TEXTS, TRUTH, OneOf, Problem, texts

_TAGGING: Final = Tagging(pair=("Key", "Value"), listing="list_tags_of_resource")


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
    values = texts("name", "hashKey", "rangeKey") | {
        "billingMode": OneOf(("PAY_PER_REQUEST", "PROVISIONED")),
        "attributes": LIST,
        "ttl": OBJECT,
        "pointInTimeRecovery": OBJECT,
        "deletionProtectionEnabled": TRUTH,
        "tags": TEXTS,
    }
    # `attributes` describe the key alone as long as there are no indexes, so they change only with it.
    replace_on = frozenset({"name", "hashKey", "rangeKey", "attributes"})

    def _problems(self, inputs: JsonObject) -> list[Problem]:
        if inputs.get("billingMode") == "PROVISIONED":
            return [Problem("billingMode", "`billingMode` PROVISIONED has no support on the embedded AWS")]
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
        return str(name)

    def _settle(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        client = ctx.client("dynamodb")
        await_state(
            lambda: (client.describe_table(TableName=identifier)["Table"]["TableStatus"], ""),
            "ACTIVE",
            frozenset({"CREATING"}),
        )
        # DynamoDB refuses to switch on what is on.
        held = self._held(identifier, inputs, ctx)
        self._set_time_to_live(held, inputs, client)
        self._set_recovery(held, inputs, client)

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        table = ctx.client("dynamodb").describe_table(TableName=identifier)["Table"]
        return {"arn": table["TableArn"]}

    def _identify(self, identifier: str) -> JsonObject:
        return {"name": identifier}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        client = ctx.client("dynamodb")
        table = client.describe_table(TableName=identifier)["Table"]
        keys = {key["KeyType"]: key["AttributeName"] for key in table["KeySchema"]}
        types = {item["AttributeName"]: item["AttributeType"] for item in table["AttributeDefinitions"]}
        # They are a set; AWS has an order of its own.
        order = [item["name"] for item in inputs.get("attributes", [])]
        ttl = client.describe_time_to_live(TableName=identifier)["TimeToLiveDescription"]
        recovery = client.describe_continuous_backups(TableName=identifier)["ContinuousBackupsDescription"]
        return {
            "name": identifier,
            "billingMode": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
            "hashKey": keys["HASH"],
            "rangeKey": keys.get("RANGE"),
            "attributes": [
                {"name": name, "type": types[name]}
                for name in sorted(types, key=lambda name: order.index(name) if name in order else len(order))
            ],
            "ttl": _time_to_live(ttl, inputs.get("ttl", {})),
            "pointInTimeRecovery": {
                "enabled": recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
            },
            "deletionProtectionEnabled": table.get("DeletionProtectionEnabled", False),
            "tags": _TAGGING.read(client, table["TableArn"]),
        }

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        client = ctx.client("dynamodb")
        if changed(old, new, ["deletionProtectionEnabled"]):
            protect = new.get("deletionProtectionEnabled", False)
            client.update_table(TableName=identifier, DeletionProtectionEnabled=protect)
        self._set_time_to_live(old, new, client)
        self._set_recovery(old, new, client)
        _TAGGING.change(client, self.expected(new, ctx)[1]["arn"], old, new)

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


def _time_to_live(held: JsonObject, given: JsonObject) -> JsonObject:
    """Return the input `ttl`. What is switched off has no attribute, whatever the program calls it."""
    if held["TimeToLiveStatus"] in ("ENABLED", "ENABLING"):
        return {"attributeName": held["AttributeName"], "enabled": True}
    return given | {"enabled": False}


HANDLERS: Final[tuple[Handler, ...]] = (Table(),)
