"""The stack that a command is about: on the embedded AWS, or one that ``pulumi up`` deployed to an account."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from scout import local
from scout.deployment import Deployment
from scout.errors import ScoutError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import boto3

_on_aws: ContextVar[bool] = ContextVar("on_aws", default=False)
_PULUMI_SECONDS = 60


def use_aws(*, chosen: bool) -> None:
    """Say where the stacks of this command are.

    Args:
        chosen: In the account of the environment's credentials, not on the embedded AWS.
    """
    _on_aws.set(chosen)


def on_aws() -> bool:
    """Whether the stacks of this command are in an account of AWS, not on the embedded AWS."""
    return _on_aws.get()


def deployment(stack: str | None = None) -> Deployment:
    """What is deployed.

    Args:
        stack: Which stack; if ``None``, that of the last ``scout up``, or on AWS the one that ``pulumi stack select``
            selected.

    Raises:
        ScoutError: There is no such stack, it is not deployed, or ``pulumi`` is not there to say where it is.
    """
    if not _on_aws.get():
        return local.deployment(stack)
    name = stack or pulumi("stack", "--show-name").strip()
    outputs: Mapping[str, Any] = json.loads(pulumi("stack", "output", "--json", "--stack", name))
    if not outputs:
        raise ScoutError(f"stack {name} is not deployed: run `pulumi up --stack {name}` first")
    return Deployment.of(name, _session(outputs.get("region")), outputs)


def _session(region: str | None) -> boto3.Session:
    """A session with the credentials of the environment, and its endpoint if it names one."""
    import boto3  # noqa: PLC0415 - takes a third of a second
    import botocore.session  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    session = botocore.session.get_session()
    if os.environ.get("AWS_ENDPOINT_URL"):
        # AWS has a host of its own for some operations (`sync-states...`); an endpoint that is named has one for all.
        session.set_default_client_config(Config(inject_host_prefix=False))
    return boto3.Session(botocore_session=session, region_name=region)


def pulumi(*words: str, seconds: float = _PULUMI_SECONDS) -> str:
    """What a ``pulumi`` command prints on its standard output.

    Args:
        words: The command.
        seconds: How long to wait for it.

    Raises:
        ScoutError: It is not installed, failed, or has not answered in time.
    """
    command = pulumi_command(*words)
    # So that a preview is one JSON document, whatever this variable says outside.
    environment = {**os.environ, "PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "false"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, env=environment)
    except subprocess.TimeoutExpired as error:
        raise ScoutError(f"`pulumi {' '.join(words)}` has not answered within {seconds:g} s") from error
    if done.returncode:
        raise ScoutError(f"`pulumi {' '.join(words)}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def pulumi_command(*words: str) -> list[str]:
    """A ``pulumi`` command for this project, as a program with its arguments.

    Raises:
        ScoutError: It is not installed.
    """
    program = shutil.which("pulumi")
    if program is None:
        raise ScoutError(
            "pulumi is not on the PATH, and it alone knows what is deployed on AWS: install it "
            "(https://www.pulumi.com/docs/install/), or leave --aws and SCOUT_AWS out to use the embedded AWS"
        )
    return [program, *words, "--cwd", str(local.PROJECT_DIR), "--non-interactive"]
