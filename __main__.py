"""The Pulumi program: read the stack's settings, make its components, export what a user of the stack needs."""

from __future__ import annotations

import pulumi

import artifacts
from components import candidate_pipelines, city_discovery, city_functions
from components.candidate_pipelines import CandidatePipelines, CandidatePipelinesArgs
from components.city_discovery import CityDiscovery, CityDiscoveryArgs
from components.context import read_settings, stack_context
from components.function_spec import FunctionLayers
from components.workflow_bucket import WorkflowBucket, WorkflowBucketArgs

settings = read_settings()
context = stack_context(settings)
builder = artifacts.builder()
# Before the first resource: what could not work must not leave half a stack.
city_discovery.check(context)
candidate_pipelines.check(context)
functions = [*city_functions.functions_of(settings), *candidate_pipelines.functions_of(settings)]

bucket = WorkflowBucket("data", WorkflowBucketArgs(context))
layers = FunctionLayers("layers", context, builder, functions)
discovery = CityDiscovery("city-discovery", CityDiscoveryArgs(context, builder, bucket, layers))
pipelines = CandidatePipelines("candidate-pipelines", CandidatePipelinesArgs(context, builder, bucket, layers))

pulumi.export("region", settings.region)
pulumi.export("bucketName", bucket.name)
pulumi.export("frontierQueueUrl", discovery.frontier.url)
pulumi.export("frontierDlqUrl", discovery.frontier.dlq.url)
pulumi.export("ledgerTableName", discovery.ledger.name)
pulumi.export("cityDiscoveryArn", discovery.city.arn)
pulumi.export("pageProcessingArn", discovery.pages.arn)
pulumi.export("pipeName", discovery.pages.pipe_name)
pulumi.export("stateModes", {state.value: mode.value for state, mode in settings.states.items()})
pulumi.export("pipelines", pipelines.outputs())
