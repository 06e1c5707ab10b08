"""Which dead letters a command is about."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from scout.queues.contents import UNKNOWN, named_city

if TYPE_CHECKING:
    from scout.queues.analyzing import Letter

_FIELDS = ("type", "city", "run", "state", "error")


@dataclass(frozen=True)
class Selection:
    """What to choose. Of several values of one field any will do; all fields that are given must agree.

    Attributes:
        message: Ids of messages.
        type: Kinds; see ``scout.queues.contents``.
        city: Cities.
        run: Runs.
        state: States that failed.
        error: Names of errors. ``unknown`` is, in each field, what is not known.
        safety: What moving them back comes to; see ``scout.queues.judging.Safety``.
        older_than: At least so many seconds since it was first sent.
        younger_than: Less than so many seconds since then.
        count: No more than these, the oldest first.
        force: Also those whose moving is not advised.
    """

    message: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    city: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    error: tuple[str, ...] = ()
    safety: tuple[str, ...] = ()
    older_than: float | None = None
    younger_than: float | None = None
    count: int | None = None
    force: bool = False
    _now: float = field(default_factory=time.time, repr=False, compare=False)

    def takes(self, letter: Letter) -> bool:
        """Whether it is one of those."""
        content, sent_at = letter.content, letter.message.sent_at
        if self.message and letter.message.id not in self.message:
            return False
        if self.safety and letter.judgement.safety.value not in self.safety:
            return False
        for name in _FIELDS:
            wanted = getattr(self, name)
            if wanted and (getattr(content, name) or UNKNOWN) not in self._written(name, wanted):
                return False
        old = self.older_than is None or self._now - sent_at >= self.older_than
        return old and (self.younger_than is None or self._now - sent_at < self.younger_than)

    def chosen(self, letters: Iterable[Letter]) -> list[Letter]:
        """Those that it takes, in their order; ``count`` is not looked at."""
        return [letter for letter in letters if self.takes(letter)]

    @property
    def chooses(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.document().keys() - {"force"})

    def document(self) -> dict[str, Any]:
        """What was asked for, for machines; the same question is the same document."""
        given = {name: value for name, value in asdict(self).items() if not name.startswith("_") and value}
        return {name: sorted(value) if isinstance(value, tuple) else value for name, value in given.items()}

    @staticmethod
    def _written(name: str, wanted: tuple[str, ...]) -> set[str]:
        return {named_city(city) for city in wanted} if name == "city" else set(wanted)


@dataclass(frozen=True)
class Age:
    """A span of ages, as groups show it.

    Attributes:
        name: In words.
        bounds: The options of a selection that choose it.
        below: Its end, in seconds.
    """

    name: str
    bounds: Mapping[str, str]
    below: float


_HOUR, _DAY = 3600.0, 86_400.0
AGES = (
    Age("under 1 h", {"younger_than": "1h"}, _HOUR),
    Age("1 h to 1 d", {"older_than": "1h", "younger_than": "1d"}, _DAY),
    Age("1 d to 4 d", {"older_than": "1d", "younger_than": "4d"}, 4 * _DAY),
    Age("over 4 d", {"older_than": "4d"}, float("inf")),
)


def age_of(seconds: float) -> Age:
    """The span that an age in seconds falls into."""
    return next(age for age in AGES if seconds < age.below)


_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def duration(text: str) -> float:
    """Read a duration.

    Args:
        text: Such as ``90s``, ``15m``, ``1h30m`` or ``2d``.

    Returns:
        Seconds.

    Raises:
        ValueError: It is none.
    """
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise ValueError("a duration is expected, such as 90s, 15m, 1h30m or 2d")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(days * 86_400 + hours * 3600 + minutes * 60 + seconds)
