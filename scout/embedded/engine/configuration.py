"""The configuration of the provider: what a stack's `aws:` keys, or an explicit `aws.Provider`, may say here.

https://www.pulumi.com/registry/packages/aws/api-docs/provider/ lists what there is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scout.embedded.resources.values import Problem

if TYPE_CHECKING:
    from scout.embedded.resources import JsonObject

REGION: Final = "region"
ALLOWED: Final = "allowedAccountIds"
_FORBIDDEN: Final = "forbiddenAccountIds"

# They say how an account is reached and who calls. The embedded AWS is reached in one way, by the root of its account.
_WITHOUT_EFFECT: Final = frozenset(
    {
        "accessKey",
        "customCaBundle",
        "ec2MetadataServiceEndpoint",
        "ec2MetadataServiceEndpointMode",
        "endpoints",
        "httpProxy",
        "httpsProxy",
        "insecure",
        "maxRetries",
        "noProxy",
        "profile",
        "retryMode",
        "s3UsEast1RegionalEndpoint",
        "s3UsePathStyle",
        "secretKey",
        "sharedConfigFiles",
        "sharedCredentialsFiles",
        "skipCredentialsValidation",
        "skipMetadataApiCheck",
        "skipRegionValidation",
        "skipRequestingAccountId",
        "stsRegion",
        "token",
        "tokenBucketRateLimiterCapacity",
        "useDualstackEndpoint",
        "useFipsEndpoint",
        "userAgents",
        # Which plugin the program was written for, and where it is from; the engine says it.
        "pluginDownloadURL",
        "version",
    }
)


class WrongAccountError(Exception):
    """The stack stands in another account than the one that is served."""


@dataclass(frozen=True)
class Target:
    """Where the resources are.

    Attributes:
        account: The account's twelve digits.
        region: The region.
    """

    account: str
    region: str

    def problems(self, configuration: JsonObject) -> list[Problem]:
        """Return what is wrong with a configuration.

        Args:
            configuration: The keys of the provider; values that are not texts may be JSON in a text.
        """
        found = []
        for key in sorted(configuration.keys() - _WITHOUT_EFFECT - {REGION, ALLOWED, _FORBIDDEN}):
            found.append(Problem(key, f"`aws:{key}` has no support on the embedded AWS"))
        if not isinstance(configuration.get(REGION, ""), str):
            found.append(Problem(REGION, "`aws:region` has to be a text"))
        if ALLOWED in configuration and self.account not in _accounts(configuration[ALLOWED]):
            found.append(Problem(ALLOWED, f"`aws:{ALLOWED}` leaves out the account {self.account}, which is served"))
        if self.account in _accounts(configuration.get(_FORBIDDEN, [])):
            found.append(Problem(_FORBIDDEN, f"`aws:{_FORBIDDEN}` names the account {self.account}, which is served"))
        return found

    def pinned(self, configuration: JsonObject) -> JsonObject:
        """Return the configuration with the account that its resources will be in.

        The engine keeps it in the stack's state and shows it again whenever it reads, changes or deletes one of them.
        So a stack that stands in one account is never looked for in another, where all of it would seem to be gone;
        the real plugin refuses such a state as well.
        """
        return {ALLOWED: json.dumps([self.account]), **configuration}

    def require(self, configuration: JsonObject) -> None:
        """Refuse to work on what stands in another account.

        Raises:
            WrongAccountError: It does.
        """
        allowed = _accounts(configuration.get(ALLOWED, [self.account]))
        if self.account not in allowed:
            there = " or ".join(allowed) or "none"
            raise WrongAccountError(
                f"this stack stands in account {there}, and account {self.account} is served: "
                f"start `scout aws serve --account {there}` instead"
            )


def region_of(configuration: JsonObject, default: str) -> str:
    """Return the region that a configuration names.

    Args:
        configuration: The keys of the provider.
        default: Where it names none.
    """
    return str(configuration.get(REGION) or default)


def _accounts(value: Any) -> list[str]:  # noqa: ANN401 - any JSON value
    """Return a list of accounts, which the engine has as a list or as JSON in a text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return []
    return [str(item) for item in value] if isinstance(value, list) else []
