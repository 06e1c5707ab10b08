"""What the resource handlers are built from, and what each of them promises without a call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from scout.embedded.deploy.aws import NowhereContext
from scout.embedded.deploy.errors import ResourceError, naming
from scout.embedded.deploy.graph import Resource
from scout.embedded.resources import HANDLERS, Refused
from scout.embedded.resources.base import await_state, pascal, tag_changes

THING = Resource("urn:pulumi:dev::shop::aws:sqs/queue:Queue::queue", "aws:sqs/queue:Queue", "queue", custom=True)


def _raised(error: Exception) -> ResourceError:
    with pytest.raises(ResourceError) as caught, naming(THING, "create"):
        raise error
    return caught.value


def test_an_error_of_the_api_names_the_resource_and_what_to_do() -> None:
    response = {"Error": {"Code": "BucketNotEmpty", "Message": "The bucket is not empty."}}
    raised = _raised(ClientError(response, "DeleteBucket"))  # type: ignore[arg-type]
    assert str(raised) == (
        "aws:sqs/queue:Queue 'queue': create failed with BucketNotEmpty: The bucket is not empty.\n"
        "Empty the bucket, or deploy it once with `forceDestroy`, then delete or replace it.\n"
        "URN: urn:pulumi:dev::shop::aws:sqs/queue:Queue::queue"
    )
    assert (raised.code, raised.type, raised.name, raised.action) == (
        "BucketNotEmpty",
        "aws:sqs/queue:Queue",
        "queue",
        "create",
    )


def test_an_endpoint_that_does_not_answer_is_told() -> None:
    raised = _raised(EndpointConnectionError(endpoint_url="http://127.0.0.1:1"))
    assert raised.code == "EndpointConnectionError"
    assert "`scout up` starts it" in raised.hint


def test_a_refusal_in_an_answer_is_told() -> None:
    assert "CREATE_FAILED: no role" in str(_raised(Refused("CREATE_FAILED", "no role")))


def test_other_errors_are_left_alone() -> None:
    with pytest.raises(KeyError), naming(THING, "create"):
        raise KeyError("x")


def test_every_key_becomes_what_the_api_calls_it() -> None:
    rules = [{"id": "a", "filter": {"prefix": "raw/"}, "noncurrentVersionExpiration": {"noncurrentDays": 7}}]
    assert pascal(rules, {"id": "ID"}) == [
        {"ID": "a", "Filter": {"Prefix": "raw/"}, "NoncurrentVersionExpiration": {"NoncurrentDays": 7}}
    ]


@pytest.mark.parametrize(
    ("old", "new", "to_set", "to_remove"),
    [
        ({}, {}, {}, []),
        (
            {"tags": {"a": "1", "b": "2", "c": "3"}},
            {"tags": {"b": "2", "c": "4", "d": "5"}},
            {"c": "4", "d": "5"},
            ["a"],
        ),
        ({"tags": {"b": "1", "a": "1"}}, {}, {}, ["a", "b"]),
    ],
)
def test_tags_are_set_and_removed(
    old: dict[str, dict[str, str]], new: dict[str, dict[str, str]], to_set: dict[str, str], to_remove: list[str]
) -> None:
    assert tag_changes(old, new) == (to_set, to_remove)


def _states(*states: str) -> Iterator[tuple[str, str]]:
    yield from ((state, "") for state in states)


def test_waiting_ends_in_the_wanted_state() -> None:
    states = _states("CREATING", "CREATING", "RUNNING", "STOPPED")
    await_state(lambda: next(states), "RUNNING", frozenset({"CREATING"}))
    assert next(states) == ("STOPPED", "")


def test_waiting_ends_in_an_error_in_any_other_state() -> None:
    states = _states("CREATING", "CREATE_FAILED")
    with pytest.raises(Refused, match="CREATE_FAILED: expected to become RUNNING"):
        await_state(lambda: next(states), "RUNNING", frozenset({"CREATING"}))


def test_the_reason_of_the_api_is_told() -> None:
    with pytest.raises(Refused, match="CREATE_FAILED: the role may not read the queue"):
        await_state(lambda: ("CREATE_FAILED", "the role may not read the queue"), "RUNNING", frozenset())


def test_waiting_ends_when_the_time_is_over() -> None:
    with pytest.raises(Refused, match="CREATING: expected to become RUNNING"):
        await_state(lambda: ("CREATING", ""), "RUNNING", frozenset({"CREATING"}), timeout=0)


@pytest.mark.parametrize("resource_type", sorted(HANDLERS))
def test_what_a_handler_declares_hangs_together(resource_type: str) -> None:
    handler = HANDLERS[resource_type]
    assert handler.resource_type == resource_type
    assert handler.required <= handler.arguments
    assert handler.replace_on <= handler.arguments
    assert not (handler.owns_name and handler.coexists)
    assert not (handler.arguments & (handler.assigned | handler.volatile))


def test_nothing_can_be_called_nowhere() -> None:
    with pytest.raises(RuntimeError, match="no call to s3"):
        NowhereContext("us-east-1").client("s3")
