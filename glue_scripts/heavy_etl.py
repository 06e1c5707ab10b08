"""HeavyETLStage of the candidate pipeline: what only all candidates together can tell of one.

For each customer and subject the newest event is kept. What the score needs of the others becomes features: how many
events a customer has, what the customer's orders are worth on average, and how many customers a subject has among all.
"""

from __future__ import annotations

import json
import sys

from pyspark.sql import Column, DataFrame, Row, Window
from pyspark.sql import functions as f
from pyspark.sql.types import DataType, DoubleType, StringType, StructField, StructType

from glue_scripts.stage import DOCUMENT, StageRun, run


def _struct(**columns: DataType) -> StructType:
    return StructType([StructField(name, kind) for name, kind in columns.items()])


_TEXT, _NUMBER = StringType(), DoubleType()

# What of `lambdas/candidates/model.py` is needed here. All else of a record goes on as it is, in its document.
SCHEMA = _struct(
    candidateId=_TEXT,
    customerId=_TEXT,
    subjectType=_TEXT,
    subjectId=_TEXT,
    eventDate=_TEXT,
    attributes=_struct(orderValue=_NUMBER),
)


def enriched(candidates: DataFrame) -> DataFrame:
    """One candidate for each customer and subject, with features of the customer and the subject.

    Args:
        candidates: With the columns of ``SCHEMA``, and others.

    Returns:
        The same columns and ``features``; in the order of ``candidateId``.
    """
    customer = Window.partitionBy("customerId")
    subject = Window.partitionBy("subjectType", "subjectId")
    newest = Window.partitionBy("customerId", "subjectType", "subjectId").orderBy(
        f.to_timestamp("eventDate").desc_nulls_last(), f.col("candidateId")
    )
    everyone = candidates.agg(f.countDistinct("customerId").alias("customers"))
    features = f.struct(
        f.count("*").over(customer).alias("customerEventCount"),
        f.avg("attributes.orderValue").over(customer).alias("customerOrderValueMean"),
        _share(f.size(f.collect_set("customerId").over(subject)), f.col("customers")).alias("subjectPopularity"),
    )
    return (
        candidates.crossJoin(f.broadcast(everyone))
        .withColumn("features", features)
        .withColumn("place", f.row_number().over(newest))
        .where("place = 1")
        .drop("place", "customers")
        .orderBy("candidateId")
    )


def _share(part: Column, whole: Column) -> Column:
    return f.when(whole > 0, part / whole).otherwise(0.0)


def heavy_etl(stage: StageRun) -> None:
    """Enrich the candidates that passed the filter; what else the filter put out goes on as it is."""
    beside = {name: value for name, value in stage.data.items() if name != "candidates"}
    candidates = stage.read_records("candidates", SCHEMA)
    found = enriched(candidates).select(DOCUMENT, f.to_json("features", {"ignoreNullFields": "true"}).alias("features"))
    lines = found.rdd.map(_with_features)
    stage.write_records(lines, field="candidates", beside=beside, metrics={"inputCount": candidates.count()})


def _with_features(row: Row) -> str:
    record = json.loads(row[DOCUMENT])
    record["features"] = {**(record.get("features") or {}), **json.loads(row["features"])}
    return json.dumps(record)


if __name__ == "__main__":
    run(heavy_etl, sys.argv)
