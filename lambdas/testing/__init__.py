"""Run a stage without AWS, in three lines of its author's test::

    ran = run_stage(handler, {"candidates": [...]}, after="FilterStage")
    assert ran.result["recordsProcessed"] == 1
    assert ran.data["candidates"][0]["score"] == 0.7

None of this is deployed.
"""

from lambdas.testing.harness import Invocation, LocalAws, Ran, run_stage
from lambdas.testing.memory_s3 import MemoryS3

__all__ = ["Invocation", "LocalAws", "MemoryS3", "Ran", "run_stage"]
