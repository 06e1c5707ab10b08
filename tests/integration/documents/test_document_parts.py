"""What the documents build, a handler and the script of a Glue job, works on the embedded AWS."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from artifacts import Builder
from components.candidate_pipelines import GLUE_MODULES
from lambdas.runtime import envelope, keys
from lambdas.runtime.context import ExecutionContext, StageOutput
from lambdas.runtime.handover import put_out
from lambdas.runtime.storage import Storage
from scout.embedded.aws import AccountContext
from tests import documents
from tests.documents import ROOT
from tests.integration.conformance.jobs import Jobs

if TYPE_CHECKING:
    from pathlib import Path

    from scout.embedded.emulator.instance import Emulator
    from tests.integration.account import Account


def test_the_handler_makes_changes_observes_and_deletes(emulator: Emulator, account_id: str) -> None:
    (handler,) = documents.run("docs/extending-infrastructure.md")["HANDLERS"]
    ctx = AccountContext(emulator, account_id, emulator.region)
    inputs = {"name": "/scout/limit", "type": "String", "value": "5"}
    assert handler.check(inputs) == []
    assert handler.find(inputs, ctx) is None

    identifier, outputs = handler.create(inputs, ctx)
    assert (identifier, outputs) == handler.expected(inputs, ctx)
    assert handler.find(inputs, ctx) == identifier

    ctx.client("ssm").put_parameter(Name="/scout/limit", Value="6", Overwrite=True)
    assert handler.observe(identifier, inputs, ctx) == inputs | {"value": "6"}

    wanted = inputs | {"value": "7"}
    handler.update(identifier, inputs, wanted, ctx)
    assert handler.observe(identifier, wanted, ctx) == wanted

    handler.delete(identifier, wanted, ctx)
    assert handler.read(identifier, wanted, ctx) is None
    handler.delete(identifier, wanted, ctx)


@pytest.mark.xdist_group("spark")
def test_the_script_of_the_job_reads_what_a_stage_put_out_and_leaves_one_output(
    account: Account, tmp_path: Path
) -> None:
    (script,) = [block for block in documents.python(ROOT / "docs/writing-a-stage.md") if documents.needs_spark(block)]
    jobs, execution = Jobs(account), "some-execution"
    everything = f"arn:aws:s3:::{jobs.bucket}/*"
    role = account.role(
        "glue", ("s3:GetObject", everything), ("s3:PutObject", everything), ("s3:ListBucket", everything[:-2])
    )
    builder = Builder(ROOT, folder=tmp_path)
    jobs.put("modules.zip", (ROOT / builder.modules("modules", GLUE_MODULES).path).read_bytes())
    jobs.define(
        "keep-many",
        script.text,
        Role=role,
        GlueVersion="5.1",
        DefaultArguments={"--extra-py-files": f"s3://{jobs.bucket}/modules.zip"},
    )
    before = ExecutionContext.parse(
        {"executionId": execution, "currentStage": "ETLStage", "workflowBucket": jobs.bucket}
    )
    reviews = [{"text": "a castle on a rock"}, {"text": "nice"}, {"text": "three words here"}]
    put_out(Storage(jobs.bucket, jobs.s3), before, StageOutput(reviews))
    key = keys.stage_output(execution, "KeepManyStage")
    arguments = {
        "execution_id": execution,
        "stage_name": "KeepManyStage",
        "previous_stage": "ETLStage",
        "input_bucket": jobs.bucket,
        "input_key": keys.stage_output(execution, "ETLStage"),
        "output_bucket": jobs.bucket,
        "output_key": key,
    }
    started = jobs.start("keep-many", Arguments={f"--{name}": value for name, value in arguments.items()})
    try:
        ended = jobs.ended("keep-many", started)
        assert ended["JobRunState"] == "SUCCEEDED", ended
    finally:
        jobs.stop_all()
    body = jobs.s3.get_object(Bucket=jobs.bucket, Key=key)["Body"].read()
    output = envelope.opened(io.BytesIO(body), key)
    assert output[envelope.DATA] == [reviews[0], reviews[2]]
    assert output["metrics"] == {"read": 3}
