"""What every contract shares: strictness, and the small types they are built of."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

UUID_PATTERN = r"^[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$"
# What Step Functions allows as an execution name, less what would break an S3 key
# (https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html).
RUN_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$"

Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Uuid = Annotated[str, StringConstraints(pattern=UUID_PATTERN)]
RunId = Annotated[str, StringConstraints(pattern=RUN_ID_PATTERN)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2048, strip_whitespace=True)]


class Contract(BaseModel):
    """A model at a border: immutable, closed to fields that it does not name, no silent conversion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def parse(cls, document: object) -> Self:
        """Validate what ``json.loads`` returned.

        Args:
            document: The parsed JSON.

        Returns:
            The validated model.

        Raises:
            ValueError: ``pydantic.ValidationError`` with the path of each wrong field, or a NaN or infinity inside.
        """
        # By way of JSON text, since strict mode takes "real" for an enum and a list for a tuple only from JSON.
        return cls.model_validate_json(json.dumps(document, allow_nan=False))

    def document(self) -> dict[str, Any]:
        """This model as JSON would hold it, without the fields that are not set."""
        return self.model_dump(mode="json", exclude_none=True)


def slug(text: str) -> str:
    """The form of a city's name that stands in S3 keys: ``New York`` becomes ``new-york``.

    Args:
        text: Any name.

    Returns:
        Lower-case ASCII letters, digits and single hyphens.

    Raises:
        ValueError: Nothing is left of the name, as for one in a script without an ASCII form.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    result = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    if not result:
        raise ValueError(f"{text!r} has no letter or digit in ASCII; name the city in Latin letters")
    return result


def utc_now() -> str:
    """The present time as ISO 8601 in UTC, to the millisecond: the form of every time in a contract."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
