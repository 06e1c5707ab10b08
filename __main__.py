"""The Pulumi program: read the stack's settings, make its components, export what a user of the stack needs."""

from __future__ import annotations

import pulumi

import artifacts
from components.city_discovery import CityDiscovery, CityDiscoveryArgs
from components.context import read_settings, stack_context

settings = read_settings()
context = stack_context(settings)
product = CityDiscovery("city-discovery", CityDiscoveryArgs(context, artifacts.builder()))

pulumi.export("region", settings.region)
pulumi.export("bucketName", product.bucket.name)
pulumi.export("frontierQueueUrl", product.frontier.url)
pulumi.export("frontierDlqUrl", product.frontier.dlq_url)
pulumi.export("ledgerTableName", product.ledger.name)
pulumi.export("cityDiscoveryArn", product.city.arn)
pulumi.export("pageProcessingArn", product.pages.arn)
pulumi.export("pipeName", product.pages.pipe_name)
pulumi.export("stateModes", {state.value: mode.value for state, mode in settings.states.items()})
