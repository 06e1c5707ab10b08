"""An AWS account in the emulator, with shortcuts for what most tests put into one."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_pipes import EventBridgePipesClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

    from scout.embedded.emulator.instance import Emulator

T = TypeVar("T")


def zip_of(**files: str) -> bytes:
    """Return a zip; `a__b="..."` is the file `a/b.py`, and names with a dot are taken as they are."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name if "." in name else name.replace("__", "/") + ".py", text)
    return buffer.getvalue()


def wait_until(check: Callable[[], T], timeout: float = 60, every: float = 0.05) -> T:
    """Call `check` until what it returns is true, and return that; fail after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < deadline, f"not so after {timeout} s; last value {value!r}"
        time.sleep(every)


@dataclass
class Account:
    """One account; clients act as its root."""

    emulator: Emulator
    id: str
    _roles: dict[str, str] = field(default_factory=dict)

    @property
    def region(self) -> str:
        return self.emulator.region

    @cached_property
    def session(self) -> boto3.Session:
        return self.emulator.session(self.id)

    @cached_property
    def lambda_(self) -> LambdaClient:
        return self.session.client("lambda")

    @cached_property
    def states(self) -> SFNClient:
        return self.session.client("stepfunctions")

    @cached_property
    def sqs(self) -> SQSClient:
        return self.session.client("sqs")

    @cached_property
    def iam(self) -> IAMClient:
        return self.session.client("iam")

    @cached_property
    def pipes(self) -> EventBridgePipesClient:
        return self.session.client("pipes")

    def role(self, service: str, *statements: tuple[str | list[str], str | list[str]], name: str = "") -> str:
        """Make a role that a service (`lambda`, `states`, ...) assumes and that allows (actions, resources)."""
        name = name or f"{service}-{len(self._roles)}"
        trust = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
        arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document([trust]))["Role"]["Arn"]
        self._roles[name] = arn
        if statements:
            allowed = [{"Effect": "Allow", "Action": action, "Resource": on} for action, on in statements]
            self.iam.put_role_policy(RoleName=name, PolicyName="allowed", PolicyDocument=_document(allowed))
        return arn

    def function(self, name: str, code: str, *, role: str | None = None, **arguments: Any) -> str:
        """Make a Python function from the text of its module, and return its ARN once it is active."""
        created = self.lambda_.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Architectures=["arm64"],
            Handler="code.handler",
            Role=role or self.role("lambda"),
            Code={"ZipFile": zip_of(**{"code.py": code})},
            **{"Timeout": 20, **arguments},
        )
        wait_until(lambda: self.lambda_.get_function(FunctionName=name)["Configuration"]["State"] == "Active")
        return created["FunctionArn"]

    def invoke(self, name: str, payload: Any = None) -> tuple[str | None, Any]:
        """Invoke a function; return its error kind (None for success) and its answer."""
        answer = self.lambda_.invoke(FunctionName=name, Payload=json.dumps(payload))
        return answer.get("FunctionError"), json.loads(answer["Payload"].read())

    def machine(self, name: str, definition: dict[str, Any], *, role: str | None = None, express: bool = False) -> str:
        """Make a state machine, by default with a role that may call every function and queue."""
        if role is None:
            role = self.role("states", ("lambda:InvokeFunction", "*"), ("sqs:SendMessage", "*"))
        created = self.states.create_state_machine(
            name=name,
            definition=json.dumps(definition),
            roleArn=role,
            type="EXPRESS" if express else "STANDARD",
        )
        return created["stateMachineArn"]

    def run(self, machine: str, payload: Any = None, *, timeout: float = 120) -> dict[str, Any]:
        """Run a Standard state machine to its end; return what DescribeExecution says, with `output` as data."""
        text = json.dumps({} if payload is None else payload)
        execution = self.states.start_execution(stateMachineArn=machine, input=text)["executionArn"]
        return self.ended(execution, timeout=timeout)

    def ended(self, execution: str, *, timeout: float = 120) -> dict[str, Any]:
        """Wait until an execution has ended; return what DescribeExecution says, with `output` as data."""

        def described() -> dict[str, Any]:
            found = dict(self.states.describe_execution(executionArn=execution))
            return {} if found["status"] == "RUNNING" else found

        description = wait_until(described, timeout)
        output = description.get("output")
        return {**description, "output": json.loads(output) if output else None}

    def queue(self, name: str, **attributes: str) -> tuple[str, str]:
        """Make a queue; return its URL and ARN."""
        url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type]
        return url, f"arn:aws:sqs:{self.region}:{self.id}:{name}"

    def drain(self, url: str, count: int, *, timeout: float = 60) -> list[dict[str, Any]]:
        """Receive and delete messages until there were `count`."""
        found: list[dict[str, Any]] = []

        def receive() -> bool:
            answer = self.sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
            )
            for message in answer.get("Messages", []):
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found.append(dict(message))
            return len(found) >= count

        wait_until(receive, timeout)
        return found


def _document(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
