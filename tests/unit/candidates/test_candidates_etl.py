"""ETLStage: what every source gives, and that no record is lost without a word."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.candidates.etl import MAX_DESCRIBED, handler
from lambdas.runtime.errors import InputNotFound, InvalidInput
from lambdas.testing import LocalAws, run_stage
from tests.unit.candidates.records import BAD_RECORDS, HEADER, as_csv, identity, record, records

HEAD = "customerId,subjectType,subjectId,eventType,eventDate"
ROW = "c-1,order,o-1,delivered,2026-01-20"


def extracted(found: list[Any]) -> dict[str, Any]:
    return dict(run_stage(handler, {**HEADER, "records": found}).data)


def read(text: str | bytes, form: str, key: str = "incoming/a") -> dict[str, Any]:
    aws = LocalAws()
    aws.bucket.objects[key] = text if isinstance(text, bytes) else text.encode()
    return dict(run_stage(handler, {**HEADER, "sources": [{"key": key, "format": form}]}, aws=aws).data)


def as_lines(found: list[Any]) -> str:
    return "\n".join(json.dumps(one, ensure_ascii=False) for one in found)


class TestMessage:
    @pytest.mark.parametrize("message", [{"records": []}, {"records": [], "programId": None, "marketplace": ""}])
    def test_everything_that_is_missing_is_said_at_once(self, message):
        with pytest.raises(
            InvalidInput, match=r"^programId is required; marketplace is required; dateRange is required$"
        ):
            run_stage(handler, message)

    def test_so_is_what_to_read(self):
        with pytest.raises(InvalidInput, match=r"^programId is required; .*; either records or sources is required$"):
            run_stage(handler, {"something": 1})

    def test_not_both(self):
        with pytest.raises(InvalidInput, match="either records or sources"):
            run_stage(handler, {**HEADER, "records": [], "sources": []})

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"dateRange": {}}, r"dateRange.start is required; dateRange.end is required"),
            ({"dateRange": {"start": "2026-02-01", "end": "2026-01-01"}}, "it ends before it starts"),
            ({"records": {}}, "records: it is not a list"),
            ({"programId": 7}, "programId: Input should be a valid string"),
        ],
    )
    def test_what_is_wrong_is_named(self, changes, message):
        with pytest.raises(InvalidInput, match=message):
            run_stage(handler, {**HEADER, "records": [], **changes})

    @pytest.mark.parametrize("data", [[1], "text"])
    def test_a_message_is_an_object(self, data):
        with pytest.raises(InvalidInput, match=r"not a JSON object|not JSON"):
            run_stage(handler, data)

    @pytest.mark.parametrize("key", ["executions/x/ETLStage/output.json", "/incoming/a", "incoming/../executions/a"])
    def test_nothing_but_sources_is_read(self, key):
        with pytest.raises(InvalidInput, match="does not lie below incoming/"):
            read("[]", "json", key)

    def test_a_format_that_is_not_known_is_refused(self):
        with pytest.raises(InvalidInput, match=r"sources\.0\.format: Input should be 'json', 'jsonl' or 'csv'"):
            read("", "parquet")

    def test_a_source_that_is_not_there_fails_the_stage(self):
        with pytest.raises(InputNotFound, match="incoming/nothing"):
            run_stage(handler, {**HEADER, "sources": [{"key": "incoming/nothing", "format": "json"}]})

    @pytest.mark.parametrize("empty", [{"records": []}, {"sources": []}])
    def test_nothing_to_read_gives_no_candidates(self, empty):
        ran = run_stage(handler, {**HEADER, **empty})
        assert (ran.data["candidates"], ran.data["errors"]) == ([], [])
        assert set(ran.data["metrics"].values()) == {0}
        assert ran.result["recordsProcessed"] == 0


class TestRecords:
    def test_what_belongs_to_all_candidates_is_handed_on(self):
        data = extracted([record()])
        assert (data["programId"], data["marketplace"]) == ("reviews", "DE")
        assert data["dateRange"] == {"start": "2026-01-01T00:00:00.000Z", "end": "2026-01-31T23:59:59.999Z"}
        assert data["candidates"][0]["candidateId"] == identity()

    def test_a_bad_record_is_counted_and_described(self):
        data = extracted([record(), record() | {"eventDate": "yesterday"}, 7])
        assert data["metrics"]["errorCount"] == 2
        assert data["errors"] == [
            {"source": "records", "index": 1, "reason": "eventDate: it is not a date in ISO 8601"},
            {"source": "records", "index": 2, "reason": "it is not an object"},
        ]

    def test_so_many_are_described_and_all_are_counted(self):
        data = extracted([None] * 30)
        assert (len(data["errors"]), data["metrics"]["errorCount"]) == (MAX_DESCRIBED, 30)

    def test_a_record_of_another_program_is_not_taken(self):
        data = extracted([record(programId="reviews"), record(marketplace="FR"), record(candidateId="f" * 32)])
        assert data["metrics"]["transformedCount"] == 1
        assert [error["reason"] for error in data["errors"]] == [
            "marketplace: it is 'FR', not 'DE'",
            f"candidateId: it is '{'f' * 32}', not '{identity()}'",
        ]

    def test_records_outside_of_the_range_are_counted_apart(self):
        dates = ["2025-12-31T23:59:59.999Z", "2026-01-01", "2026-01-31T23:30:00", "2026-01-31T23:30:00-01:00"]
        data = extracted([record(f"c-{date}", eventDate=date) for date in dates])
        assert data["metrics"]["outOfRangeCount"] == 2
        assert len(data["candidates"]) == 2

    def test_the_latest_of_a_candidate_stays(self):
        early, late = record(eventDate="2026-01-10"), record(eventDate="2026-01-11")
        data = extracted([early, late, early])
        assert [found["eventDate"] for found in data["candidates"]] == ["2026-01-11T00:00:00.000Z"]
        assert data["metrics"] == {
            "processedCount": 3,
            "transformedCount": 1,
            "errorCount": 0,
            "outOfRangeCount": 0,
            "duplicateCount": 2,
        }

    @given(st.lists(records() | BAD_RECORDS, max_size=12))
    def test_every_record_is_accounted_for(self, found):
        metrics = extracted(found)["metrics"]
        assert metrics.pop("processedCount") == len(found) == sum(metrics.values())

    @given(
        st.lists(records() | BAD_RECORDS, max_size=8).flatmap(
            lambda found: st.tuples(st.just(found), st.permutations(found))
        )
    )
    def test_the_order_of_records_does_not_matter(self, orders):
        one, other = (extracted(order) for order in orders)
        assert one["candidates"] == other["candidates"]
        assert one["metrics"] == other["metrics"]


class TestSources:
    @given(st.lists(records(), max_size=8))
    def test_every_format_gives_the_same_candidates(self, found):
        expected = extracted(found)
        texts = {
            "json": [json.dumps(found), json.dumps({"records": found}, indent=2)],
            "jsonl": [as_lines(found), as_lines(found).replace("\n", "\r\n\r\n") + "\n"],
            "csv": [as_csv(found), "\ufeff" + as_csv(found)],
        }
        for form, variants in texts.items():
            for text in variants:
                assert read(text, form) == expected

    def test_several_sources_are_one_input(self):
        aws = LocalAws()
        aws.bucket.objects |= {
            "incoming/a.csv": as_csv([record("c-1"), record("c-2")]).encode(),
            "incoming/b.jsonl": as_lines([record("c-2"), record("c-3"), 5]).encode(),
        }
        sources = [{"key": "incoming/a.csv", "format": "csv"}, {"key": "incoming/b.jsonl", "format": "jsonl"}]
        data = run_stage(handler, {**HEADER, "sources": sources}, aws=aws).data
        assert data["metrics"]["transformedCount"] == 3
        assert data["metrics"]["duplicateCount"] == 1
        assert data["errors"] == [{"source": "incoming/b.jsonl", "line": 3, "reason": "it is not an object"}]

    def test_text_of_json_lines_may_hold_ends_of_lines_of_other_scripts(self):
        data = read(as_lines([record(note="a\u2028b\x85c")]), "jsonl")
        assert data["candidates"][0]["note"] == "a\u2028b\x85c"

    @pytest.mark.parametrize(
        ("text", "form", "message"),
        [
            ('[\n{"a": 1},\n{"b" 2}]', "json", "incoming/a, line 3: it is not JSON"),
            ("", "json", "incoming/a, line 1: it is not JSON"),
            ('[{"a": NaN}]', "json", "incoming/a: NaN is not JSON"),
            ("[" * 100_000, "json", "incoming/a: it is nested too deeply"),
            ('{"items": []}', "json", 'neither a list nor an object with a list "records"'),
            ('{"a": 1}\n\n{"a": ', "jsonl", "incoming/a, line 3: it is not JSON"),
            ('{"a": 1}\n{"a": Infinity}', "jsonl", "incoming/a, line 2: Infinity is not JSON"),
            (b"{}\n{}\n\xff\xfe", "jsonl", "incoming/a, line 3: it is not text in UTF-8"),
            ("", "csv", "incoming/a, line 1: it has no header"),
            ("customerId,subjectId\n", "csv", "line 1: the column 'subjectType' is missing; .*'eventDate' is missing"),
            (f"{HEAD},customerId\n", "csv", "line 1: the column 'customerId' is there twice"),
            (f"{HEAD},\n", "csv", "line 1: '' is no name for column 6"),
            (f"{HEAD},a..b\n", "csv", "line 1: 'a..b' is no name for column 6"),
            (f"{HEAD},channels,channels.email\n", "csv", "line 1: .*'channels' is both a value and a part of others"),
            (f'{HEAD}\n{ROW}\n"c-2,order,o-1\n{ROW}\n', "csv", "line 3: it is not CSV: unexpected end of data"),
            (f'{HEAD}\n"c-2"x,order,o-1\n', "csv", "line 2: it is not CSV"),
        ],
    )
    def test_a_source_that_is_not_what_its_format_says_fails_the_stage(self, text, form, message):
        with pytest.raises(InvalidInput, match=message):
            read(text, form)


class TestCsv:
    def row(self, columns: str, cells: str) -> dict[str, Any]:
        return read(f"{HEAD},{columns}\n{ROW},{cells}\n", "csv")

    def test_cells_become_what_the_model_says(self):
        data = self.row(
            "attributes.trustScore,channels.email,attributes.orderValue,attributes.hasMedia", "0.5,TRUE,1e2,0"
        )
        assert data["candidates"][0]["attributes"] == {"trustScore": 0.5, "orderValue": 100.0, "hasMedia": False}
        assert data["candidates"][0]["channels"] == {"email": True, "push": False, "sms": False}

    def test_what_the_model_does_not_know_stays_text(self):
        data = self.row("shop.zip,shop.name", '007,"Ale, ""Fox"" & Co"')
        assert data["candidates"][0]["shop"] == {"zip": "007", "name": 'Ale, "Fox" & Co'}

    @pytest.mark.parametrize(
        ("columns", "cells", "reason"),
        [
            ("channels.email", "perhaps", "channels.email: 'perhaps' is neither true nor false"),
            ("attributes.trustScore", "high", "attributes.trustScore: 'high' is not a number"),
            ("attributes.trustScore", "1_0", "attributes.trustScore: '1_0' is not a number"),
            ("attributes.trustScore", "nan", "attributes.trustScore: 'nan' is not a number"),
            ("attributes.orderValue", "1e999", "Out of range float values are not JSON compliant"),
            ("attributes.trustScore", "1.5", "attributes.trustScore: Input should be less than or equal to 1"),
            ("attributes.trustScore", "1,5", "it has 7 cells, the header has 6"),
            ("timingWindow.start", "2026-01-01", "timingWindow.end is required"),
        ],
    )
    def test_a_bad_row_is_described_with_its_line(self, columns, cells, reason):
        data = self.row(columns, cells)
        (error,) = data["errors"]
        assert (error["source"], error["line"]) == ("incoming/a", 2)
        assert error["reason"].startswith(reason)

    def test_a_row_begins_where_its_first_line_does(self):
        data = read(f'{HEAD},note\n{ROW},"a\nb"\n\n{ROW}\n', "csv")
        assert data["candidates"][0]["note"] == "a\nb"
        assert [error["line"] for error in data["errors"]] == [5]
