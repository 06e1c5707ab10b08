"""StoreStage: once is as good as twice, late is not newer, and a failure is one."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.candidates.store import StoreStage
from lambdas.runtime.errors import AccessDenied, InputNotFound, InvalidInput, ServiceUnavailable, Throttled
from lambdas.testing import LocalAws, run_stage
from tests.unit.candidates.records import candidate, handed, identity, record
from tests.unit.candidates.standins import TABLE, Clock, Crash, Faults, MemoryTable, client_error

DAY = 86_400
PK = "PROGRAM#reviews#DE"


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("CANDIDATES_TABLE", TABLE)


def stored(memory: MemoryTable, *candidates: Any, clock: Clock | None = None) -> dict[str, Any]:
    handler = StoreStage(clock or Clock())
    aws = LocalAws(dynamodb=memory)
    return dict(run_stage(handler, handed(*candidates), after="ScoreStage", aws=aws).data)


def counts(data: dict[str, Any]) -> tuple[int, int, int]:
    metrics = data["metrics"]
    return metrics["storedCount"], metrics["unchangedCount"], metrics["supersededCount"]


def sk(customer: str = "c-1") -> str:
    return f"CANDIDATE#{identity(customer)}"


class TestItem:
    def test_it_has_its_keys_its_fields_and_an_end(self):
        memory, clock = MemoryTable(), Clock()
        stored(memory, candidate(score=0.75, locale="de", pk="mine"), clock=clock)
        item = memory.items[PK, sk()]
        assert (item["pk"], item["sk"]) == (PK, sk())
        assert (item["programId"], item["marketplace"], item["customerId"]) == ("reviews", "DE", "c-1")
        assert item["score"] == Decimal("0.75")
        assert item["attributes"]["orderValue"] == Decimal(80)
        assert item["expires_at"] == int(clock.now) + 30 * DAY
        assert item["extra"] == {"locale": "de", "pk": "mine"}

    def test_how_long_it_is_kept_can_be_said(self, monkeypatch):
        monkeypatch.setenv("CANDIDATE_TTL_DAYS", "2")
        memory, clock = MemoryTable(), Clock()
        stored(memory, candidate(), clock=clock)
        assert memory.items[PK, sk()]["expires_at"] == int(clock.now) + 2 * DAY

    @pytest.mark.parametrize("days", ["0", "a month", "1.5"])
    def test_but_not_anyhow(self, monkeypatch, days):
        monkeypatch.setenv("CANDIDATE_TTL_DAYS", days)
        with pytest.raises(InvalidInput, match="CANDIDATE_TTL_DAYS is not valid"):
            stored(MemoryTable(), candidate())


class TestOutput:
    def test_it_names_what_is_stored_in_the_order_it_came(self):
        data = stored(MemoryTable(), candidate("c-2", score=0.9), candidate("c-1", score=0.5), candidate("c-3"))
        assert [found["customerId"] for found in data["stored"]] == ["c-2", "c-1", "c-3"]
        assert data["stored"][0] == {
            "candidateId": identity("c-2"),
            "customerId": "c-2",
            "subjectType": "order",
            "subjectId": "o-1",
            "score": 0.9,
        }
        assert (data["programId"], data["marketplace"], data["success"]) == ("reviews", "DE", True)
        assert data["metrics"] == {
            "inputCount": 3,
            "storedCount": 3,
            "unchangedCount": 0,
            "supersededCount": 0,
            "failedCount": 0,
            "failedCandidates": [],
        }

    def test_nothing_asks_neither_for_a_table_nor_for_a_program(self, monkeypatch):
        monkeypatch.delenv("CANDIDATES_TABLE")
        data = run_stage(StoreStage(), {"candidates": []}).data
        assert (data["stored"], data["success"], data["metrics"]["inputCount"]) == ([], True, 0)

    def test_a_program_and_a_table_are_needed_for_anything_else(self, monkeypatch):
        with pytest.raises(InvalidInput, match="programId is required; marketplace is required"):
            run_stage(StoreStage(), {"candidates": [candidate()]}, aws=LocalAws(dynamodb=MemoryTable()))
        monkeypatch.delenv("CANDIDATES_TABLE")
        with pytest.raises(InvalidInput, match="CANDIDATES_TABLE is not set"):
            stored(MemoryTable(), candidate())

    def test_a_candidate_that_the_stage_before_broke_fails_the_stage(self):
        with pytest.raises(InvalidInput, match=r"candidates\.0: candidateId is required"):
            stored(MemoryTable(), record())


class TestAgain:
    def test_the_same_changes_nothing_and_is_handed_on(self):
        memory, clock = MemoryTable(), Clock()
        first = stored(memory, candidate("c-1"), candidate("c-2"), clock=clock)
        before = json.dumps(list(memory.items.values()), default=str)
        clock.now += DAY
        second = stored(memory, candidate("c-1"), candidate("c-2"), clock=clock)
        assert (counts(first), counts(second)) == ((2, 0, 0), (0, 2, 0))
        assert second["stored"] == first["stored"]
        assert json.dumps(list(memory.items.values()), default=str) == before

    def test_a_later_event_replaces_an_earlier_one_and_never_the_other_way_round(self):
        memory = MemoryTable()
        early, late = candidate(eventDate="2026-01-10"), candidate(eventDate="2026-01-11")
        assert counts(stored(memory, early)) == (1, 0, 0)
        assert counts(stored(memory, late)) == (1, 0, 0)
        data = stored(memory, early)
        assert (counts(data), data["stored"]) == ((0, 0, 1), [])
        assert memory.items[PK, sk()]["eventDate"] == "2026-01-11T00:00:00.000Z"

    def test_the_same_event_with_another_score_is_news(self):
        memory = MemoryTable()
        stored(memory, candidate(score=0.5))
        assert counts(stored(memory, candidate(score=0.6))) == (1, 0, 0)
        assert memory.items[PK, sk()]["score"] == Decimal("0.6")

    def test_what_has_expired_counts_as_gone_though_it_stands(self):
        memory, clock = MemoryTable(), Clock()
        stored(memory, candidate(), clock=clock)
        clock.now += 30 * DAY
        assert counts(stored(memory, candidate(), clock=clock)) == (1, 0, 0)

    def test_the_newest_of_the_input_is_stored(self):
        memory = MemoryTable()
        dates = ["2026-01-10", "2026-01-12", "2026-01-11"]
        data = stored(memory, *(candidate(eventDate=date) for date in dates))
        assert (counts(data), memory.writes) == ((1, 0, 2), 1)
        assert memory.items[PK, sk()]["eventDate"] == "2026-01-12T00:00:00.000Z"


class TestFailure:
    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            (client_error("InternalServerError", status=500), ServiceUnavailable),
            (client_error("ValidationException"), InvalidInput),
        ],
    )
    def test_the_others_are_stored_before_it_is_raised(self, answer, kind):
        memory = MemoryTable()
        found = [candidate(f"c-{number}") for number in range(60)]
        memory.refused[sk("c-3")] = answer
        with pytest.raises(kind, match=f"1 candidates could not be stored, all others are: .*{identity('c-3')}"):
            stored(memory, *found)
        assert memory.writes == 59
        memory.refused.clear()
        assert counts(stored(memory, *found)) == (1, 59, 0)

    def test_one_that_may_pass_is_worth_another_attempt(self):
        memory = MemoryTable()
        memory.refused = {
            sk("c-1"): client_error("Internal", status=500),
            sk("c-2"): client_error("ValidationException"),
        }
        with pytest.raises(ServiceUnavailable, match="2 candidates could not be stored"):
            stored(memory, candidate("c-1"), candidate("c-2"))

    def test_an_item_that_is_too_large_fails_alone(self):
        memory = MemoryTable()
        with pytest.raises(InvalidInput, match="1 candidates"):
            stored(memory, candidate("c-1"), candidate("c-2", note="x" * 500_000))
        assert memory.writes == 1

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            ("ProvisionedThroughputExceededException", Throttled),
            ("AccessDeniedException", AccessDenied),
            ("ResourceNotFoundException", InputNotFound),
        ],
    )
    def test_what_concerns_the_table_ends_the_stage_at_once(self, code, kind):
        faults = Faults()
        faults.refusals["put_item"] = client_error(code)
        with pytest.raises(kind):
            stored(MemoryTable(faults), *(candidate(f"c-{number}") for number in range(60)))
        assert 1 <= len(faults.calls) <= 25


CANDIDATES = st.builds(
    lambda customer, day, score: candidate(customer, eventDate=f"2026-01-{day:02}", score=score),
    st.sampled_from(["c-1", "c-2", "c-3"]),
    st.integers(1, 4),
    st.sampled_from([None, 0.25, 0.5]),
)
BATCHES = st.lists(st.lists(CANDIDATES, max_size=5), max_size=4)


@given(BATCHES)
def test_every_candidate_is_accounted_for_and_the_newest_stands(batches):
    memory = MemoryTable()
    latest: dict[str, str] = {}
    for batch in batches:
        data = stored(memory, *batch)
        assert sum(counts(data)) == data["metrics"]["inputCount"] == len(batch)
        for found in batch:
            customer = found["customerId"]
            latest[customer] = max(latest.get(customer, ""), f"{found['eventDate']}T00:00:00.000Z")
    assert {item["customerId"]: item["eventDate"] for item in memory.items.values()} == latest


@given(st.lists(CANDIDATES, max_size=6))
def test_storing_twice_is_storing_once(batch):
    memory = MemoryTable()
    first = stored(memory, *batch)
    items, writes = dict(memory.items), memory.writes
    again = stored(memory, *batch)
    assert (memory.items, memory.writes) == (items, writes)
    assert again["stored"] == first["stored"]


@given(st.lists(CANDIDATES, max_size=6).flatmap(lambda found: st.tuples(st.just(found), st.permutations(found))))
def test_the_order_of_candidates_does_not_matter(orders):
    tables = [MemoryTable(), MemoryTable()]
    for memory, order in zip(tables, orders, strict=True):
        stored(memory, *order)
    assert tables[0].items == tables[1].items


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("number", range(1, 5))
def test_a_crash_at_any_point_leaves_nothing_undone_after_a_retry(number, phase):
    expected, faults = MemoryTable(), Faults()
    memory = MemoryTable(faults)
    found = [candidate(f"c-{number}") for number in range(4)]
    stored(expected, *found)
    faults.crash = (number, phase)
    with pytest.raises(Crash):
        stored(memory, *found)
    data = stored(memory, *found)
    assert memory.items == expected.items
    assert len(data["stored"]) == sum(counts(data)) == 4
