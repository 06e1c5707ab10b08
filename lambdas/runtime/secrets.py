"""Texts that Secrets Manager keeps."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.runtime.aws import AWS
from lambdas.runtime.errors import AccessDenied, ServiceUnavailable


def secret_text(name: str) -> str | None:
    """A secret, without white space around it.

    Args:
        name: Its name or ARN.

    Returns:
        Its text; ``None`` where there is no such secret, or no text in it.

    Raises:
        AccessDenied: The role may not read it. To a role that may read one secret alone, Secrets Manager may say so of
            a secret that is missing, too.
        ServiceUnavailable: Secrets Manager could not answer.
    """
    try:
        text = AWS.secretsmanager.get_secret_value(SecretId=name).get("SecretString")
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ResourceNotFoundException":
            return None
        if code == "AccessDeniedException":
            raise AccessDenied(f"The secret {name} is missing, or not given to this function: {error}") from error
        raise ServiceUnavailable(f"Secrets Manager gave no answer for {name}: {error}") from error
    except BotoCoreError as error:
        raise ServiceUnavailable(f"Secrets Manager could not be reached: {error}") from error
    return text.strip() or None if text else None
