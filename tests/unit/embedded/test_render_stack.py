"""A stack as files, with no AWS of any kind."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

import artifacts
from scout.embedded.deploy.render import render
from scout.embedded.errors import ResourceError
from scout.embedded.resources import UnknownFunctionError

PROGRAM = """
import json, pulumi, pulumi_aws as aws

account = aws.get_caller_identity().account_id
class Group(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("shop:index:Group", name)
        child = pulumi.ResourceOptions(parent=self)
        self.role = aws.iam.Role("role", name="shop-role", assume_role_policy="{}", opts=child)
        self.layer = aws.lambda_.LayerVersion("layer", layer_name="shop-core",
            code=pulumi.FileArchive("code.zip"), opts=child)
        self.function = aws.lambda_.Function("function", name="shop-tiles", role=self.role.arn, runtime="python3.13",
            handler="code.handler", code=pulumi.FileArchive("code.zip"), layers=[self.layer.arn], timeout=20,
            opts=child)
        self.register_outputs({"arn": self.function.arn})

group = Group("group")
queue = aws.sqs.Queue("queue", name="shop-queue", visibility_timeout_seconds=60)
states = lambda arn: json.dumps({"StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": arn, "End": True}}})
machine = aws.sfn.StateMachine("machine", name="shop-city", role_arn=group.role.arn,
    definition=group.function.arn.apply(states))
aws.s3.Bucket("bucket", bucket=f"shop-data-{account}")
pulumi.export("machine", machine.arn)
pulumi.export("url", queue.url)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("{name: shop, runtime: python, config: {aws:region: eu-north-1}}")
    (folder / "Pulumi.dev.yaml").write_text("config: {}")
    (folder / "__main__.py").write_text(PROGRAM)
    with zipfile.ZipFile(folder / "code.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("code.py"), "def handler(event, context): return 1")
    return folder


def test_a_program_that_does_not_run_for_lambda_makes_no_byte_code(shop: Path, tmp_path: Path) -> None:
    (shop / "__main__.py").write_text(
        "import artifacts, pulumi\npulumi.export('bytecode', artifacts.builder().bytecode)\n"
    )
    render(shop, "dev", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "resources.json").read_text())["outputs"] == {"bytecode": False}
    assert artifacts.builder().bytecode


def test_each_definition_and_the_graph_are_written(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    assert render(shop, "dev", out) == [out / "resources.json", out / "shop-city.asl.json"]

    definition = json.loads((out / "shop-city.asl.json").read_text())
    assert definition["States"]["Call"]["Resource"] == "arn:aws:lambda:eu-north-1:123456789012:function:shop-tiles"

    graph = json.loads((out / "resources.json").read_text())
    assert graph["outputs"] == {
        "machine": "arn:aws:states:eu-north-1:123456789012:stateMachine:shop-city",
        "url": "https://sqs.eu-north-1.amazonaws.com/123456789012/shop-queue",
    }
    resources = {resource["name"]: resource for resource in graph["resources"]}
    assert [resource["urn"] for resource in graph["resources"]] == sorted(r["urn"] for r in graph["resources"])
    assert resources["bucket"]["inputs"] == {"bucket": "shop-data-123456789012"}
    assert resources["group"] == {
        "urn": "urn:pulumi:dev::shop::shop:index:Group::group",
        "type": "shop:index:Group",
        "name": "group",
        "inputs": {},
        "outputs": {"arn": "arn:aws:lambda:eu-north-1:123456789012:function:shop-tiles"},
    }
    function = resources["function"]
    assert function["parent"] == resources["group"]["urn"]
    assert function["inputs"]["timeout"] == 20
    assert function["inputs"]["code"]["path"] == "code.zip"
    assert function["inputs"]["layers"] == ["arn:aws:lambda:eu-north-1:123456789012:layer:shop-core:1"]
    assert function["dependencies"] == sorted([resources["layer"]["urn"], resources["role"]["urn"]])


def test_two_renderings_are_equal_wherever_the_project_lies(shop: Path, tmp_path: Path) -> None:
    first, second, elsewhere = tmp_path / "first", tmp_path / "second", tmp_path / "elsewhere"
    render(shop, "dev", first)
    shop.rename(elsewhere)
    render(elsewhere, "dev", second)
    assert {path.name: path.read_bytes() for path in first.iterdir()} == {
        path.name: path.read_bytes() for path in second.iterdir()
    }


def test_what_cannot_be_right_is_refused(shop: Path, tmp_path: Path) -> None:
    program = PROGRAM + 'aws.sqs.Queue("other", visibility_timeout_seconds=1)'
    (shop / "__main__.py").write_text(program)
    with pytest.raises(ResourceError, match=r"aws:sqs/queue:Queue 'other'.*the argument `name` is missing"):
        render(shop, "dev", tmp_path / "out")


def test_a_function_without_an_answer_is_refused(shop: Path, tmp_path: Path) -> None:
    (shop / "__main__.py").write_text(PROGRAM + "aws.get_availability_zones()")
    with pytest.raises(UnknownFunctionError, match="getAvailabilityZones"):
        render(shop, "dev", tmp_path / "out")
