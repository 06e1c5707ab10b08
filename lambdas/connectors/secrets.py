"""Keys of services: in Secrets Manager alone, and only where a stack names one."""

from __future__ import annotations

import logging

from lambdas.connectors.service import Configuration
from lambdas.runtime.errors import AccessDenied
from lambdas.runtime.secrets import secret_text

NO_CREDENTIALS = "disabled: no_credentials"
"""What a state says of a service whose key is missing."""

_LOGGER = logging.getLogger(__name__)


def key_of(config: Configuration, name: str) -> str | None:
    """The key of a service.

    Args:
        config: What the stack says.
        name: The service.

    Returns:
        The key; ``None`` where the stack names no secret, or where that does not exist, is empty or is not given to
        the function. To a role that may read one secret alone, Secrets Manager denies one that does not exist; the log
        has its words, and `scout doctor` tells the two apart.

    Raises:
        ServiceUnavailable: Secrets Manager could not answer.
    """
    secret = config.section(name).get("secret")
    try:
        return secret_text(secret) if secret else None
    except AccessDenied as denied:
        _LOGGER.warning("A service has no key", extra={"service": name, "error": str(denied)})
        return None
