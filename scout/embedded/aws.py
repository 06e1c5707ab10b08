"""The two places where a stack can be: an account of a running emulator, and nowhere."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

if TYPE_CHECKING:
    import boto3

PLACEHOLDER_ACCOUNT: Final = "123456789012"
"""The account that AWS itself uses in examples."""

_PARTITION: Final = "aws"


class AwsEndpoint(Protocol):
    """An AWS that is not Amazon's; `scout.embedded.emulator.instance.Emulator` is one."""

    @property
    def instance(self) -> str:
        """Which run of it this is. Another run may have lost what was deployed."""

    @property
    def region(self) -> str:
        """The region to take where a stack names none."""

    def session(self, account_id: str, region: str | None = None) -> boto3.Session:
        """Return a session that acts as the root of an account."""


class AccountContext:
    """An account and a region of an endpoint; what `resources.AwsContext` describes.

    Args:
        endpoint: The endpoint.
        account: The account's twelve digits.
        region: The region.
    """

    def __init__(self, endpoint: AwsEndpoint, account: str, region: str) -> None:
        self.account = account
        self.region = region
        self.partition = _PARTITION
        self._session = endpoint.session(account, region)
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """Return the client of a service, the same one each time."""
        # Clients may be shared between threads; making them may not.
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._session.client(service)  # type: ignore[call-overload]
            return self._clients[service]


class NowhereContext:
    """An account that does not exist, for what needs only names.

    Args:
        region: The region that the names carry.
    """

    def __init__(self, region: str) -> None:
        self.account = PLACEHOLDER_ACCOUNT
        self.region = region
        self.partition = _PARTITION

    def client(self, service: str) -> NoReturn:
        """Refuse: there is nothing to call."""
        raise RuntimeError(f"no call to {service} is possible here")
