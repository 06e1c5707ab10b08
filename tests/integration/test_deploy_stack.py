"""A stack on the embedded AWS: deployed, changed, previewed, broken, repaired and taken down."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scout.embedded.deploy.commands import DeployResult, deploy, destroy
from scout.embedded.deploy.diff import Op
from scout.embedded.emulator.instance import Emulator
from scout.embedded.errors import ResourceError

if TYPE_CHECKING:
    import boto3

    from tests.integration.account import Account

PROGRAM = Path(__file__).parent / "programs" / "shop.py"
DEFAULTS = {"bucket": "data", "visibility": 60, "level": "INFO"}
COUNT = 16
READS = ("Get", "List", "Describe", "Head")


@dataclass
class Listener:
    """The emulator, and what was asked of it that may change something."""

    emulator: Emulator
    changes: list[str] = field(default_factory=list)

    @property
    def instance(self) -> str:
        return self.emulator.instance

    @property
    def region(self) -> str:
        return self.emulator.region

    def session(self, account_id: str, region: str | None = None) -> boto3.Session:
        session = self.emulator.session(account_id, region)
        session.events.register("before-call", self._note)
        return session

    def _note(self, model: Any, **_: Any) -> None:
        if not model.name.startswith(READS):
            self.changes.append(model.name)


@dataclass
class Shop:
    """The project of `PROGRAM`, deployed to an account."""

    directory: Path
    listener: Listener
    account: str

    def __post_init__(self) -> None:
        self.directory.mkdir()
        (self.directory / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        shutil.copy(PROGRAM, self.directory / "__main__.py")
        self.archive("layer.zip", "python/shared.py", "N = 20")
        self.archive(
            "code.zip",
            "code.py",
            "import os, shared\ndef handler(event, context):\n"
            "    return {'sum': shared.N + event['n'], 'level': os.environ['LOG_LEVEL']}\n",
        )

    @property
    def state(self) -> Path:
        return self.directory / "state"

    @property
    def state_file(self) -> Path:
        return self.state / "dev" / "stack.json"

    def resources(self) -> list[dict[str, Any]]:
        """Return what the state file holds. Independent resources are noted in the order in which they get done."""
        held = json.loads(self.state_file.read_text())["resources"]
        return sorted(held, key=lambda resource: str(resource["urn"]))

    def archive(self, name: str, member: str, text: str) -> None:
        with zipfile.ZipFile(self.directory / name, "w") as archive:
            archive.writestr(zipfile.ZipInfo(member), text)

    def up(self, *, preview: bool = False, **config: Any) -> DeployResult:
        values = {f"shop:{key}": value for key, value in (DEFAULTS | config).items()}
        (self.directory / "Pulumi.dev.yaml").write_text(json.dumps({"config": values}))
        self.listener.changes.clear()
        return deploy(self.directory, "dev", self.listener, self.state, account=self.account, preview=preview)

    def down(self) -> DeployResult:
        return destroy("dev", self.listener, self.state)


@pytest.fixture
def shop(tmp_path: Path, account: Account) -> Shop:
    return Shop(tmp_path / "shop", Listener(account.emulator), account.id)


def ops(result: DeployResult) -> dict[str, Op]:
    return {change.name: change.op for change in result.changes if change.op is not Op.SAME}


def told(result: DeployResult) -> dict[str, list[str]]:
    return {
        change.name: [f"{item.path}: {item.old} -> {item.new}" for item in change.properties]
        for change in result.changes
        if change.properties
    }


def what_stands(account: Account) -> dict[str, list[str]]:
    """Return the names of everything that the account holds, of the kinds that the program makes."""
    session = account.session
    layers = session.client("lambda").list_layers()["Layers"]
    names = {
        "buckets": [item["Name"] for item in session.client("s3").list_buckets()["Buckets"]],
        "queues": [url.rpartition("/")[2] for url in session.client("sqs").list_queues().get("QueueUrls", [])],
        "tables": session.client("dynamodb").list_tables()["TableNames"],
        "logs": [item["logGroupName"] for item in session.client("logs").describe_log_groups()["logGroups"]],
        "roles": [item["RoleName"] for item in session.client("iam").list_roles()["Roles"]],
        "layers": [item["LatestMatchingVersion"]["LayerVersionArn"] for item in layers],
        "functions": [item["FunctionName"] for item in session.client("lambda").list_functions()["Functions"]],
        "machines": [item["name"] for item in session.client("stepfunctions").list_state_machines()["stateMachines"]],
        "rules": [item["Name"] for item in session.client("events").list_rules()["Rules"]],
    }
    return {kind: sorted(held) for kind, held in names.items() if held}


def test_the_stack_works_and_deploying_it_again_changes_nothing(shop: Shop, account: Account) -> None:
    first = shop.up()
    assert first.count(Op.CREATE) == COUNT == len(first.changes)
    assert first.outputs["bucket"] == f"shop-dev-data-{account.id}"
    assert account.run(first.outputs["machine"], {"n": 22})["output"] == {"sum": 42, "level": "INFO"}

    state = shop.resources()
    second = shop.up()
    assert shop.listener.changes == []
    assert second.count(Op.SAME) == COUNT == len(second.changes)
    assert second.outputs == first.outputs
    assert shop.resources() == state


def test_a_changed_setting_changes_only_what_differs(shop: Shop, account: Account) -> None:
    first = shop.up()
    second = shop.up(level="DEBUG", visibility=90)
    assert ops(second) == {"worker": Op.UPDATE, "queue": Op.UPDATE}
    assert told(second) == {
        "worker": ["environment.variables.LOG_LEVEL: INFO -> DEBUG"],
        "queue": ["visibilityTimeoutSeconds: 60 -> 90"],
    }
    assert sorted(shop.listener.changes) == ["SetQueueAttributes", "UpdateFunctionConfiguration"]
    assert second.outputs == first.outputs
    assert account.run(second.outputs["machine"], {"n": 1})["output"] == {"sum": 21, "level": "DEBUG"}


def test_new_code_reaches_the_function_and_a_new_layer_too(shop: Shop, account: Account) -> None:
    shop.up()
    shop.archive("layer.zip", "python/shared.py", "N = 30")
    result = shop.up()
    assert ops(result) == {"layer": Op.REPLACE, "worker": Op.UPDATE}
    assert account.run(result.outputs["machine"], {"n": 1})["output"]["sum"] == 31
    assert what_stands(account)["layers"] == [f"arn:aws:lambda:us-east-1:{account.id}:layer:shop-dev-core:2"]

    shop.archive("code.zip", "code.py", "def handler(event, context): return {'sum': 'none'}")
    result = shop.up()
    assert ops(result) == {"worker": Op.UPDATE}
    assert account.run(result.outputs["machine"], {"n": 1})["output"] == {"sum": "none"}


def test_what_left_the_program_is_deleted(shop: Shop, account: Account) -> None:
    shop.up(extra=True)
    assert "/shop-dev/extra" in what_stands(account)["logs"]
    result = shop.up(extra=False)
    assert ops(result) == {"extra": Op.DELETE}
    assert shop.listener.changes == ["DeleteLogGroup"]
    assert "/shop-dev/extra" not in what_stands(account)["logs"]


def test_a_bucket_of_another_name_takes_its_settings_along(shop: Shop, account: Account) -> None:
    shop.up()
    account.session.client("s3").put_object(Bucket=f"shop-dev-data-{account.id}", Key="a", Body=b"1")
    result = shop.up(bucket="other")
    assert ops(result) == {"bucket": Op.REPLACE, "versioning": Op.REPLACE, "policy": Op.REPLACE}
    bucket = f"shop-dev-other-{account.id}"
    assert what_stands(account)["buckets"] == [bucket]
    s3 = account.session.client("s3")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert bucket in s3.get_bucket_policy(Bucket=bucket)["Policy"]


def test_a_failure_in_the_middle_and_the_way_on(shop: Shop, account: Account) -> None:
    with pytest.raises(ResourceError) as caught:
        shop.up(broken=True)
    assert (caught.value.name, caught.value.type) == ("broken", "aws:lambda/function:Function")
    assert "shop-dev-core:199" in str(caught.value)
    made = shop.resources()
    assert "layer" in [resource["name"] for resource in made]

    result = shop.up()
    created = {name for name, op in ops(result).items() if op is Op.CREATE}
    assert created == set(ops(result))
    assert created | {resource["name"] for resource in made if resource["custom"]} == {
        change.name for change in result.changes
    }
    assert not created & {resource["name"] for resource in made}
    assert account.run(result.outputs["machine"], {"n": 1})["output"] == {"sum": 21, "level": "INFO"}


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"level": "DEBUG", "visibility": 90},
        {"bucket": "other"},
        {"extra": True},
        {"bucket": "other", "level": "DEBUG", "extra": True},
    ],
    ids=str,
)
def test_the_preview_tells_what_then_happens(shop: Shop, account: Account, config: dict[str, Any]) -> None:
    shop.up()
    state, held = shop.state_file.read_bytes(), what_stands(account)

    preview = shop.up(preview=True, **config)

    assert shop.listener.changes == []
    assert shop.state_file.read_bytes() == state
    assert what_stands(account) == held
    result = shop.up(**config)
    assert preview.changes == result.changes


def test_the_preview_of_a_new_layer(shop: Shop) -> None:
    shop.up()
    shop.archive("layer.zip", "python/shared.py", "N = 30")
    preview = shop.up(preview=True)
    assert told(preview)["worker"] == [
        f"layers[0]: arn:aws:lambda:us-east-1:{shop.account}:layer:shop-dev-core:1 -> [known after deployment]"
    ]
    assert ops(preview) == ops(shop.up())


def test_the_preview_of_a_first_deployment_makes_nothing(shop: Shop, account: Account) -> None:
    preview = shop.up(preview=True)
    assert (shop.listener.changes, what_stands(account)) == ([], {})
    assert preview.count(Op.CREATE) == COUNT
    assert preview.changes == shop.up().changes


def test_destroying_leaves_nothing(shop: Shop, account: Account) -> None:
    outputs = shop.up(extra=True).outputs
    bucket, queue = outputs["bucket"], outputs["queue"]
    account.session.client("s3").put_object(Bucket=bucket, Key="a", Body=b"1")
    account.session.client("s3").delete_object(Bucket=bucket, Key="a")
    account.sqs.send_message(QueueUrl=queue, MessageBody="{}")
    result = shop.down()
    assert result.count(Op.DELETE) == COUNT + 1
    assert what_stands(account) == {}
    assert not shop.state_file.exists()


def test_destroying_after_a_failure_leaves_nothing(shop: Shop, account: Account) -> None:
    with pytest.raises(ResourceError):
        shop.up(broken=True)
    shop.down()
    assert what_stands(account) == {}


def test_a_name_that_another_stack_holds_is_refused(shop: Shop, account: Account) -> None:
    account.queue("shop-dev-queue")
    with pytest.raises(ResourceError, match="shop-dev-queue exists, and is not of this stack") as caught:
        shop.up()
    assert caught.value.code == "NameTaken"
    with pytest.raises(ResourceError, match="NameTaken"):
        shop.up(preview=True)


def test_a_new_emulator_gets_everything_again(tmp_path: Path) -> None:
    first = Emulator.start(tmp_path / "first")
    try:
        shop = Shop(tmp_path / "shop", Listener(first), "123456789012")
        shop.up()
    finally:
        first.stop()
    second = Emulator.start(tmp_path / "second")
    try:
        shop.listener = Listener(second)
        result = shop.up()
        assert len(result.lost) == COUNT
        assert result.count(Op.CREATE) == COUNT
        assert result.outputs["queue"].startswith(second.endpoint_url)
        assert shop.up().count(Op.SAME) == COUNT
    finally:
        second.stop()
