"""The environment variables of the emulator process."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Idle seconds after which the worker process of a Lambda function is ended. AWS keeps an idle environment for some
# minutes; a laptop rather wants its memory back (about 35 MB each).
_WORKER_IDLE_SECONDS: Final = 90

# What the installer of Python packages needs to reach the user's package index. Lambda functions do not get these.
_INSTALLER_VARIABLES: Final = (
    "HOME",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
)


def server_environment(
    base: Mapping[str, str], *, host: str, port: int, region: str, temporary: Path, cache: Path
) -> dict[str, str]:
    """Return the whole environment of the server: nothing of the user's AWS settings may reach it.

    Args:
        base: The environment of the command that starts it; what the installer of packages needs is taken from there,
            where Java is, and the server's log level from `SCOUT_EMULATOR_LOG_LEVEL` (default WARNING).
        host: Address to listen on.
        port: TCP port to listen on.
        region: Region of requests that name none.
        temporary: Folder for temporary files.
        cache: Folder for installed Python packages.
    """
    environment = {name: base[name] for name in _INSTALLER_VARIABLES if name in base}
    environment |= {name: value for name, value in base.items() if name.startswith("UV_")}
    environment |= {"SCOUT_JAVA": java} if (java := _java(base)) else {}
    return environment | {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "TMPDIR": str(temporary),
        "SCOUT_CACHE_DIR": str(cache),
        "BIND_HOST": host,
        "GATEWAY_PORT": str(port),
        "AUTH": "true",
        "MINISTACK_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "LAMBDA_EXECUTOR": "local",
        "LAMBDA_WARM_TTL_SECONDS": str(_WORKER_IDLE_SECONDS),
        "SFN_WAIT_SCALE": "1",
        "LOG_LEVEL": base.get("SCOUT_EMULATOR_LOG_LEVEL", "WARNING"),
    }


def _java(base: Mapping[str, str]) -> str | None:
    """Return the `java` that the user would run, for the jobs of Glue; the server's own PATH does not lead there."""
    places = [os.path.join(base["JAVA_HOME"], "bin")] if base.get("JAVA_HOME") else []
    places.append(base.get("PATH", os.defpath))
    return next(filter(None, (shutil.which("java", path=place) for place in places)), None)
