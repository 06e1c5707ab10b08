"""Sessions of boto3 that talk to the emulator."""

from __future__ import annotations

import os
from typing import Any, Final

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config

# A synchronous Express execution answers after up to five minutes.
_READ_TIMEOUT_SECONDS: Final = 320

_CLIENT_CONFIG: Final = Config(
    connect_timeout=5,
    read_timeout=_READ_TIMEOUT_SECONDS,
    retries={"mode": "standard", "total_max_attempts": 3},
    s3={"addressing_style": "path"},
    inject_host_prefix=False,
    proxies={},
    max_pool_connections=32,
)


# boto3 makes its clients at run time, and their types are those that the caller says.
Untyped = Any


# The descriptions of services are large; parsed once, they serve every session of this process.
_LOADER: Final = botocore.loaders.create_loader()


class EmulatorSession(boto3.Session):
    """A session that is the root of an account, and whose clients and resources go to the emulator.

    Args:
        endpoint_url: Address of the emulator.
        account_id: Twelve digits. Each account has state of its own, and needs no setting up.
        region: Region of the session.

    Raises:
        ValueError: `account_id` is not twelve digits.
    """

    def __init__(self, endpoint_url: str, account_id: str, region: str) -> None:
        if len(account_id) != 12 or not account_id.isdecimal():
            raise ValueError(f"an account id has twelve digits: {account_id!r}")
        # No profile and no file of the user's: they may name another endpoint, or a profile that is not there.
        session = botocore.session.Session(
            session_vars={"profile": (None, None, None, None), "config_file": (None, None, os.devnull, None)}
        )
        session.register_component("data_loader", _LOADER)
        super().__init__(
            botocore_session=session,
            # A 12-digit access key is the root of that account in the emulator, with any secret.
            aws_access_key_id=account_id,
            aws_secret_access_key="embedded",  # noqa: S106
            region_name=region,
        )
        self._endpoint_url = endpoint_url

    def client(self, *args: Untyped, **kwargs: Untyped) -> Untyped:
        """Return a client, as `boto3.Session.client` does, by default of the emulator."""
        return super().client(*args, **self._with_endpoint(kwargs))

    def resource(self, *args: Untyped, **kwargs: Untyped) -> Untyped:
        """Return a resource, as `boto3.Session.resource` does, by default of the emulator."""
        return super().resource(*args, **self._with_endpoint(kwargs))

    def _with_endpoint(self, arguments: dict[str, Any]) -> dict[str, Any]:
        given = arguments.get("config")
        config = _CLIENT_CONFIG.merge(given) if given is not None else _CLIENT_CONFIG
        return {"endpoint_url": self._endpoint_url, **arguments, "config": config}
