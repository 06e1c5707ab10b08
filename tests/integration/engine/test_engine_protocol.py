"""The provider protocol call by call: what is refused and why, what stays secret, what a preview knows."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import provider_pb2

from scout.embedded.engine.server import PortTakenError, ProviderServer
from tests.integration.account import Account
from tests.integration.engine.double import ARCHIVE, ASSET, MARK, SECRET, UNKNOWN, Connection, Properties
from tests.integration.engine.leftovers import leftovers

QUEUE = "aws:sqs/queue:Queue"
FUNCTION = "aws:lambda/function:Function"
LAYER = "aws:lambda/layerVersion:LayerVersion"
RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
KINDS = provider_pb2.PropertyDiff


@dataclass
class Provider:
    """A connected provider, with the calls that an engine makes."""

    connection: Connection
    directory: Path

    @property
    def stub(self) -> Any:
        return self.connection.stub

    def configure(self, inputs: Properties | None = None, **settings: Any) -> Any:
        sent = {"acceptSecrets": True, "acceptResources": True, "sends_old_inputs": True,
                "sends_old_inputs_to_delete": True}  # fmt: skip
        return self.stub.Configure(provider_pb2.ConfigureRequest(args=struct(inputs or {}), **(sent | settings)))

    def check(self, type_: str, news: Properties) -> provider_pb2.CheckResponse:
        answer: provider_pb2.CheckResponse = self.stub.Check(
            provider_pb2.CheckRequest(**named(type_), news=struct(news))
        )
        return answer

    def failures(self, type_: str, news: Properties) -> dict[str, str]:
        return {failure.property: failure.reason for failure in self.check(type_, news).failures}

    def checked(self, type_: str, news: Properties) -> Properties:
        answer = self.check(type_, news)
        assert not answer.failures
        return properties(answer.inputs)

    def diff(self, type_: str, old: Properties, news: Properties, *ignored: str) -> provider_pb2.DiffResponse:
        answer: provider_pb2.DiffResponse = self.stub.Diff(
            provider_pb2.DiffRequest(
                **named(type_), id="id", old_inputs=struct(old), news=struct(news), ignoreChanges=list(ignored)
            )
        )
        return answer

    def create(self, type_: str, inputs: Properties, *, preview: bool = False) -> tuple[str, Properties]:
        answer = self.stub.Create(
            provider_pb2.CreateRequest(**named(type_), properties=struct(inputs), preview=preview)
        )
        return answer.id, properties(answer.properties)

    def read(self, type_: str, identifier: str, inputs: Properties | None = None) -> provider_pb2.ReadResponse:
        given = {} if inputs is None else {"inputs": struct(inputs), "properties": struct(inputs)}
        answer: provider_pb2.ReadResponse = self.stub.Read(
            provider_pb2.ReadRequest(**named(type_), id=identifier, **given)
        )
        return answer

    def update(self, type_: str, identifier: str, old: Properties, new: Properties, **fields: Any) -> Properties:
        request = provider_pb2.UpdateRequest(
            **named(type_), id=identifier, old_inputs=struct(old), news=struct(new), **fields
        )
        return properties(self.stub.Update(request).properties)

    def file(self, name: str, contents: bytes, mark: str = ARCHIVE) -> Properties:
        (self.directory / name).write_bytes(contents)
        return {MARK: mark, "path": name, "hash": hashlib.sha256(contents).hexdigest()}


def named(type_: str, name: str = "thing") -> dict[str, Any]:
    return {"urn": f"urn:pulumi:dev::shop::{type_}::{name}", "type": type_, "name": name}


def struct(values: Properties) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(values)
    return made


def properties(values: struct_pb2.Struct) -> Properties:
    read: Properties = json_format.MessageToDict(values)
    return read


def secret(value: Any) -> Properties:
    return {MARK: SECRET, "value": value}


def refusal(call: Any, *arguments: Any, **named_arguments: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as refused:
        call(*arguments, **named_arguments)
    return refused.value.code(), refused.value.details()


@pytest.fixture
def server(account: Account, tmp_path: Path) -> Iterator[ProviderServer]:
    running = ProviderServer(account.emulator, account.id, tmp_path)
    yield running
    running.stop()


@pytest.fixture
def unconfigured(server: ProviderServer, tmp_path: Path) -> Iterator[Provider]:
    connection = Connection(server.port)
    connection.attach()
    yield Provider(connection, tmp_path)
    connection.close()


@pytest.fixture
def provider(unconfigured: Provider) -> Provider:
    unconfigured.configure({"region": "us-east-1"})
    return unconfigured


class TestConfiguration:
    def check(self, provider: Provider, news: Properties) -> provider_pb2.CheckResponse:
        answer: provider_pb2.CheckResponse = provider.stub.CheckConfig(
            provider_pb2.CheckRequest(urn="urn:pulumi:dev::shop::pulumi:providers:aws::default", news=struct(news))
        )
        return answer

    def diff(self, provider: Provider, old: Properties, news: Properties) -> provider_pb2.DiffResponse:
        answer: provider_pb2.DiffResponse = provider.stub.DiffConfig(
            provider_pb2.DiffRequest(old_inputs=struct(old), olds=struct(old), news=struct(news))
        )
        return answer

    def test_the_account_becomes_a_part_of_it(self, unconfigured: Provider, account: Account):
        checked = self.check(unconfigured, {"region": "eu-west-1", "version": "7.51.1", "profile": "me"})
        assert properties(checked.inputs) == {
            "region": "eu-west-1",
            "version": "7.51.1",
            "profile": "me",
            "allowedAccountIds": json.dumps([account.id]),
        }

    def test_each_wrong_key_is_told(self, unconfigured: Provider, account: Account):
        news = {
            "region": 7,
            "defaultTags": {"tags": {"a": "b"}},
            "allowedAccountIds": '["111111111111"]',
            "forbiddenAccountIds": [account.id],
        }
        failures = {failure.property: failure.reason for failure in self.check(unconfigured, news).failures}
        assert failures == {
            "region": "`aws:region` has to be a text",
            "defaultTags": "`aws:defaultTags` has no support on the embedded AWS",
            "allowedAccountIds": f"`aws:allowedAccountIds` leaves out the account {account.id}, which is served",
            "forbiddenAccountIds": f"`aws:forbiddenAccountIds` names the account {account.id}, which is served",
        }

    def test_another_region_is_another_provider(self, unconfigured: Provider):
        assert not self.diff(unconfigured, {"region": "us-east-1"}, {}).replaces
        same = self.diff(unconfigured, {"region": "eu-west-1"}, {"region": "eu-west-1"})
        assert same.changes == provider_pb2.DiffResponse.DIFF_NONE
        newer = self.diff(unconfigured, {"version": "7.0.0"}, {"version": "7.51.1"})
        assert (list(newer.diffs), list(newer.replaces)) == (["version"], [])
        assert list(self.diff(unconfigured, {"region": "eu-west-1"}, {}).replaces) == ["region"]

    def test_what_stands_in_another_account_is_left_alone(self, unconfigured: Provider, account: Account):
        there = {"allowedAccountIds": '["111111111111"]'}
        for refused in (
            refusal(unconfigured.configure, there),
            refusal(self.diff, unconfigured, there, {"allowedAccountIds": json.dumps([account.id])}),
        ):
            assert refused[0] is grpc.StatusCode.FAILED_PRECONDITION
            assert "this stack stands in account 111111111111" in refused[1]
            assert "scout aws serve --account 111111111111" in refused[1]

    def test_an_engine_without_old_inputs_is_refused(self, unconfigured: Provider):
        code, text = refusal(unconfigured.configure, sends_old_inputs=False)
        assert (code, "update the Pulumi CLI" in text) == (grpc.StatusCode.FAILED_PRECONDITION, True)

    def test_nothing_is_made_before_it(self, unconfigured: Provider):
        code, text = refusal(unconfigured.create, QUEUE, {"name": "q"})
        assert (code, "call Configure" in text) == (grpc.StatusCode.FAILED_PRECONDITION, True)

    def test_each_connection_has_its_own(self, server: ProviderServer, tmp_path: Path, account: Account):
        connections = [Connection(server.port) for _ in range(2)]
        urls = []
        for connection, region in zip(connections, ("eu-west-1", "us-east-1"), strict=True):
            provider = Provider(connection, tmp_path)
            # Older engines say it in another place.
            provider.configure(variables={"aws:config:region": region})
            urls.append(provider.create(QUEUE, {"name": "q"})[1]["arn"])
            connection.close()
        assert urls == [f"arn:aws:sqs:{region}:{account.id}:q" for region in ("eu-west-1", "us-east-1")]

    def test_two_servers_do_not_share_a_port(self, server: ProviderServer, account: Account, tmp_path: Path):
        with pytest.raises(PortTakenError, match=f"port {server.port} on 127.0.0.1 is taken"):
            ProviderServer(account.emulator, account.id, tmp_path, server.port)


class TestCheck:
    def test_the_reason_for_each_bad_input(self, provider: Provider):
        news = {
            "receiveWaitTimeSeconds": 21,
            "delaySeconds": "soon",
            "sqsManagedSseEnabled": "yes",
            "redrivePolicy": "{",
            "fifoQueue": True,
            "tags": {"a": 1},
        }
        assert provider.failures(QUEUE, news) == {
            "name": "the argument `name` is missing",
            "fifoQueue": "the argument `fifoQueue` has no support on the embedded AWS",
            "receiveWaitTimeSeconds": "the argument `receiveWaitTimeSeconds` has to be a whole number from 0 to 20",
            "delaySeconds": "the argument `delaySeconds` has to be a whole number from 0 to 900",
            "sqsManagedSseEnabled": "the argument `sqsManagedSseEnabled` has to be true or false",
            "redrivePolicy": "the argument `redrivePolicy` has to be a JSON object as text",
            "tags": "the argument `tags` has to be a map of texts",
        }

    def test_what_is_wrong_with_a_file(self, provider: Provider):
        function = {"name": "f", "role": "r", "runtime": "python3.13", "handler": "h"}
        missing = provider.failures(FUNCTION, function | {"code": {MARK: ARCHIVE, "path": "no.zip", "hash": "1"}})
        assert missing == {"code": f"the archive {provider.directory}/no.zip is not a file"}
        text = {MARK: ASSET, "text": "A = 1", "hash": "1"}
        kind = provider.failures("aws:s3/bucketObjectv2:BucketObjectv2", {"bucket": "b", "key": "k", "source": text})
        assert kind == {"source": "only an asset that is a file is supported, as in pulumi.FileAsset('job.py')"}
        several = {MARK: ARCHIVE, "assets": {"a.py": text}, "hash": "1"}
        assert "only an archive that is a file" in provider.failures(FUNCTION, function | {"code": several})["code"]

    def test_a_file_that_changes_while_it_is_deployed(self, provider: Provider):
        code = provider.file("code.zip", b"1")
        (provider.directory / "code.zip").write_bytes(b"2")
        refused, text = refusal(provider.create, LAYER, {"layerName": "core", "code": code})
        assert refused is grpc.StatusCode.INVALID_ARGUMENT
        assert text.startswith("code: the archive")
        assert "changed after the program had named it" in text

    def test_defaults_are_filled_in_and_what_was_said_stays(self, provider: Provider):
        news = {"name": "q", "delaySeconds": 5, "tags": {"a": secret("b")}, "policy": UNKNOWN}
        assert provider.checked(QUEUE, news) == news | {
            "maxMessageSize": 1_048_576,
            "messageRetentionSeconds": 345_600,
            "receiveWaitTimeSeconds": 0,
            "visibilityTimeoutSeconds": 30,
        }

    def test_a_type_without_a_handler(self, provider: Provider):
        code, text = refusal(provider.check, "aws:ec2/vpc:Vpc", {})
        assert code is grpc.StatusCode.UNKNOWN
        assert "aws:ec2/vpc:Vpc 'thing': look-up failed with UnknownType" in text


class TestDiff:
    def test_an_update_and_its_paths(self, provider: Provider):
        old = {"name": "q", "delaySeconds": 1, "tags": {"a": "1", "b.c": "2"}, "policy": "{}"}
        new = {"name": "q", "delaySeconds": 2, "tags": {"a": "1", "b.c": "3", 'd"': "4"}}
        answer = provider.diff(QUEUE, old, new)
        assert answer.changes == provider_pb2.DiffResponse.DIFF_SOME
        assert list(answer.diffs) == ["delaySeconds", "policy", "tags"]
        assert list(answer.replaces) == []
        assert {path: (item.kind, item.inputDiff) for path, item in answer.detailedDiff.items()} == {
            "delaySeconds": (KINDS.UPDATE, True),
            "policy": (KINDS.DELETE, True),
            'tags["b.c"]': (KINDS.UPDATE, True),
            'tags["d\\""]': (KINDS.ADD, True),
        }

    def test_what_forces_a_replacement(self, provider: Provider):
        answer = provider.diff(QUEUE, {"name": "q"}, {"name": "r", "delaySeconds": 1})
        assert (list(answer.replaces), answer.deleteBeforeReplace) == (["name"], True)
        kinds = {path: item.kind for path, item in answer.detailedDiff.items()}
        assert kinds == {"name": KINDS.UPDATE_REPLACE, "delaySeconds": KINDS.ADD}

    def test_a_new_version_of_a_layer_stands_beside_the_old_one(self, provider: Provider):
        old, new = ({"layerName": "l", "code": {MARK: ARCHIVE, "hash": digit * 64}} for digit in "12")
        answer = provider.diff(LAYER, old, new)
        assert (list(answer.replaces), answer.deleteBeforeReplace) == (["code"], False)

    def test_contents_count_and_not_where_they_lie(self, provider: Provider):
        old = {"layerName": "l", "code": {MARK: ARCHIVE, "hash": "1" * 64}}
        assert provider.diff(LAYER, old, old).changes == provider_pb2.DiffResponse.DIFF_NONE

    def test_secrecy_alone_is_no_difference_and_a_secret_is_not_told(self, provider: Provider):
        old, new = {"name": "q", "policy": secret('{"a": 1}')}, {"name": "q", "policy": '{"a": 1}'}
        assert provider.diff(QUEUE, old, new).changes == provider_pb2.DiffResponse.DIFF_NONE
        answer = provider.diff(QUEUE, old, {"name": "q", "policy": secret('{"a": 2}')})
        assert list(answer.diffs) == ["policy"]

    def test_what_is_not_known_yet_differs(self, provider: Provider):
        # As the engine asks what the deletion of something that the resource depends on would do to it.
        answer = provider.diff("aws:s3/bucketPolicy:BucketPolicy", {"bucket": "b", "policy": "{}"},
                               {"bucket": UNKNOWN, "policy": "{}"})  # fmt: skip
        assert list(answer.replaces) == ["bucket"]

    @pytest.mark.parametrize(
        ("ignored", "left"),
        [
            (["tags"], ["environment", "layers"]),
            (["tags.a", "environment.variables"], ["layers", "tags"]),
            (["tags[*]", "layers[0]", 'environment["variables"].LEVEL'], []),
            (["layers[1]", "tag", "[", "tags.a.b"], ["environment", "layers", "tags"]),
        ],
    )
    def test_changes_that_are_ignored(self, provider: Provider, ignored: list[str], left: list[str]):
        old = {"tags": {"a": "1", "b": "2"}, "layers": ["x"], "environment": {"variables": {"LEVEL": "1"}}}
        new = {"tags": {"a": "3", "b": "4"}, "layers": ["y"], "environment": {"variables": {"LEVEL": "2"}}}
        answer = provider.diff(FUNCTION, old, new, *ignored)
        assert list(answer.diffs) == left
        assert (answer.changes == provider_pb2.DiffResponse.DIFF_NONE) is not bool(left)


class TestCreate:
    def test_a_preview_makes_nothing_and_says_what_is_not_known(self, provider: Provider, account: Account):
        identifier, outputs = provider.create(QUEUE, {"name": UNKNOWN, "delaySeconds": 1}, preview=True)
        assert identifier == ""
        assert outputs == {"name": UNKNOWN, "delaySeconds": 1, "arn": UNKNOWN, "url": UNKNOWN}
        assert leftovers(account.session) == {}

    def test_a_name_that_is_taken(self, provider: Provider, account: Account):
        account.queue("q", DelaySeconds="7")
        code, text = refusal(provider.create, QUEUE, {"name": "q"})
        assert code is grpc.StatusCode.UNKNOWN
        assert "NameTaken" in text
        held = account.sqs.get_queue_attributes(
            QueueUrl=account.sqs.get_queue_url(QueueName="q")["QueueUrl"], AttributeNames=["DelaySeconds"]
        )
        assert held["Attributes"]["DelaySeconds"] == "7"

    def test_what_does_not_become_what_it_should_be_is_taken_away_again(self, provider: Provider, account: Account):
        machine = account.machine("m", {"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}, express=True)
        _, queue = account.queue("q")
        pipe: Properties = {"name": "p", "roleArn": account.role("pipes"), "source": queue, "target": machine}
        code, text = refusal(provider.create, "aws:pipes/pipe:Pipe", pipe)
        assert code is grpc.StatusCode.UNKNOWN
        assert "CREATE_FAILED" in text
        assert account.pipes.list_pipes()["Pipes"] == []
        actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "states:StartExecution"]
        pipe["roleArn"] = account.role("pipes", (actions, "*"))
        pipe["targetParameters"] = {"stepFunctionStateMachineParameters": {"invocationType": "FIRE_AND_FORGET"}}
        assert provider.create("aws:pipes/pipe:Pipe", pipe)[0] == "p"

    def test_many_at_once(self, provider: Provider, account: Account):
        with ThreadPoolExecutor(16) as pool:
            made = list(pool.map(lambda number: provider.create(QUEUE, {"name": f"q{number}"})[0], range(40)))
        assert len(set(made)) == 40
        assert sorted(account.sqs.list_queues()["QueueUrls"]) == sorted(made)

    def test_after_a_cancellation_nothing_more_is_begun(self, provider: Provider, server: ProviderServer):
        identifier, _ = provider.create(QUEUE, {"name": "before"})
        provider.stub.Cancel(empty_pb2.Empty())
        for call in (
            lambda: provider.create(QUEUE, {"name": "after"}),
            lambda: provider.update(QUEUE, identifier, {"name": "before"}, {"name": "before", "delaySeconds": 1}),
            lambda: provider.stub.Delete(
                provider_pb2.DeleteRequest(**named(QUEUE), id=identifier, old_inputs=struct({"name": "before"}))
            ),
        ):
            assert refusal(call)[0] is grpc.StatusCode.CANCELLED
        assert provider.read(QUEUE, identifier, {"name": "before"}).id == identifier
        other = Provider(Connection(server.port), provider.directory)
        other.configure()
        assert other.create(QUEUE, {"name": "after"})[0]
        other.connection.close()
        # A later engine may have the port that this one had.
        provider.connection.attach()
        provider.configure()
        assert provider.create(QUEUE, {"name": "again"})[0]


class TestSecretsAndReferences:
    def test_what_is_secret_stays_so(self, provider: Provider, account: Account):
        policy = {"Version": "2012-10-17", "Statement": []}
        inputs = {"name": "q", "tags": {"owner": secret("nobody"), "stack": "dev"}, "redriveAllowPolicy": secret(
            json.dumps({"redrivePermission": "denyAll"}))}  # fmt: skip
        identifier, outputs = provider.create(QUEUE, inputs)
        assert outputs.items() >= inputs.items()
        assert account.sqs.list_queue_tags(QueueUrl=identifier)["Tags"] == {"owner": "nobody", "stack": "dev"}

        told = provider.read(QUEUE, identifier, inputs)
        assert properties(told.inputs) == inputs
        assert properties(told.properties).items() >= inputs.items()

        # What stands in the place of a secret is one as well.
        account.sqs.tag_queue(QueueUrl=identifier, Tags={"owner": "somebody"})
        told = provider.read(QUEUE, identifier, inputs)
        changed = secret({"owner": "somebody", "stack": "dev"})
        assert properties(told.inputs)["tags"] == properties(told.properties)["tags"] == changed

        wanted = inputs | {"policy": secret(json.dumps(policy))}
        updated = provider.update(QUEUE, identifier, inputs, wanted)
        assert updated["policy"] == wanted["policy"]
        imagined = provider.update(QUEUE, identifier, inputs, wanted, preview=True, olds=struct(outputs))
        assert imagined["policy"] == wanted["policy"]

    def test_a_reason_does_not_tell_a_secret(self, provider: Provider):
        failures = provider.failures(
            QUEUE, {"name": "q", "redrivePolicy": secret("hunter2"), "delaySeconds": secret(-7)}
        )
        assert failures.keys() == {"redrivePolicy", "delaySeconds"}
        assert not any(word in str(failures) for word in ("hunter2", "-7"))

    def test_a_resource_stands_for_its_id_and_an_output_for_its_value(self, provider: Provider, account: Account):
        account.role("lambda", name="worker")
        reference = {MARK: RESOURCE, "urn": "urn:pulumi:dev::shop::aws:iam/role:Role::role", "id": "worker"}
        statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        output = {MARK: OUTPUT, "value": "allowed", "dependencies": ["urn:pulumi:dev::shop::aws:x::y"]}
        inputs = {"name": output, "role": reference, "policy": policy}
        identifier, outputs = provider.create("aws:iam/rolePolicy:RolePolicy", inputs)
        assert identifier == "worker:allowed"
        assert outputs == inputs
        # What is to be made has no id yet.
        unknown = {"role": reference | {"id": ""}, "policy": {MARK: OUTPUT, "secret": True}}
        _, imagined = provider.create("aws:iam/rolePolicy:RolePolicy", inputs | unknown, preview=True)
        assert imagined == inputs | unknown


class TestReadAndDelete:
    def test_a_resource_is_taken_over_by_its_id(self, provider: Provider, account: Account):
        url, _ = account.queue("q", DelaySeconds="7")
        told = provider.read(QUEUE, url)
        assert told.id == url
        assert properties(told.inputs) == {"name": "q", "delaySeconds": 7}
        assert properties(told.properties)["arn"] == f"arn:aws:sqs:us-east-1:{account.id}:q"

    def test_an_id_of_another_form_becomes_the_usual_one(self, provider: Provider, account: Account):
        events, (_, queue) = account.session.client("events"), account.queue("q")
        events.put_rule(Name="a-rule", ScheduleExpression="rate(1 day)")
        events.put_targets(Rule="a-rule", Targets=[{"Id": "a-target", "Arn": queue}])
        told = provider.read("aws:cloudwatch/eventTarget:EventTarget", "a-rule/a-target")
        assert told.id == "a-rule-a-target"
        assert properties(told.inputs) == {"rule": "a-rule", "targetId": "a-target", "arn": queue}
        code, text = refusal(provider.read, "aws:cloudwatch/eventTarget:EventTarget", "a-rule-a-target")
        assert (code, "InvalidId" in text) == (grpc.StatusCode.UNKNOWN, True)

    def test_a_function_that_is_taken_over_is_known_by_its_code(self, provider: Provider, account: Account):
        account.function("f", "def handler(event, context): return 1")
        digest = account.lambda_.get_function_configuration(FunctionName="f")["CodeSha256"]
        told = properties(provider.read(FUNCTION, "f").inputs)
        assert told["code"].keys() == {MARK, "hash"}
        assert told["code"][MARK] == ARCHIVE
        assert base64.b64encode(bytes.fromhex(told["code"]["hash"])).decode() == digest

    def test_what_is_gone_has_no_id_and_no_properties(self, provider: Provider, account: Account):
        url = f"{account.emulator.endpoint_url}/{account.id}/q"
        for told in (provider.read(QUEUE, url), provider.read(QUEUE, url, {"name": "q"})):
            assert told == provider_pb2.ReadResponse()

    def test_deleting_twice_is_as_good_as_once(self, provider: Provider):
        identifier, _ = provider.create(QUEUE, {"name": "q"})
        request = provider_pb2.DeleteRequest(**named(QUEUE), id=identifier, old_inputs=struct({"name": "q"}))
        provider.stub.Delete(request)
        provider.stub.Delete(request)
        assert provider.read(QUEUE, identifier, {"name": "q"}).id == ""

    def test_what_cannot_be_deleted_is_told(self, provider: Provider, account: Account):
        name = f"data-{account.id}"
        provider.create("aws:s3/bucket:Bucket", {"bucket": name})
        account.session.client("s3").put_object(Bucket=name, Key="a", Body=b"1")
        request = provider_pb2.DeleteRequest(
            **named("aws:s3/bucket:Bucket"), id=name, old_inputs=struct({"bucket": name, "forceDestroy": False})
        )
        code, text = refusal(provider.stub.Delete, request)
        assert code is grpc.StatusCode.UNKNOWN
        assert "BucketNotEmpty" in text
        assert "forceDestroy" in text


class TestOtherCalls:
    def test_functions_of_the_provider(self, provider: Provider, account: Account):
        def invoke(token: str) -> Properties:
            return properties(getattr(provider.stub.Invoke(provider_pb2.InvokeRequest(tok=token)), "return"))

        assert invoke("aws:index/getCallerIdentity:getCallerIdentity")["accountId"] == account.id
        assert invoke("aws:index/getRegion:getRegion")["region"] == "us-east-1"
        code, text = refusal(invoke, "aws:ec2/getVpc:getVpc")
        assert code is grpc.StatusCode.UNIMPLEMENTED
        assert "aws:index/getCallerIdentity:getCallerIdentity" in text

    def test_it_stands_for_the_plugin_that_the_program_is_written_for(self, unconfigured: Provider):
        assert unconfigured.stub.GetPluginInfo(empty_pb2.Empty()).version == version("pulumi-aws")

    def test_what_there_is_not(self, provider: Provider):
        stub = provider.stub
        for call, request in (
            (stub.GetSchema, provider_pb2.GetSchemaRequest()),
            (stub.Parameterize, provider_pb2.ParameterizeRequest()),
            (stub.Construct, provider_pb2.ConstructRequest(type="aws:x:Y")),
            (stub.Call, provider_pb2.CallRequest(tok="aws:x:y")),
        ):
            assert refusal(call, request)[0] is grpc.StatusCode.UNIMPLEMENTED
        assert (
            refusal(lambda: list(stub.List(provider_pb2.ListRequest(token=QUEUE))))[0] is grpc.StatusCode.UNIMPLEMENTED
        )
        # Of these an empty answer is wanted, not an error.
        assert stub.GetMapping(provider_pb2.GetMappingRequest(key="terraform")) == provider_pb2.GetMappingResponse()
        assert list(stub.GetMappings(provider_pb2.GetMappingsRequest(key="terraform")).providers) == []
