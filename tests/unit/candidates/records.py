"""Records, candidates and what hypothesis makes of them."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from lambdas.candidates.model import candidate_id

PROGRAM, MARKETPLACE = "reviews", "DE"
RANGE = {"start": "2026-01-01", "end": "2026-01-31"}
HEADER = {"programId": PROGRAM, "marketplace": MARKETPLACE, "dateRange": RANGE}


def record(customer: str = "c-1", subject: str = "o-1", **changes: Any) -> dict[str, Any]:
    """A record that passes every filter; a change whose name is an attribute's goes there."""
    attributes = {
        "trustScore": 0.9,
        "fraudSuspected": False,
        "qualityScore": 0.8,
        "confidence": 0.7,
        "hasMedia": True,
        "orderValue": 80.0,
        "deliveryDate": "2026-01-22T00:00:00.000Z",
    }
    fields = {
        "customerId": customer,
        "subjectType": "order",
        "subjectId": subject,
        "eventType": "delivered",
        "eventDate": "2026-01-20T10:00:00.000Z",
        "channels": {"email": True, "push": False, "sms": False},
        "timingWindow": {"start": "2026-01-25T00:00:00.000Z", "end": "2026-02-05T00:00:00.000Z"},
        "attributes": attributes | {name: changes.pop(name) for name in attributes.keys() & changes.keys()},
    }
    return fields | changes


def candidate(customer: str = "c-1", subject: str = "o-1", **changes: Any) -> dict[str, Any]:
    """The same as a candidate."""
    fields = record(customer, subject, **changes)
    return {"candidateId": identity(customer, subject), **fields}


def identity(customer: str = "c-1", subject: str = "o-1") -> str:
    return candidate_id(PROGRAM, MARKETPLACE, customer, "order", subject)


def handed(*candidates: Any, **more: Any) -> dict[str, Any]:
    return {**HEADER, "candidates": list(candidates), "metrics": {}, **more}


def as_csv(records: list[dict[str, Any]]) -> str:
    """A table with dotted names."""
    rows = [_flat(found) for found in records]
    columns = sorted({name for row in rows for name in row} | {*REQUIRED})
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


REQUIRED = ("customerId", "subjectType", "subjectId", "eventType", "eventDate")


def _flat(value: dict[str, Any], path: str = "") -> dict[str, str]:
    cells: dict[str, str] = {}
    for name, part in value.items():
        if isinstance(part, dict):
            cells |= _flat(part, f"{path}{name}.")
        elif part is not None:
            cells[path + name] = part if isinstance(part, str) else json.dumps(part)
    return cells


SHARES = st.floats(0, 1, allow_nan=False) | st.none()
FLAGS = st.booleans() | st.none()
DATES = st.datetimes(
    # Sources often name no zone.
    min_value=datetime(2025, 12, 20),  # noqa: DTZ001
    max_value=datetime(2026, 2, 10),  # noqa: DTZ001
).map(lambda moment: moment.isoformat())
# Quotes, commas, ends of lines and letters of other scripts, as real names have them.
TEXTS = st.text(st.sampled_from("abc\",;\n é日'"), min_size=1, max_size=8).filter(lambda text: text.strip() != "")
# Few, so that there are duplicates.
CUSTOMERS = st.sampled_from(["c-1", "c-2", "c-3", "c-4", 'c "5", é'])
SUBJECTS = st.sampled_from(["o-1", "o-2"])


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """A valid record, in which anything that is optional may be missing."""
    attributes = {
        "trustScore": draw(SHARES),
        "fraudSuspected": draw(FLAGS),
        "qualityScore": draw(SHARES),
        "confidence": draw(SHARES),
        "hasMedia": draw(FLAGS),
        "orderValue": draw(st.floats(0, 1e6) | st.integers(0, 500) | st.none()),
        "deliveryDate": draw(DATES | st.none()),
    }
    return {
        "customerId": draw(CUSTOMERS),
        "subjectType": "order",
        "subjectId": draw(SUBJECTS),
        "eventType": "delivered",
        "eventDate": draw(DATES),
        "channels": {"email": draw(st.booleans()), "push": draw(st.booleans()), "sms": False},
        "timingWindow": draw(st.sampled_from([None, {"start": "2026-01-25", "end": "2026-02-05"}])),
        "attributes": attributes,
        "note": draw(TEXTS | st.none()),
    }


BAD_RECORDS = st.sampled_from(
    [
        "not an object",
        None,
        {},
        {"customerId": "c-1"},
        record() | {"eventDate": "yesterday"},
        record(trustScore=1.5),
        record(orderValue="12"),
        record() | {"customerId": "a|b"},
        record() | {"programId": "another"},
    ]
)
