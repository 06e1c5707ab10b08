"""What the resource handlers are built from, and what each of them promises without a call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from scout.embedded.aws import NowhereContext
from scout.embedded.deploy.graph import Resource
from scout.embedded.errors import ResourceError, naming
from scout.embedded.resources import HANDLERS, Refused
from scout.embedded.resources.differences import same_effect
from scout.embedded.resources.outcomes import await_state
from scout.embedded.resources.shapes import camel, pascal
from scout.embedded.resources.tags import tag_changes
from scout.embedded.resources.values import DOCUMENT, FILE, TEXTS, TRUTH, OneOf, Rule, Whole

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
    assert set(handler.values) == handler.arguments
    assert handler.unreadable | handler.archives <= handler.arguments
    assert handler.computed <= handler.arguments - handler.required - set(handler.defaults)
    assert handler.defaults.keys() <= handler.arguments - handler.required
    assert [
        rule.expects(handler.defaults[name]) for name, rule in handler.values.items() if name in handler.defaults
    ] == [""] * len(handler.defaults)


@pytest.mark.parametrize(
    ("rule", "right", "wrong", "expected"),
    [
        (Whole(1, 3), [1, 3], [0, 4, True, "2", 1.5], "a whole number from 1 to 3"),
        (OneOf(("A", 1)), ["A", 1], ["B", True, None], "one of A, 1"),
        (TRUTH, [True, False], [0, "true"], "true or false"),
        (DOCUMENT, ["{}", '{"a": 1}'], ["[]", "{", "", {"a": 1}], "a JSON object as text"),
        (TEXTS, [{}, {"a": "b"}], [{"a": 1}, "a", []], "a map of texts"),
        (FILE, [{"path": "", "sha256": "1"}], ["a.zip", {}], "a file"),
    ],
)
def test_what_a_value_has_to_be(rule: Rule, right: list[object], wrong: list[object], expected: str) -> None:
    assert [rule.expects(value) for value in right] == [""] * len(right)
    assert [rule.expects(value) for value in wrong] == [expected] * len(wrong)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (None, {}, True),
        (None, {"a": {"b": []}, "c": False, "d": ""}, True),
        ({"a": 0, "b": 1}, {"b": 1}, True),
        ('{"a": 1, "b": [2]}', '{"b":[2],"a":1}', True),
        ('{"a": 1}', {"a": 1}, True),
        (None, "x", False),
        ([1, 2], [2, 1], False),
        (["", "a"], ["a"], False),
        (1, True, False),
        ({"path": "/a", "sha256": "1"}, {"path": "", "sha256": "1"}, True),
        ({"path": "/a", "sha256": "1"}, {"path": "/a", "sha256": "2"}, False),
    ],
)
def test_what_has_the_same_effect(one: object, other: object, same: bool) -> None:
    assert same_effect(one, other) is same
    assert same_effect(other, one) is same


def test_what_the_api_says_becomes_what_the_program_says() -> None:
    rules = [{"id": "a", "filter": {"prefix": "raw/"}, "sseAlgorithm": "AES256"}]
    renames = {"id": "ID", "sseAlgorithm": "SSEAlgorithm"}
    assert camel(pascal(rules, renames), renames) == rules


def test_nothing_can_be_called_nowhere() -> None:
    with pytest.raises(RuntimeError, match="no call to s3"):
        NowhereContext("us-east-1").client("s3")
