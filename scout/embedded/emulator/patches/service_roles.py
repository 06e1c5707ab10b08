"""Step Functions calls other services with the role of the state machine, and only as far as that allows.

AWS: an execution assumes the role of its state machine
(https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html); each integration needs its
action allowed on its resource
(https://docs.aws.amazon.com/step-functions/latest/dg/service-integration-iam-templates.html). A role that the service
may not assume is refused when the state machine or function is created
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html).

The emulator checks no role inside of Step Functions and no trust policy.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from scout.embedded.emulator import execution, roles
from scout.embedded.emulator.patches.support import Patch, Untyped, service

if TYPE_CHECKING:
    from collections.abc import Callable

_PATCH: Final = Patch(__name__)
_lambda_svc: Final = service("services.lambda_svc")
_responses: Final = service("core.responses")
_sfn: Final = service("services.stepfunctions")

_PREFIX: Final = "arn:aws:states:::"


def apply() -> None:
    """Check roles when they are named and when they are used."""
    _PATCH.expect(_sfn._execute_task, "_invoke_resource(resource, effective)", "_invoke_with_callback(")
    _PATCH.expect(_sfn._invoke_resource_with_timeout, "copy_context().run, _invoke_resource, resource")
    _PATCH.around(_sfn, "_invoke_resource", _invoke_resource)
    _PATCH.around(_sfn, "_invoke_with_callback", _invoke_resource)
    _PATCH.around(_sfn, "_create_state_machine", _create_state_machine)
    _PATCH.around(_sfn, "_update_state_machine", _update_state_machine)
    _PATCH.around(_lambda_svc, "_create_function", _create_function)


def _invoke_resource(original: Untyped, resource: str, data: dict[str, Any], *rest: Untyped) -> Untyped:
    run = execution.current()
    for action, on, error in _needed(resource, data):
        try:
            roles.require(run.role_arn, str(run.record["name"])[:64], action, on)
        except roles.RoleDeniedError as denied:
            raise _sfn._ExecutionError(error, str(denied)) from denied
    return original(resource, data, *rest)


def _needed(resource: str, data: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return what an integration needs: actions, the resource of each, and the error's name if it is denied."""
    if ":activity:" in resource:
        return []
    if ":function:" in resource and not resource.startswith(_PREFIX):
        return [("lambda:InvokeFunction", resource, "Lambda.AWSLambdaException")]
    name = resource.removeprefix(_PREFIX).removesuffix(".waitForTaskToken")
    needs = _NEEDS.get(name) or _NEEDS.get(name.removesuffix(":2").removesuffix(".sync"))
    if needs is None:
        raise _sfn._ExecutionError("States.Runtime", f"the embedded AWS does not know what role {resource} needs")
    actions, error, locate = needs
    return [(action, arn, error) for action in actions.split() for arn in locate(data)]


def _arn(service_name: str, resource: str) -> str:
    return f"arn:aws:{service_name}:{_responses.get_region()}:{_responses.get_account_id()}:{resource}"


def _function(data: dict[str, Any]) -> list[str]:
    name = str(data.get("FunctionName", ""))
    return [name if name.startswith("arn:") else _arn("lambda", f"function:{name.rsplit(':function:', 1)[-1]}")]


def _queue(data: dict[str, Any]) -> list[str]:
    account, name = str(data.get("QueueUrl", "")).rstrip("/").split("/")[-2:]
    return [f"arn:aws:sqs:{_responses.get_region()}:{account}:{name}"]


def _table(data: dict[str, Any]) -> list[str]:
    name = str(data.get("TableName", ""))
    return [name if name.startswith("arn:") else _arn("dynamodb", f"table/{name}")]


def _buses(data: dict[str, Any]) -> list[str]:
    names = {str(entry.get("EventBusName", "default")) for entry in data.get("Entries", [])}
    return sorted(name if name.startswith("arn:") else _arn("events", f"event-bus/{name}") for name in names)


def _job(data: dict[str, Any]) -> list[str]:
    return [_arn("glue", f"job/{data.get('JobName', '')}")]


def _object(data: dict[str, Any]) -> list[str]:
    return [f"arn:aws:s3:::{data.get('Bucket', '')}/{data.get('Key', '')}"]


def _dynamodb(action: str) -> tuple[str, str, Callable[[dict[str, Any]], list[str]]]:
    return f"dynamodb:{action}", "DynamoDB.AmazonDynamoDBException", _table


# Of each integration: the actions, the error's name if one is denied, and what finds the resources.
_NEEDS: Final[dict[str, tuple[str, str, Callable[[dict[str, Any]], list[str]]]]] = {
    "lambda:invoke": ("lambda:InvokeFunction", "Lambda.AWSLambdaException", _function),
    "sqs:sendMessage": ("sqs:SendMessage", "SQS.AmazonSQSException", _queue),
    "sns:publish": ("sns:Publish", "SNS.AmazonSNSException", lambda data: [str(data.get("TopicArn", "*"))]),
    "events:putEvents": ("events:PutEvents", "EventBridge.AmazonEventBridgeException", _buses),
    "dynamodb:getItem": _dynamodb("GetItem"),
    "dynamodb:putItem": _dynamodb("PutItem"),
    "dynamodb:updateItem": _dynamodb("UpdateItem"),
    "dynamodb:deleteItem": _dynamodb("DeleteItem"),
    "glue:startJobRun": ("glue:StartJobRun", "Glue.AccessDeniedException", _job),
    "glue:startJobRun.sync": (
        "glue:StartJobRun glue:GetJobRun glue:GetJobRuns glue:BatchStopJobRun",
        "Glue.AccessDeniedException",
        _job,
    ),
    "aws-sdk:s3:putObject": ("s3:PutObject", "S3.AccessDeniedException", _object),
    "states:startExecution": (
        "states:StartExecution",
        "StepFunctions.AWSStepFunctionsException",
        lambda data: [str(data.get("StateMachineArn", ""))],
    ),
}


def _create_state_machine(original: Untyped, data: dict[str, Any]) -> Untyped:
    arn = _arn("states", f"stateMachine:{data.get('name', '')}")
    return _untrusted(data.get("roleArn"), arn) or original(data)


def _update_state_machine(original: Untyped, data: dict[str, Any]) -> Untyped:
    return _untrusted(data.get("roleArn"), str(data.get("stateMachineArn", ""))) or original(data)


def _untrusted(role_arn: str | None, machine_arn: str) -> Untyped:
    if role_arn is None or roles.may_be_assumed_by(role_arn, "states.amazonaws.com", machine_arn):
        return None
    message = (
        "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the "
        "provided role."
    )
    return _responses.error_response_json("AccessDeniedException", message, HTTPStatus.BAD_REQUEST)


def _create_function(original: Untyped, data: dict[str, Any]) -> Untyped:
    arn = _arn("lambda", f"function:{data.get('FunctionName', '')}")
    role_arn = data.get("Role", "")
    if role_arn and not roles.may_be_assumed_by(role_arn, "lambda.amazonaws.com", arn):
        message = "The role defined for the function cannot be assumed by Lambda."
        return _responses.error_response_json("InvalidParameterValueException", message, HTTPStatus.BAD_REQUEST)
    return original(data)
