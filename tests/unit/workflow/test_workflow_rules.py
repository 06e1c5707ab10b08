"""Each rule on a definition that breaks it, and on one that just keeps it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.workflow.definitions import (
    CATCH,
    EXPRESS,
    FAILED,
    FUNCTION,
    FUNCTION_TIMEOUTS,
    STANDARD,
    machine,
    problems,
    task,
)
from workflow.definition import MachineType, StateMachine, render
from workflow.limits import MAX_DEFINITION_BYTES
from workflow.rules import DefinitionError, Problem, check, require_valid
from workflow.states import (
    ALL_ERRORS,
    And,
    Catcher,
    Choice,
    ChoiceRule,
    Comparison,
    Fail,
    ItemProcessor,
    Map,
    Not,
    Parallel,
    Pass,
    ProcessorConfig,
    Retrier,
    Scope,
    State,
    Succeed,
    Wait,
)

YES = Comparison(variable="$.yes", boolean_equals=True)


def choice(then: str, default: str, when: Any = YES) -> Choice:
    return Choice(choices=(ChoiceRule(when=when, next=then),), default=default)


def each(states: dict[str, State], mode: Any = "INLINE") -> ItemProcessor:
    return ItemProcessor(start_at=next(iter(states)), states=states, processor_config=ProcessorConfig(mode=mode))


def work_and(state: State | None = None, **states: State) -> dict[str, State]:
    """A machine's states, of which the first is called ``Work``."""
    return {"Work": state or task(next="Done"), "Done": Succeed(), "Failed": FAILED, **states}


BROKEN: dict[str, tuple[StateMachine, MachineType, str | None, str]] = {
    "StartAt is missing": (
        machine(work_and(), start_at="Begin"), STANDARD,
        None, "StartAt is 'Begin', which is not a state there; choose one of Work, Done, Failed",
    ),
    "StartAt is missing in a Map": (
        machine({"All": Map(max_items=1, item_processor=ItemProcessor(start_at="Begin", states={"Each": Pass()}))}),
        STANDARD, "All", "StartAt is 'Begin', which is not a state there; choose one of Each",
    ),
    "Next is missing": (
        machine({"Work": Pass(next="Nowhere")}), STANDARD,
        "Work", "Next is 'Nowhere', which is not a state here; choose one of Work",
    ),
    "Default is missing": (
        machine({"Which": choice("Done", "Nowhere"), "Done": Succeed()}), STANDARD,
        "Which", "Default is 'Nowhere'",
    ),
    "the target of a choice is missing": (
        machine({"Which": choice("Nowhere", "Done"), "Done": Succeed()}), STANDARD,
        "Which", "Choices[0].Next is 'Nowhere'",
    ),
    "the target of a Catch is missing": (machine({"Work": task()}), STANDARD, "Work", "Catch[0].Next is 'Failed'"),
    "the target lies outside of the Map": (
        machine({"All": Map(max_items=1, item_processor=each({"Each": Pass(next="Done")}), next="Done"),
                 "Done": Succeed()}),
        STANDARD, "Each", "Next is 'Done', which is not a state here; choose one of Each",
    ),
    "a state cannot be reached": (
        machine(work_and(Lost=Pass(next="Done"))), STANDARD,
        "Lost", "cannot be reached from 'Work'; let a state lead to it, or remove it",
    ),
    "a state in a branch cannot be reached": (
        machine({"Both": Parallel(branches=(Scope(start_at="One", states={"One": Pass(), "Two": Pass()}),))}),
        STANDARD, "Two", "cannot be reached from 'One'",
    ),
    "no end can be reached": (
        machine({"Ask": choice("Again", "Wait"), "Wait": Wait(seconds=60, next="Ask"), "Again": Pass(next="Wait")}),
        STANDARD, "Ask", "no end can be reached from Ask, Wait, Again; let one of them end",
    ),
    "no end can be reached in a Map": (
        machine({"All": Map(max_items=1, item_processor=each(
            {"First": choice("Last", "Round"), "Last": Pass(), "Round": Wait(seconds=60, next="Round")}))}),
        STANDARD, "Round", "no end can be reached from Round;",
    ),
    "an input path": (machine({"Work": Pass(input_path="$a")}), STANDARD, "Work", "InputPath: '$a' is not a JSONPath"),
    "an output path into the context object": (
        machine({"Work": Pass(output_path="$$.Execution.Nme")}), STANDARD,
        "Work", "OutputPath: '$$.Execution.Nme' names nothing in the context object",
    ),
    "a result path that is no reference path": (
        machine({"Work": Pass(result_path="$.a[*]")}), STANDARD,
        "Work", "ResultPath: '$.a[*]' is not a reference path",
    ),
    "a result path into the context object": (
        machine({"Work": Pass(result_path="$$.State")}), STANDARD, "Work", "ResultPath: '$$.State' is not",
    ),
    "a path in parameters": (
        machine(work_and(task(next="Done", parameters={"FunctionName": FUNCTION, "Payload": {"a.$": "$.b."}}))),
        STANDARD, "Work", "Parameters.Payload.a.$: '$.b.' is not a JSONPath",
    ),
    "an intrinsic in a result selector": (
        machine(work_and(task(next="Done", result_selector={"a.$": "States.Formt('{}', $.a)"}))),
        STANDARD, "Work", "ResultSelector.a.$: \"States.Formt('{}', $.a)\": there is no such intrinsic",
    ),
    "a path that would be plain text": (
        machine({"Work": Pass(parameters={"run": "$$.Execution.Id"})}), STANDARD,
        "Work", "Parameters.run: '$$.Execution.Id' would be taken as plain text; end the key with '.$'",
    ),
    "a path in a fixed result": (
        machine({"Work": Pass(result={"run": ["$$.Execution.Id"]})}), STANDARD,
        "Work", "Result: is never evaluated; use Parameters",
    ),
    "a variable of a choice": (
        machine({"Which": choice("Done", "Done", And(rules=(YES, Not(rule=Comparison(variable="yes", is_null=True))))),
                 "Done": Succeed()}),
        STANDARD, "Which", "Variable: 'yes' is not a JSONPath",
    ),
    "the path of a wait": (
        machine({"Work": Wait(seconds_path="$.*")}), STANDARD, "Work", "SecondsPath: '$.*' is not a reference path",
    ),
    "the path of the items": (
        machine({"All": Map(items_path="items", max_items=1, item_processor=each({"Each": Pass()}))}), STANDARD,
        "All", "ItemsPath: 'items' is not a JSONPath",
    ),
    "an item selector": (
        machine({"All": Map(item_selector={"a.$": 1}, max_items=1, item_processor=each({"Each": Pass()}))}), STANDARD,
        "All", "ItemSelector.a.$: the key ends with '.$', so the value must be a path or an intrinsic",
    ),
    "the error path of a Fail": (
        machine({"Failed": Fail(error_path="States.MathAdd(1, 2)")}), STANDARD,
        "Failed", "ErrorPath: States.MathAdd is not allowed here",
    ),
    "the result path of a Catch": (
        machine(work_and(task(next="Done", catch=(CATCH.model_copy(update={"result_path": "error"}),)))), STANDARD,
        "Work", "Catch.ResultPath: 'error' is not a reference path",
    ),
    "no Catch": (machine({"Work": task(catch=None)}), STANDARD, "Work", "has no Catch; say where an error goes"),
    "no TimeoutSeconds of a Task": (
        machine(work_and(task(next="Done", timeout_seconds=None))), STANDARD, "Work", "has no TimeoutSeconds; set it",
    ),
    "no TimeoutSeconds of the machine": (
        machine(work_and(), timeout_seconds=None), STANDARD,
        None, "has no TimeoutSeconds; set it, so that no execution can hang",
    ),
    "no TimeoutSeconds of an Express machine": (
        machine(work_and(), timeout_seconds=None), EXPRESS, None, "has no TimeoutSeconds",
    ),
    "TimeoutSeconds of an Express machine": (
        machine(work_and(), timeout_seconds=301), EXPRESS,
        None, "TimeoutSeconds is 301, an Express machine takes at most 300; lower it",
    ),
    "a function that outlives its Task": (
        machine(work_and(task(next="Done", timeout_seconds=29))), STANDARD,
        "Work", "TimeoutSeconds is 29, but its function may run 30 s; raise it, or lower that",
    ),
    "a function that nobody knows": (
        machine(work_and(task(next="Done", parameters={"FunctionName": "other"}))), STANDARD,
        "Work", "the time-out of function other is not known; hand it over in function_timeouts",
    ),
    "a heartbeat as long as the time-out": (
        machine(work_and(task(next="Done", heartbeat_seconds=30))), STANDARD,
        "Work", "HeartbeatSeconds is 30, which must be less than TimeoutSeconds, 30",
    ),
    "States.ALL before another retrier": (
        machine(work_and(task(next="Done", retry=(Retrier(error_equals=(ALL_ERRORS,)), Retrier(error_equals=("A",)))))),
        STANDARD, "Work", "Retry: States.ALL must stand alone, in the last element; move it there",
    ),
    "States.ALL beside another error": (
        machine(work_and(task(next="Done", retry=(Retrier(error_equals=("A", ALL_ERRORS)),)))),
        STANDARD, "Work", "Retry: States.ALL must stand alone",
    ),
    "States.ALL before another Catch": (
        machine(work_and(task(next="Done", catch=(CATCH, Catcher(error_equals=("A",), next="Failed"))))),
        STANDARD, "Work", "Catch: States.ALL must stand alone",
    ),
    "States.ALL in the Retry of a Map": (
        machine({"All": Map(max_items=1, item_processor=each({"Each": Pass()}),
                            retry=(Retrier(error_equals=(ALL_ERRORS, "A")),))}),
        STANDARD, "All", "Retry: States.ALL must stand alone",
    ),
    "a name that is too long": (
        machine({"W" * 81: Pass()}), STANDARD, "W" * 81, "the name has 81 characters, 80 are allowed; shorten it",
    ),
    "a name that is used twice": (
        machine({"Work": Map(max_items=1, item_processor=each({"Work": Pass()}))}), STANDARD,
        "Work", "2 states have this name; names must be unique, also inside of Map and Parallel",
    ),
    "a definition above 1 MB": (
        machine({"Work": Pass(result="x" * MAX_DEFINITION_BYTES)}), STANDARD,
        None, f"bytes, {MAX_DEFINITION_BYTES} are allowed; move states into a second machine",
    ),
    "Express with .sync": (
        machine(work_and(task(next="Done", resource="arn:aws:states:::glue:startJobRun.sync"))), EXPRESS,
        "Work", "an Express machine cannot use .sync; use a Standard machine",
    ),
    "Express with .sync:2": (
        machine(work_and(task(next="Done", resource="arn:aws:states:::states:startExecution.sync:2"))), EXPRESS,
        "Work", "an Express machine cannot use .sync",
    ),
    "Express with a callback": (
        machine(work_and(task(next="Done", resource="arn:aws:states:::sqs:sendMessage.waitForTaskToken"))), EXPRESS,
        "Work", "an Express machine cannot use .waitForTaskToken",
    ),
    "Express with an activity": (
        machine(work_and(task(next="Done", resource="arn:aws:states:eu-west-1:123456789012:activity:a"))), EXPRESS,
        "Work", "an Express machine cannot use activity",
    ),
    "Express with a Distributed Map": (
        machine({"All": Map(max_items=1, item_processor=each({"Each": Pass()}, mode="DISTRIBUTED"))}), EXPRESS,
        "All", "an Express machine cannot hold a Distributed Map; use an inline Map",
    ),
    "Express with a loop": (
        machine({"Wait": Wait(seconds=1, next="Which"), "Which": choice("Done", "Wait"), "Done": Succeed()}), EXPRESS,
        "Wait", "nothing bounds the time in the loop of Wait, Which; use a Standard machine",
    ),
    "Express with a wait of unknown length": (
        machine({"Wait": Wait(seconds_path="$.wait", mean_seconds=1)}), EXPRESS,
        "Wait", "how long it waits is not known; set seconds",
    ),
    "a Map over nobody knows how many items": (
        machine({"All": Map(item_processor=each({"Each": Pass()}))}), STANDARD,
        "All", "the number of its items is not known; set max_items, or use a Distributed Map",
    ),
    "Express with a Map over nobody knows how many items": (
        machine({"All": Map(item_processor=each({"Each": Pass()}))}), EXPRESS,
        "All", "the number of its items is not known",
    ),
    "a loop without a Wait": (
        machine({"Ask": Pass(next="Which"), "Which": choice("Done", "Ask"), "Done": Succeed()}), STANDARD,
        "Ask", "nothing bounds the events of the loop of Ask, Which; let it pass a Wait",
    ),
    "a loop in which one way has no Wait": (
        machine({"Ask": choice("Wait", "Which"), "Wait": Wait(seconds=60, next="Ask"), "Which": choice("Done", "Ask"),
                 "Done": Succeed()}),
        STANDARD, "Ask", "nothing bounds the events of the loop of Ask, Wait, Which;",
    ),
    "a loop with a Wait of unknown length": (
        machine({"Wait": Wait(seconds_path="$.wait", next="Which"), "Which": choice("Done", "Wait"),
                 "Done": Succeed()}),
        STANDARD, "Wait", "nothing bounds the events of the loop of Wait, Which; let it pass a Wait with",
    ),
    "a loop that turns too often": (
        machine({"Wait": Wait(seconds=3, next="Which"), "Which": choice("Done", "Wait"), "Done": Succeed()},
                timeout_seconds=21_600),
        STANDARD, "Wait", "can write 28,808 (start and end 2; Wait, Which 28,804; Done 2) events, 25,000 are allowed;",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("definition", "machine_type", "state", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_one_broken_rule_is_one_problem(
    definition: StateMachine, machine_type: MachineType, state: str | None, message: str
):
    found = problems(definition, machine_type)
    assert [name for name, _ in found] == [state], found
    assert message in found[0][1]


def test_the_examples_are_fine_without_what_breaks_them():
    assert problems(machine(work_and()), STANDARD) == []
    assert problems(machine(work_and()), EXPRESS) == []


@pytest.mark.parametrize(
    "definition",
    [
        machine({"W" * 80: Pass()}),
        machine({"Wait": Wait(seconds=4, next="Which"), "Which": choice("Done", "Wait"), "Done": Succeed()},
                timeout_seconds=21_600),
        machine(work_and(task(next="Done", heartbeat_seconds=29))),
        machine(work_and(task(next="Done", resource="arn:aws:states:::glue:startJobRun.sync"))),
        machine({"All": Map(item_processor=each({"Each": Pass()}, mode="DISTRIBUTED"))}),
        machine({"Work": Pass(result={"price": "$5", "text": "a $.b"})}),
    ],
)  # fmt: skip
def test_a_standard_machine_may_go_to_the_limit(definition: StateMachine):
    assert problems(definition, STANDARD) == []


def test_the_size_is_that_of_what_is_deployed():
    empty = len(render(machine({"Work": Pass(result="")})).encode())
    fits = machine({"Work": Pass(result="x" * (MAX_DEFINITION_BYTES - empty))})
    assert len(render(fits).encode()) == MAX_DEFINITION_BYTES
    assert problems(fits) == []
    assert (
        "has 1048577 bytes" in problems(machine({"Work": Pass(result="x" * (MAX_DEFINITION_BYTES - empty + 1))}))[0][1]
    )


def test_every_problem_is_listed_and_names_machine_and_state():
    definition = machine(
        {"Work": task(catch=None, timeout_seconds=None), "Lost": Succeed()}, name="city", timeout_seconds=None
    )
    with pytest.raises(DefinitionError) as caught:
        require_valid(definition, STANDARD, FUNCTION_TIMEOUTS)
    assert caught.value.problems == tuple(check(definition, STANDARD, FUNCTION_TIMEOUTS))
    assert [(problem.machine, problem.state) for problem in caught.value.problems] == [
        ("city", None),
        ("city", "Lost"),
        ("city", "Work"),
        ("city", "Work"),
    ]
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("city: the machine: has no TimeoutSeconds")
    assert lines[1].startswith("city: state 'Lost': cannot be reached")


def test_a_valid_definition_is_let_through():
    require_valid(machine(work_and()), STANDARD, FUNCTION_TIMEOUTS)
    assert str(Problem("city", None, "is wrong")) == "city: the machine: is wrong"
