"""Requests over the loopback interface count as made over TLS.

AWS: SDKs call every service over TLS, and a policy may deny what is not (`aws:SecureTransport`,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-securetransport).

The emulator is called over plain HTTP on 127.0.0.1, which such a policy would deny to every role. That a TLS-only
policy does deny plain HTTP can therefore not be tested locally.
"""

from __future__ import annotations

import contextvars
from typing import Final

from scout.embedded.emulator.patches.support import Patch, Untyped, service

_PATCH: Final = Patch(__name__)
_app: Final = service("app")
_evaluator: Final = service("core.iam_evaluator")


def apply() -> None:
    """Say that each request came over TLS."""
    _PATCH.expect(
        service("core.iam_evaluator").pin_request_origin, "_request_origin.set((source_ip, secure_transport))"
    )
    # What services do in threads has no request, and so the default.
    _evaluator._request_origin = contextvars.ContextVar("origin", default=("127.0.0.1", True))
    _PATCH.around(_app, "pin_request_origin", _pin_request_origin)


def _pin_request_origin(original: Untyped, source_ip: str, _secure_transport: bool) -> None:
    original(source_ip, True)
