"""Variety among the first: a place that is much like those ranked before it stands back for one that is not.

Maximal marginal relevance (Carbonell and Goldstein, 1998): the next is the one with the greatest
``relevance * score - (1 - relevance) * likeness``, where likeness is that to the most alike of those chosen before.
Two places are alike by 0.6 * exp(-metres / 300), and by 0.4 more if they are of one category.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lambdas.places.geo import Point, earth_fixed

_NEAR, _SAME_CATEGORY, _FADES_M = 0.6, 0.4, 300.0
# Beyond them, computers differ.
_DIGITS = 9


def diverse(
    points: Sequence[Point | None],
    categories: Sequence[str],
    scores: Sequence[float],
    *,
    count: int,
    relevance: float,
) -> list[tuple[int, float]]:
    """Choose places, one after another.

    Args:
        points: Where the places are, the best first; ``None`` where that is not known.
        categories: Their categories.
        scores: Their scores, 0 to 1.
        count: How many to choose.
        relevance: What a score counts against likeness, 0 to 1.

    Returns:
        The positions of those chosen, in the order in which they were, each with how unlike it was to those before it.
        Of equals the one that stands first is chosen.
    """
    nowhere = (float("nan"),) * 3
    at = np.array([nowhere if point is None else earth_fixed(point) for point in points]).reshape(len(points), 3)
    category = np.unique(np.array(categories, np.str_), return_inverse=True)[1]
    worth = relevance * np.array(scores, np.float64)
    likeness = np.zeros(len(points))
    left = np.ones(len(points), np.bool_)
    chosen: list[tuple[int, float]] = []
    while len(chosen) < min(count, len(points)):
        value = np.where(left, np.round(worth - (1 - relevance) * likeness, _DIGITS), -np.inf)
        best = int(np.argmax(value))
        chosen.append((best, round(1 - float(likeness[best]), 6)))
        left[best] = False
        apart = np.linalg.norm(at - at[best], axis=1)
        near = np.where(np.isnan(apart), 0.0, _NEAR * np.exp(-np.nan_to_num(apart) / _FADES_M))
        likeness = np.maximum(likeness, near + _SAME_CATEGORY * (category == category[best]))
    return chosen
