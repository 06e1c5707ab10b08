"""Who may not list a bucket is not told that an object is missing.

AWS: GetObject and HeadObject on a key that does not exist are answered with 404 to a caller that may list the bucket,
and with 403 to any other (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).

The emulator answers 404 to everyone.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from scout.embedded.emulator.patches.support import Patch, Untyped, service

_PATCH: Final = Patch(__name__)
_app: Final = service("app")
_s3: Final = service("services.s3")


def apply() -> None:
    """Ask for the right to list where an object is missing."""
    _PATCH.expect(_app._enforce_data_plane, "service_context: dict | None", "if denied:")
    _PATCH.around(_s3, "handle_request", _handle_request)


async def _handle_request(original: Untyped, *request: Untyped, **more: Untyped) -> Untyped:
    response = await original(*request, **more)
    method, path, headers, _, query = request
    if response[0] != HTTPStatus.NOT_FOUND or method not in {"GET", "HEAD"} or more.get("internal"):
        return response
    bucket, key = _s3._parse_bucket_key(path, headers)
    if not key or _s3._buckets.get(bucket) is None:
        return response
    denied = _app._enforce_data_plane("s3", "s3:ListBucket", headers, query, "", resource_arn=f"arn:aws:s3:::{bucket}")
    if denied is None:
        return response
    return (denied[0], denied[1], b"") if method == "HEAD" else denied
