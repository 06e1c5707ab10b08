"""A small stack under the engine: what it replaces, in which order, and what it leaves when something fails."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest

from scout.embedded.deploy.stack_config import StackConfig, load_stack_config
from scout.embedded.engine.server import ProviderServer
from tests.integration.account import Account
from tests.integration.engine.double import EngineDouble, Step
from tests.integration.engine.leftovers import leftovers

PROGRAM = Path(__file__).parents[1] / "programs" / "shop.py"
DEFAULTS = {"bucket": "data", "visibility": 60, "level": "INFO"}
COUNT = 16


@dataclass
class Shop:
    """The project of `PROGRAM` under an engine."""

    directory: Path
    server: ProviderServer
    account: Account

    def __post_init__(self) -> None:
        (self.directory / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        shutil.copy(PROGRAM, self.directory / "__main__.py")
        self.archive("layer.zip", "python/shared.py", "N = 20")
        self.archive("code.zip", "code.py", self.code("shared.N + event['n']"))
        self.engine = EngineDouble(self.server.port, self.config())

    def code(self, expression: str) -> str:
        return f"import shared\ndef handler(event, context):\n    return {expression}\n"

    def archive(self, name: str, member: str, text: str) -> None:
        with zipfile.ZipFile(self.directory / name, "w") as archive:
            archive.writestr(zipfile.ZipInfo(member), text)

    def config(self, **values: Any) -> StackConfig:
        keys = {f"shop:{key}": value for key, value in (DEFAULTS | values).items()}
        (self.directory / "Pulumi.dev.yaml").write_text(json.dumps({"config": keys}))
        return load_stack_config(self.directory, "dev")

    def up(self, *, preview: bool = False, **values: Any) -> list[Step]:
        return self.engine.up(preview=preview, config=self.config(**values))

    def run(self) -> Any:
        return self.account.run(self.engine.stack.exports["machine"], {"n": 22})["output"]


@pytest.fixture
def shop(tmp_path: Path, account: Account) -> Iterator[Shop]:
    directory = tmp_path / "shop"
    directory.mkdir()
    server = ProviderServer(account.emulator, account.id, directory)
    yield Shop(directory, server, account)
    server.stop()


def ops(steps: list[Step]) -> dict[str, str]:
    return {step.name: step.op for step in steps}


def test_the_stack_works_and_is_not_touched_again(shop: Shop, account: Account) -> None:
    assert len(shop.up()) == COUNT
    assert shop.run() == 42
    assert shop.up() == []
    assert shop.engine.refresh() == []
    account.session.client("s3").put_object(Bucket=shop.engine.stack.exports["bucket"], Key="a", Body=b"1")
    assert len(shop.engine.destroy()) == COUNT
    assert leftovers(account.session) == {}


def test_only_what_differs_is_changed(shop: Shop) -> None:
    shop.up()
    steps = shop.up(level="DEBUG", visibility=90)
    assert sorted((step.op, step.name, step.keys) for step in steps) == [
        ("update", "queue", ("visibilityTimeoutSeconds",)),
        ("update", "worker", ("environment",)),
    ]
    assert shop.up(level="DEBUG", visibility=90) == []


def test_a_new_layer_is_there_before_the_old_one_goes(shop: Shop, account: Account) -> None:
    shop.up()
    shop.archive("layer.zip", "python/shared.py", "N = 30")
    previewed = shop.up(preview=True)
    steps = shop.up()
    assert ops(previewed) == ops(steps) == {"layer": "replace", "worker": "update"}
    assert shop.run() == 52
    layers = account.lambda_.list_layer_versions(LayerName="shop-dev-core")["LayerVersions"]
    assert [layer["Version"] for layer in layers] == [2]
    assert shop.up() == []


def test_new_code_runs(shop: Shop) -> None:
    shop.up()
    shop.archive("code.zip", "code.py", shop.code("'new'"))
    assert [(step.op, step.name, step.keys) for step in shop.up()] == [("update", "worker", ("code",))]
    assert shop.run() == "new"


def test_a_bucket_of_another_name_takes_its_settings_along(shop: Shop, account: Account) -> None:
    shop.up()
    s3 = account.session.client("s3")
    s3.put_object(Bucket=f"shop-dev-data-{account.id}", Key="a", Body=b"1")

    previewed = shop.up(preview=True, bucket="other")
    steps = shop.up(bucket="other")

    assert ops(previewed) == ops(steps) == {"bucket": "replace", "versioning": "replace", "policy": "replace"}
    bucket = f"shop-dev-other-{account.id}"
    assert [item["Name"] for item in s3.list_buckets()["Buckets"]] == [bucket]
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert bucket in s3.get_bucket_policy(Bucket=bucket)["Policy"]
    assert shop.engine.refresh() == []


def test_what_left_the_program_is_deleted(shop: Shop, account: Account) -> None:
    shop.up(extra=True)
    assert ops(shop.up()) == {"extra": "delete"}
    assert "/shop-dev/extra" not in leftovers(account.session)["describe_log_groups"]


def test_after_a_failure_the_next_run_goes_on(shop: Shop, account: Account) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        shop.up(broken=True)
    assert failed.value.code() is grpc.StatusCode.UNKNOWN
    assert "aws:lambda/function:Function 'broken': create failed" in failed.value.details()
    assert "shop-dev-core:199" in failed.value.details()
    assert "shop-dev-broken" not in str(leftovers(account.session))
    standing = {state.name for state in shop.engine.stack.custom}
    assert "layer" in standing

    steps = shop.up()

    assert not standing & set(ops(steps))
    assert len(shop.engine.stack.custom) == COUNT
    assert shop.run() == 42
    shop.engine.destroy()
    assert leftovers(account.session) == {}


def test_what_is_gone_is_made_again(shop: Shop, account: Account) -> None:
    shop.up()
    account.sqs.delete_queue(QueueUrl=shop.engine.stack.exports["queue"])
    account.lambda_.delete_function(FunctionName="shop-dev-worker")
    assert ops(shop.engine.refresh()) == {"queue": "delete", "worker": "delete"}
    assert ops(shop.up()) == {"queue": "create", "worker": "create"}
    assert shop.run() == 42


def test_code_that_somebody_else_put_there_is_replaced(shop: Shop, account: Account) -> None:
    shop.up()
    path = shop.directory / "other.zip"
    shop.archive(path.name, "code.py", shop.code("'other'"))
    account.lambda_.update_function_code(FunctionName="shop-dev-worker", ZipFile=path.read_bytes())
    drift = shop.engine.refresh()
    assert [(step.name, step.keys) for step in drift] == [("worker", ("code",))]
    assert ops(shop.up()) == {"worker": "update"}
    assert shop.run() == 42
    assert shop.engine.refresh() == []
