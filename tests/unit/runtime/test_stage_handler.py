"""The base handler of pipeline stages, with the harness that their authors use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.runtime import keys
from lambdas.runtime.aws import Aws
from lambdas.runtime.context import StageOutput
from lambdas.runtime.errors import (
    AccessDenied,
    InputNotFound,
    InvalidInput,
    InvalidOutput,
    TransientStorageError,
    VerificationFailed,
)
from lambdas.runtime.handler import StageHandler, stage
from lambdas.runtime.handover import MAX_INLINE_BYTES, StageInput
from lambdas.testing import Invocation, LocalAws, MemoryS3, run_stage
from tests.unit.runtime.buckets import FailingS3

EXECUTION = "local-execution"


@stage
def echo(given: StageInput, aws: Aws) -> StageOutput:
    """Puts out what it gets."""
    return StageOutput(given.read())


@stage
def one_by_one(given: StageInput, aws: Aws) -> StageOutput:
    return StageOutput(record for record in given.records())


class Doubled(StageHandler):
    """The class form."""

    def process(self, given: StageInput, aws: Aws) -> StageOutput:
        return StageOutput([2 * number for number in given.read()], metrics={"doubled": 1})


def event(**changes: Any) -> dict[str, Any]:
    plain = {
        "executionId": EXECUTION,
        "currentStage": "Stage",
        "previousStage": None,
        "workflowBucket": "local-bucket",
        "initialData": {"a": 1},
    }
    return {**plain, **changes}


def failing_bucket(*failures: int, **changes: Any) -> LocalAws:
    s3 = FailingS3()
    s3.failures += failures
    vars(s3).update(changes)
    return LocalAws(s3)


@pytest.mark.property(11)
def test_a_stage_is_tested_in_three_lines_without_aws():
    ran = run_stage(Doubled(), [1, 2], after="Before")
    assert ran.data == [2, 4]
    assert ran.result["recordsProcessed"] == 2


@pytest.mark.property(11)
def test_a_client_that_a_test_does_not_hand_over_is_not_aws():
    @stage
    def asks(given: StageInput, aws: Aws) -> StageOutput:
        return StageOutput(aws.dynamodb.list_tables())

    with pytest.raises(AssertionError, match=r"LocalAws\(dynamodb=...\)"):
        run_stage(asks, {"a": 1})


@pytest.mark.property(2)
@pytest.mark.property(5)
@given(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", fullmatch=True),
    st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,60}", fullmatch=True),
)
def test_a_stage_writes_its_one_output_in_the_folder_of_its_execution(execution, name):
    aws = LocalAws()
    result = echo(event(executionId=execution, currentStage=name), Invocation(), aws)
    assert list(aws.bucket.objects) == [f"executions/{execution}/{name}/output.json"] == [result["outputKey"]]


@pytest.mark.property(3)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=8))
def test_the_next_stage_reads_what_the_one_before_wrote(data):
    assert run_stage(echo, data, after="Before").data == data


@pytest.mark.property(4)
def test_the_first_stage_reads_the_message_and_no_object():
    aws = LocalAws(FailingS3())
    ran = run_stage(echo, {"programId": "p"}, aws=aws)
    assert ran.data == {"programId": "p"}
    assert isinstance(aws.bucket, FailingS3)
    # Only whether its own output stands already, and the harness reading that.
    assert aws.bucket.reads == 1


@pytest.mark.property(4)
def test_a_first_stage_without_a_message_says_so():
    with pytest.raises(InvalidInput, match=r"initialData is null for the first stage, Stage\."):
        run_stage(echo, None)


def test_a_message_may_come_as_its_text():
    assert run_stage(echo, '{"a": [1, 2.5, "ü"]}').data == {"a": [1, 2.5, "ü"]}


@pytest.mark.parametrize(
    "text",
    ["", "not json", '{"a":', "NaN", '{"a": Infinity}', "[" * 100_000],
    ids=["", "no", "cut", "nan", "inf", "deep"],
)
def test_a_message_that_is_not_json_is_a_permanent_error_that_says_so(text):
    with pytest.raises(InvalidInput, match="The message for the first stage, Stage, is not JSON"):
        run_stage(echo, text)


@pytest.mark.property(30)
def test_a_stage_that_fails_raises_and_writes_nothing():
    @stage
    def failing(given: StageInput, aws: Aws) -> StageOutput:
        raise ZeroDivisionError("no")

    @stage
    def failing_late(given: StageInput, aws: Aws) -> StageOutput:
        def records() -> Iterator[int]:
            yield 1
            raise ValueError("in the middle")

        return StageOutput(records())

    for handler, error in ((failing, ZeroDivisionError), (failing_late, ValueError)):
        aws = LocalAws()
        with pytest.raises(error):
            handler(event(), Invocation(), aws)
        assert not aws.bucket.objects


def test_a_stage_that_has_put_out_is_not_done_again():
    aws = LocalAws()
    first = run_stage(Doubled(), [1, 2], after="Before", aws=aws).result

    @stage
    def never(given: StageInput, aws: Aws) -> StageOutput:
        raise AssertionError

    assert never(event(previousStage="Before", initialData=None), Invocation(), aws) == first


def test_the_output_that_came_first_stands():
    aws = LocalAws()

    @stage
    def late(given: StageInput, own: Aws) -> StageOutput:
        # Another invocation of the same stage is done in the meantime.
        echo(event(initialData={"by": "the other"}), Invocation(), own)
        return StageOutput({"by": "this"})

    result = late(event(), Invocation(), aws)
    standing = json.loads(aws.bucket.objects[keys.stage_output(EXECUTION, "Stage")])
    assert (standing["data"], standing["sha256"]) == ({"by": "the other"}, result["outputSha256"])


@given(st.data())
def test_one_character_less_of_a_stored_output_fails_the_next_stage(data):
    aws = LocalAws()
    run_stage(echo, {"rows": [1, 22, "x"], "n": 1e16}, stage="Before", aws=aws)
    key = keys.stage_output(EXECUTION, "Before")
    body = aws.bucket.objects[key]
    at = data.draw(st.integers(0, len(body) - 1))
    aws.bucket.objects[key] = body[:at] + body[at + 1 :]
    with pytest.raises(VerificationFailed, match=r"/output\.json "):
        echo(event(currentStage="After", previousStage="Before", initialData=None), Invocation(), aws)
    assert list(aws.bucket.objects) == [key]


class TestMessages:
    """The words of REFERENCE B3."""

    def read(self, aws: LocalAws) -> None:
        echo(event(previousStage="Before", initialData=None), Invocation(), aws)

    def test_a_missing_input_names_the_stage_that_should_have_written_it(self):
        with pytest.raises(InputNotFound) as error:
            self.read(LocalAws())
        assert str(error.value) == (
            "Input data not found in S3. Previous stage 'Before' may have failed or not written output. "
            "Path: s3://local-bucket/executions/local-execution/Before/output.json"
        )

    @pytest.mark.parametrize(
        ("status", "error", "text"),
        [
            (403, AccessDenied, "Access denied to S3 bucket. Check IAM permissions for Lambda execution role."),
            (503, TransientStorageError, "S3 throttling (503 SlowDown). Retrying with backoff."),
            (500, TransientStorageError, "S3 internal error (500). Retrying with backoff."),
        ],
    )
    def test_s3_says_no(self, status, error, text):
        with pytest.raises(error) as raised:
            self.read(failing_bucket(status))
        assert str(raised.value).startswith(text)
        assert "s3://local-bucket/" in str(raised.value)

    def test_a_read_that_breaks_off_is_read_again(self):
        aws = failing_bucket()
        run_stage(echo, [1], stage="Before", aws=aws)
        vars(aws.bucket)["broken_reads"] = 2
        echo(event(previousStage="Before", initialData=None), Invocation(), aws)

    def test_a_write_whose_reply_was_lost_is_a_success(self):
        assert run_stage(echo, [1], aws=failing_bucket(lost_writes=1)).data == [1]


@pytest.mark.parametrize("data", [{}, []])
@pytest.mark.parametrize("after", [None, "Before"])
def test_empty_input_succeeds_with_the_same_nothing(data, after):
    @stage
    def never(given: StageInput, aws: Aws) -> StageOutput:
        raise AssertionError

    ran = run_stage(never, data, after=after)
    assert ran.data == data
    assert (ran.result["status"], ran.result["recordsProcessed"]) == ("SUCCESS", 0)


def test_a_stage_may_take_an_empty_input_for_work():
    @stage(takes_empty=True)
    def source(given: StageInput, aws: Aws) -> StageOutput:
        return StageOutput(["made of nothing"])

    assert run_stage(source, {}).data == ["made of nothing"]


@pytest.mark.parametrize("mark", ["test", "_test"])
@pytest.mark.parametrize("after", [None, "Before"])
def test_in_test_mode_every_stage_is_reached_and_none_works(mark, after):
    class Never(StageHandler):
        def process(self, given: StageInput, aws: Aws) -> StageOutput:
            raise AssertionError

    first = run_stage(Never(), {mark: True}, after=after, stage="ETLStage")
    assert first.data["timestamp"] > 0
    assert {name: value for name, value in first.data.items() if name != "timestamp"} == {
        "stage": "ETLStage",
        "status": "success",
        "test": True,
        "input": {mark: True},
        "message": "ETLStage stage completed in test mode",
    }
    second = run_stage(Never(), first.data, after="ETLStage", stage="FilterStage")
    assert second.data["message"] == "FilterStage stage completed in test mode"


@pytest.mark.parametrize("value", [False, None, 1, "true", "A/B variant", {"on": True}])
def test_only_a_test_that_is_true_is_one(value):
    assert run_stage(echo, {"test": value, "a": 1}).data == {"test": value, "a": 1}


def test_records_go_through_one_by_one():
    records = [{"n": number, "half": number / 2, "name": "ü"} for number in range(50)]
    for after in (None, "Before"):
        ran = run_stage(one_by_one, records, after=after)
        assert ran.data == records
        assert ran.result["recordsProcessed"] == 50


def test_what_is_no_list_has_no_records():
    for after in (None, "Before"):
        with pytest.raises(InvalidInput, match="is not a list of records"):
            run_stage(one_by_one, {"a": 1}, after=after)


@pytest.mark.parametrize(
    ("data", "records"), [([1, 2, 3], 3), ([], 0), ({"a": 1}, 1), ({}, 0), (None, 0), ("text", 1), (0, 1)]
)
def test_records_are_counted(data, records):
    @stage(takes_empty=True)
    def puts(given: StageInput, aws: Aws) -> StageOutput:
        return StageOutput(data)

    assert run_stage(puts, {"a": 1}).result["recordsProcessed"] == records


def test_a_second_attempt_is_answered_whatever_numbers_the_output_holds():
    aws = LocalAws()
    first, second = (run_stage(one_by_one, [10**30, -(10**25)], aws=aws).result for _ in range(2))
    assert first == second
    assert run_stage(one_by_one, [10**30], after="Before").data == [10**30]


@pytest.mark.parametrize(
    "output",
    [
        StageOutput([], records=-1),
        StageOutput([], metrics={"": 1}),
        StageOutput([], metrics={"of what?": 1}),
        StageOutput([], metrics={"x": "abc"}),  # type: ignore[dict-item]
        StageOutput([], metrics={"x": True}),
        StageOutput([], metrics={"x": float("inf")}),
        StageOutput([], result={"x": 1}),  # type: ignore[dict-item]
    ],
)
def test_what_a_stage_says_wrongly_of_its_output_is_told_before_anything_stands(output: StageOutput) -> None:
    @stage
    def puts(given: StageInput, aws: Aws) -> StageOutput:
        return output

    aws = LocalAws()
    with pytest.raises(InvalidOutput):
        run_stage(puts, {"a": 1}, aws=aws)
    assert not aws.bucket.objects


@pytest.mark.parametrize(("output", "kind"), [([{"a": 1}], "list"), (None, "NoneType"), ({}, "dict")])
def test_what_is_no_output_is_a_permanent_error_that_says_what_to_return(output: StageOutput, kind: str) -> None:
    @stage
    def puts(given: StageInput, aws: Aws) -> StageOutput:
        return output

    aws = LocalAws()
    with pytest.raises(InvalidOutput, match=f"Stage returned {kind} and no StageOutput: `return StageOutput"):
        run_stage(puts, {"a": 1}, aws=aws)
    assert not aws.bucket.objects


@pytest.mark.parametrize("data", [{1, 2}, float("nan"), "\ud800", iter([object()])])
def test_what_json_does_not_have_is_a_permanent_error(data):
    @stage
    def puts(given: StageInput, aws: Aws) -> StageOutput:
        return StageOutput(data)

    with pytest.raises(InvalidOutput, match="What Stage put out is not JSON"):
        run_stage(puts, {"a": 1})


class TestInline:
    """Beside a legacy stage data goes through the state."""

    def test_an_input_from_the_state(self):
        given = event(previousStage="Old", initialData={"from": "the state"}, inputInline=True)
        aws = LocalAws()
        echo(given, Invocation(), aws)
        assert json.loads(aws.bucket.objects[keys.stage_output(EXECUTION, "Stage")])["data"] == {"from": "the state"}

    def test_a_text_from_the_state_stays_a_text(self):
        aws = LocalAws()
        echo(event(previousStage="Old", initialData="text", inputInline=True), Invocation(), aws)
        assert json.loads(aws.bucket.objects[keys.stage_output(EXECUTION, "Stage")])["data"] == "text"

    def test_an_output_to_the_state_is_in_s3_as_well(self):
        aws = LocalAws()
        result = echo(event(outputInline=True), Invocation(), aws)
        assert result["output"] == {"a": 1}
        assert aws.bucket.objects
        assert "output" not in echo(event(executionId="another"), Invocation(), aws)

    def test_an_output_that_no_state_could_hold_is_refused_with_advice(self):
        data = "x" * (MAX_INLINE_BYTES + 1)
        with pytest.raises(InvalidOutput, match="Migrate that stage to the hand-off through S3"):
            echo(event(initialData=json.dumps(data), outputInline=True), Invocation(), LocalAws())


@pytest.mark.property(36)
@pytest.mark.property(37)
def test_every_line_says_which_stage_of_which_execution_and_where_its_objects_lie(caplog):
    run_stage(echo, [1], after="Before", stage="After")
    lines = {record.message: vars(record) for record in caplog.records[1:]}
    assert list(lines) == [
        "Starting stage",
        "Reading input from S3",
        "Output written successfully",
        "Stage completed successfully",
    ]
    for line in lines.values():
        assert (line["executionId"], line["currentStage"], line["previousStage"]) == (EXECUTION, "After", "Before")
    assert lines["Reading input from S3"]["key"] == keys.stage_output(EXECUTION, "Before")
    written = lines["Output written successfully"]
    assert (written["bucket"], written["key"]) == ("local-bucket", keys.stage_output(EXECUTION, "After"))
    assert written["sizeBytes"] > 50
    assert lines["Stage completed successfully"]["recordsProcessed"] == 1


@pytest.mark.property(36)
def test_a_failure_is_logged_with_its_kind_and_its_stack(caplog):
    with pytest.raises(InvalidInput):
        run_stage(echo, None)
    (failed,) = [record for record in caplog.records if record.message == "Stage failed"]
    assert (vars(failed)["errorType"], vars(failed)["currentStage"]) == ("InvalidInput", "Stage")
    assert vars(failed)["previousStage"] == "none (first stage)"
    assert failed.exc_info


def test_the_memory_bucket_answers_as_s3_does():
    s3 = MemoryS3()
    first = s3.put_object(Bucket="b", Key="k", Body=b"1")["ETag"]
    assert s3.head_object(Bucket="b", Key="k") == {"ContentLength": 1, "ETag": first}
    with pytest.raises(NotImplementedError):
        s3.get_paginator("list_buckets")
