"""A Glue job for tests: each record gets the name of the stage; the message's own fields go on."""

from __future__ import annotations

import sys

from pyspark.sql import functions as f

from glue_scripts.stage import StageRun, run


def tag(stage: StageRun) -> None:
    name, data = stage.arguments.stage_name, stage.data
    if data.get("fail", {}).get(name):
        raise RuntimeError("was to fail")
    beside = {**data, "path": [*data.get("path", []), name]}
    records = stage.read_records("records").repartition(3).withColumn(name, f.lit(True))
    stage.write_records(records, field="records", beside=beside, metrics={"sum": 1})


if __name__ == "__main__":
    run(tag, sys.argv)
