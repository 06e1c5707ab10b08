"""The stage SDK: what every Lambda function of the workflows is built on.

A stage is a function ``(StageInput, Run) -> StageOutput``. The SDK reads its input, bounds its time, keeps its budgets,
writes its output once and reports what it did::

    def sweep(stage_input: StageInput, run: Run) -> StageOutput:
        replies = run.call(Connector.OVERPASS, requests, fetch)
        run.found(candidates(replies), calls=len(replies))
        return StageOutput(data={"tiles": len(replies)}, records=len(replies))


    handler = handler_of({"TileSweep": sweep})
"""
