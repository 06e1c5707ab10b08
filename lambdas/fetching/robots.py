"""What a site allows robots (RFC 9309)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from protego import Protego

from lambdas.fetching.urls import PageUrl

# RFC 9309, section 2.5: at least so much of a robots.txt is to be read.
MAX_BYTES = 500 * 1024
MIN_INTERVAL_SECONDS = 1.0
# Longer than any run, and within the 38 digits of a number in the ledger: some sites ask for more than both.
MAX_INTERVAL_SECONDS = 86_400.0
_AGENT_LINE = re.compile(r"\s*user[- ]?agent\s*[: \t]\s*(.*)", re.IGNORECASE)
# A product token has letters, "_" and "-" alone, so nobody is called like this.
_SOMEBODY_ELSE = "!"


@dataclass(frozen=True)
class Robots:
    """What a site allows this application.

    Attributes:
        agent: The product token of this application.
        rules: Its rules; ``None`` where there are none, and all is allowed.
    """

    agent: str
    rules: Protego | None = None

    def allows(self, url: PageUrl) -> bool:
        """Whether a page may be asked for."""
        return self.rules is None or self.rules.can_fetch(url.text, self.agent)

    @property
    def interval(self) -> float:
        """Seconds between two requests to the site: its ``Crawl-delay`` or ``Request-rate``, from 1 to a day."""
        if self.rules is None:
            return MIN_INTERVAL_SECONDS
        rate = self.rules.request_rate(self.agent)
        asked = max(self.rules.crawl_delay(self.agent) or 0.0, rate.seconds / rate.requests if rate else 0.0)
        return min(MAX_INTERVAL_SECONDS, max(MIN_INTERVAL_SECONDS, asked))


def read(text: str, agent: str) -> Robots:
    """Read a robots.txt.

    Args:
        text: The file, of at most :data:`MAX_BYTES`.
        agent: The product token of this application.
    """
    return Robots(agent, Protego.parse(_others_merged(text.removeprefix("\ufeff"), agent.lower())))


def _others_merged(text: str, agent: str) -> str:
    """The file with all robots that are somebody else as one.

    The parser keeps a copy of the rules for each robot of a group: a file of 500 KB, half robots and half rules, would
    become 200 million rules. It also takes ``data`` for a prefix of ``data-scout``, which the RFC does not.
    """
    return "\n".join(_merged(line, agent) for line in text.splitlines())


def _merged(line: str, agent: str) -> str:
    found = _AGENT_LINE.match(line.partition("#")[0])
    if not found:
        return line
    name = found[1].strip().lower().partition("/")[0].strip()
    return f"User-agent: {name if name in (agent, '*') else _SOMEBODY_ELSE}"
