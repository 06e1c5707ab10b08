"""Jobs of Glue, and how their data at rest is encrypted."""

from __future__ import annotations

from typing import Final

from scout.embedded.resources.base import AwsContext, Handler, JsonObject
from scout.embedded.resources.shapes import camel, changed, pascal, picked, unpicked
from scout.embedded.resources.tags import Tagging
from scout.embedded.resources.values import LARGEST, OBJECT, TEXT, TEXTS, Whole, texts

_TAGGING: Final = Tagging(tags="TagsToAdd", keys="TagsToRemove", listing="get_tags")

# Names of arguments are the user's own, so those maps go through as they are.
_SETTINGS: Final = {
    "description": "Description",
    "roleArn": "Role",
    "defaultArguments": "DefaultArguments",
    "nonOverridableArguments": "NonOverridableArguments",
    "maxRetries": "MaxRetries",
    "timeout": "Timeout",
    "glueVersion": "GlueVersion",
    "workerType": "WorkerType",
    "numberOfWorkers": "NumberOfWorkers",
    "securityConfiguration": "SecurityConfiguration",
}
_FRAMES: Final = {"command": "Command", "executionProperty": "ExecutionProperty"}


def _definition(inputs: JsonObject) -> JsonObject:
    """Return what both CreateJob and UpdateJob take; what is left out gets the default of AWS again."""
    full = inputs | {"command": {"name": "glueetl"} | inputs["command"]}
    return picked(full, _SETTINGS) | {name: pascal(full[key]) for key, name in _FRAMES.items() if key in full}


class Job(Handler):
    """`aws:glue/job:Job`: a Spark job, without connections."""

    resource_type = "aws:glue/job:Job"
    arguments = frozenset({*_SETTINGS, *_FRAMES, "name", "tags"})
    required = frozenset({"name", "roleArn", "command"})
    values = texts("name", "description", "roleArn", "glueVersion", "securityConfiguration") | {
        "command": OBJECT,
        "executionProperty": OBJECT,
        "defaultArguments": TEXTS,
        "nonOverridableArguments": TEXTS,
        "maxRetries": Whole(0, 10),
        "timeout": Whole(1, 10080),
        "workerType": TEXT,
        "numberOfWorkers": Whole(1, LARGEST),
        "tags": TEXTS,
    }
    computed = frozenset({"executionProperty", "glueVersion", "numberOfWorkers", "timeout", "workerType"})
    replace_on = frozenset({"name"})

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        name = inputs["name"]
        return name, {"arn": f"arn:{ctx.partition}:glue:{ctx.region}:{ctx.account}:job/{name}"}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        ctx.client("glue").create_job(Name=inputs["name"], Tags=inputs.get("tags", {}), **_definition(inputs))
        return str(inputs["name"])

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        name = ctx.client("glue").get_job(JobName=identifier)["Job"]["Name"]
        return {"arn": self.expected({"name": name}, ctx)[1]["arn"]}

    def _identify(self, identifier: str) -> JsonObject:
        return {"name": identifier}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        client = ctx.client("glue")
        job = client.get_job(JobName=identifier)["Job"]
        frames = {key: camel(job[name]) for key, name in _FRAMES.items() if name in job}
        arn = self.expected({"name": identifier}, ctx)[1]["arn"]
        return unpicked(job, _SETTINGS) | frames | {"name": identifier, "tags": _TAGGING.read(client, arn)}

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        client = ctx.client("glue")
        if changed(old, new, [*_SETTINGS, *_FRAMES]):
            client.update_job(JobName=identifier, JobUpdate=_definition(new))
        _TAGGING.change(client, self.expected(new, ctx)[1]["arn"], old, new)

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        ctx.client("glue").delete_job(JobName=identifier)


_ENCRYPTION_NAMES: Final = {
    "cloudwatchEncryption": "CloudWatchEncryption",
    "cloudwatchEncryptionMode": "CloudWatchEncryptionMode",
}


class SecurityConfiguration(Handler):
    """`aws:glue/securityConfiguration:SecurityConfiguration`: encryption of what jobs write; it never changes."""

    resource_type = "aws:glue/securityConfiguration:SecurityConfiguration"
    arguments = frozenset({"name", "encryptionConfiguration"})
    required = arguments
    values = texts("name") | {"encryptionConfiguration": OBJECT}
    replace_on = arguments

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        return inputs["name"], {}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        encryption = pascal(inputs["encryptionConfiguration"], _ENCRYPTION_NAMES)
        # The API has a list here, which holds one at most.
        if "S3Encryption" in encryption:
            encryption["S3Encryption"] = [encryption["S3Encryption"]]
        ctx.client("glue").create_security_configuration(Name=inputs["name"], EncryptionConfiguration=encryption)
        return str(inputs["name"])

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        ctx.client("glue").get_security_configuration(Name=identifier)
        return {}

    def _identify(self, identifier: str) -> JsonObject:
        return {"name": identifier}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        answer = ctx.client("glue").get_security_configuration(Name=identifier)["SecurityConfiguration"]
        encryption = camel(answer["EncryptionConfiguration"], _ENCRYPTION_NAMES)
        if "s3Encryption" in encryption:
            encryption["s3Encryption"] = next(iter(encryption["s3Encryption"]), {})
        return {"name": identifier, "encryptionConfiguration": encryption}

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        """Change nothing: every argument forces a new one."""

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        ctx.client("glue").delete_security_configuration(Name=identifier)


HANDLERS: Final[tuple[Handler, ...]] = (Job(), SecurityConfiguration())
