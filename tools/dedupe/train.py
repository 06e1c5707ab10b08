"""Train the weights of ``lambdas/places/weights.json``: python -m tools.dedupe.train

On synthetic cities of other names and other seeds than any test uses. The same program writes the same weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lambdas.places.blocking import pairs
from lambdas.places.columns import Columns, Floats
from lambdas.places.comparison import FEATURES, Compared, Model, chunks
from lambdas.places.counts import Counts, counts
from lambdas.places.geo import Point
from tools.dedupe.measure import Score, grouped, score, truth_of
from tools.dedupe.synthetic import City, sightings

CITIES = (
    City("Bristol", Point(51.4545, -2.5879)),
    City("Osaka", Point(34.6937, 135.5023)),
    City("Porto", Point(41.1579, -8.6291)),
)
RECORDS, TRAINING_SEEDS, CHOOSING_SEED = 12_000, (1, 2), 3
PRECISION = 0.988
_PENALTY, _STEPS = 1.0, 40
TARGET = Path(__file__).resolve().parents[2] / "lambdas" / "places" / "weights.json"


def main() -> None:
    """Train, choose the threshold, and write the file."""
    rows, labels = zip(*(_examples(city, seed) for city in CITIES for seed in TRAINING_SEEDS), strict=True)
    weights = fitted(np.vstack(rows), np.concatenate(labels))
    threshold, reached = _threshold(weights)
    document = {
        "trained_by": "tools/dedupe/train.py",
        "data": "tools/dedupe/synthetic.py",
        "cities": [city.name for city in CITIES],
        "seeds": list(TRAINING_SEEDS),
        "pairs": int(sum(map(len, labels))),
        "matches": int(sum(label.sum() for label in labels)),
        "threshold_chosen_on_seed": CHOOSING_SEED,
        "precision_there": round(reached.precision, 4),
        "recall_there": round(reached.recall, 4),
        "threshold": threshold,
        "weights": dict(zip(FEATURES, [round(float(weight), 6) for weight in weights], strict=True)),
    }
    TARGET.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"{TARGET.name}: threshold {threshold}, F1 {reached.f1:.4f} on cities that were not trained on")


def fitted(rows: Floats, labels: Floats) -> Floats:
    """The weights of a logistic model, by Newton's method with a small penalty on large weights.

    Args:
        rows: Features, a row for each pair.
        labels: 1 where the pair is one place, 0 where it is not.
    """
    weights = np.zeros(rows.shape[1])
    for _ in range(_STEPS):
        likely = 1 / (1 + np.exp(-np.clip(rows @ weights, -50, 50)))
        slope = rows.T @ (labels - likely) - _PENALTY * weights
        curve = (rows * (likely * (1 - likely))[:, None]).T @ rows + _PENALTY * np.eye(rows.shape[1])
        step = np.linalg.solve(curve, slope)
        weights += step
        if np.abs(step).max() < 1e-9:
            break
    return weights


def _examples(city: City, seed: int) -> tuple[Floats, Floats]:
    found = sorted(sightings(city, RECORDS, seed), key=lambda pair: pair[0].record_id)
    columns = Columns.of((candidate for candidate, _ in found), city.name)
    truth = np.array([place for _, place in found])
    counted = counts(columns)
    compared = list(_each_once(columns, counted))
    return (
        np.vstack([part.features for part in compared]),
        np.concatenate([truth[part.first] == truth[part.second] for part in compared]).astype(np.float64),
    )


def _each_once(columns: Columns, counted: Counts) -> Iterator[Compared]:
    found = [np.column_stack(chunk) for chunk in pairs(columns, counted)]
    once = np.unique(np.vstack(found), axis=0)
    yield from chunks(columns, iter([(once[:, 0], once[:, 1])]), counted)


def _threshold(weights: Floats) -> tuple[float, Score]:
    """The lowest threshold that is precise enough on cities of another seed, after the guard.

    A false merge loses a place, which nobody misses; a duplicate is seen, and can be merged by hand.
    """
    cities = [(city, list(sightings(city, RECORDS, CHOOSING_SEED))) for city in CITIES]
    for threshold in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        using = Model(np.round(weights, 6), threshold)
        scores = [
            score(grouped((candidate for candidate, _ in found), city.name, using), truth_of(found))
            for city, found in cities
        ]
        mean = Score(
            sum(one.precision for one in scores) / len(scores), sum(one.recall for one in scores) / len(scores)
        )
        if mean.precision >= PRECISION:
            return threshold, mean
    raise ValueError(f"no threshold gives a precision of {PRECISION}; the features do not tell places apart")


if __name__ == "__main__":
    main()
