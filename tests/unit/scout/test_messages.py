"""What may be sent to a pipeline, and how a failed execution is named when it is started again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scout.errors import InputRefused, ScoutError
from scout.pipelines import replaying
from scout.pipelines.messages import MAX_INPUT_BYTES, Pipeline, checked, execution_input, read_message
from scout.pipelines.replaying import Failed


def pipeline(batch_size: int = 1) -> Pipeline:
    return Pipeline("p", "arn:p", True, "S3", batch_size, ("A",), (), "pipe", "queue", "dlq", None)


class TestMessages:
    def test_a_file_is_sent_as_it_stands(self, tmp_path):
        path = tmp_path / "message.json"
        path.write_text('{"candidates":  []}\n')
        assert read_message(path, pipeline(), "bucket") == '{"candidates":  []}\n'

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"\xff",
            b"candidates",
            b"NaN",
            b"[Infinity]",
            b"\xef\xbb\xbf{}",
            "{}".encode("utf-16"),
            b"[" * 100_000,
        ],
    )
    def test_what_is_not_json_is_refused(self, body):
        with pytest.raises(InputRefused, match=r"message\.json is refused:\n  it is not JSON in UTF-8") as refused:
            checked(body, "message.json", "bucket")
        assert refused.value.exit_code == 2

    @pytest.mark.parametrize("body", [b"null", b'"hello"', b'""'])
    def test_what_a_stage_could_not_tell_from_no_message_is_refused(self, body):
        with pytest.raises(InputRefused, match="send an object or a list"):
            checked(body, "message.json", "bucket")

    @pytest.mark.parametrize("batch_size", [1, 5, 10])
    @pytest.mark.parametrize("letter", ["a", "é", "\N{GRINNING FACE}"])
    def test_the_largest_message_and_one_byte_more(self, letter, batch_size):
        most = MAX_INPUT_BYTES // batch_size - 1024
        room, size = most - len(execution_input("0" * 36, [""]).encode()), len(letter.encode())
        largest = [letter * (room // size) + "x" * (room % size)]
        body = json.dumps(largest, ensure_ascii=False)
        assert checked(body.encode(), "message.json", "bucket", batch_size=batch_size) == body
        # A whole batch of them is what AWS takes at once.
        assert batch_size * len(execution_input("0" * 36, largest).encode()) <= MAX_INPUT_BYTES
        with pytest.raises(InputRefused, match=f"can take {most:,}.*: put the data to s3://bucket/incoming/"):
            checked(body.encode() + b"\n", "message.json", "bucket", batch_size=batch_size)

    def test_no_such_file(self, tmp_path):
        with pytest.raises(ScoutError, match="cannot be read: No such file"):
            read_message(tmp_path / "none.json", pipeline(), "bucket")


def failed(name: str, **changes: Any) -> Failed:
    return Failed(**{
        "execution_arn": f"arn:aws:states:us-east-1:123456789012:execution:pipeline:{name}",
        "name": name, "status": "FAILED", "error": "E", "cause": "C", "input": "[]", **changes,
    })  # fmt: skip


class TestReplayNames:
    def test_the_first_the_second_and_the_tenth(self):
        assert failed("one").replay_name == "one-replay-1"
        assert failed("one-replay-1").replay_name == "one-replay-2"
        assert failed("one-replay-9").replay_name == "one-replay-10"

    def test_names_that_differ_only_at_their_end_have_replays_of_their_own(self):
        one, two = ("x" * 79 + letter for letter in "ab")
        assert failed(one).replay_name != failed(two).replay_name

    @given(st.from_regex(r"[A-Za-z0-9-]{1,80}", fullmatch=True))
    def test_every_replay_has_a_name_of_its_own_that_aws_takes(self, name):
        names = [name]
        for _ in range(12):
            names.append(failed(names[-1]).replay_name)
        assert all(len(replay) <= 80 for replay in names)
        assert len(set(names)) == len(names)
        assert names[1] == failed(name).replay_name


class TestReports:
    def test_an_event_of_step_functions(self):
        detail = {
            "executionArn": "arn:e", "stateMachineArn": "arn:m", "name": "e", "status": "TIMED_OUT", "startDate": 1,
            "stopDate": 2, "input": "[]", "output": None, "error": None, "cause": None,
        }  # fmt: skip
        assert replaying._parsed(json.dumps({"detail-type": "x", "detail": detail})) == Failed(
            "arn:e", "e", "TIMED_OUT", None, None, "[]"
        )

    @pytest.mark.parametrize("body", ["", "[]", "{}", '{"detail": {}}', '{"detail": 5}'])
    def test_something_else_is_none(self, body):
        assert replaying._parsed(body) is None
