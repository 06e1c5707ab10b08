"""The configuration of a stack, as a command reads it without deploying anything."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from scout.errors import ScoutError

if TYPE_CHECKING:
    from settings import Settings


def stack_settings(stack: str, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a stack.

    Args:
        stack: Its name.
        environ: Environment variables that lie over them.

    Raises:
        ScoutError: The stack's configuration is wrong.
    """
    from scout.embedded.deploy.stack_config import ConfigError, load_stack_config  # noqa: PLC0415 - see local.up()
    from scout.local import PROJECT_DIR  # noqa: PLC0415
    from settings import ConfigError as SettingsError  # noqa: PLC0415
    from settings import Settings  # noqa: PLC0415

    try:
        config = load_stack_config(PROJECT_DIR, stack)
        return Settings.load(config.project, stack, config.values, environ)
    except (ConfigError, SettingsError) as error:
        raise ScoutError(str(error)) from error
