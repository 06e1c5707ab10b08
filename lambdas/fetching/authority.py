"""Whose a site is, by its name alone."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

Authority: TypeAlias = Literal["gov", "edu", "org", "com", "unknown"]

_GOVERNMENT = re.compile(r"(?:^|\.)(?:gov|gob|gouv|govt|go|lg)(?:\.[a-z]{2})?$|\.(?:city|admin\.ch|bund\.de)$")
_UNIVERSITY = re.compile(r"\.(?:edu|ac)(?:\.[a-z]{2})?$")


def authority_of(host: str) -> Authority:
    """Whose a site is, by the end of its name."""
    if _GOVERNMENT.search(host):
        return "gov"
    if _UNIVERSITY.search(host):
        return "edu"
    if host.endswith(".org"):
        return "org"
    return "com" if host.endswith(".com") else "unknown"
