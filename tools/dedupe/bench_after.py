"""How much time and memory the states after deduplication take: python -m tools.dedupe.bench_after 200000

On the places of one synthetic city of about that many, each state's work in a process of its own, without S3: Persist
writes the map and the table, Rank puts in order and writes the lines and the map, Finalize measures and credits.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from lambdas.contracts.candidate import Candidate, Place
from lambdas.contracts.finalization import QualityBars
from lambdas.finalization.parquet import write_places
from lambdas.finalization.spool import Spooled, line_of
from lambdas.finalize.attribution import attribution, without_share_alike
from lambdas.finalize.bars import measure
from lambdas.places.dedupe import Deduplication
from lambdas.places.geo import Disc
from lambdas.places.geojson import write_collection
from lambdas.places.rank import rank
from lambdas.runtime.storage import spool
from tools.dedupe.synthetic import AT, EDINBURGH, sightings

_SEED = 7


def _dedupe(folder: Path, count: int) -> None:
    work = Deduplication(EDINBURGH.name, Spooled(Candidate))
    with (folder / "candidates.jsonl").open("wb") as file:
        for candidate, _ in sightings(EDINBURGH, 2 * count, _SEED):
            file.write(line_of(candidate))
            work.add(candidate)
    with (folder / "canonical.jsonl").open("wb") as lines:
        for place in work.places(AT, {}):
            lines.write(line_of(place))


def _persist(folder: Path) -> None:
    with (folder / "canonical.jsonl").open("rb") as lines, spool() as features, spool() as table:
        places = Spooled(Place, lines)
        write_collection(places, features, city=EDINBURGH.name)
        write_places(places, table)


def _rank(folder: Path) -> None:
    with (
        (folder / "canonical.jsonl").open("rb") as lines,
        (folder / "places.jsonl").open("wb") as ranked,
        spool() as features,
    ):
        first = Spooled(Place, lines)
        for place in rank(first, EDINBURGH.center):
            ranked.write(line_of(place))
        write_collection(first, features, city=EDINBURGH.name)


def _finalize(folder: Path) -> None:
    with (folder / "places.jsonl").open("rb") as lines, (folder / "candidates.jsonl").open("rb") as candidates:
        places = Spooled(Place, lines)
        measure(places, Disc(EDINBURGH.center, 10_000), EDINBURGH.name, QualityBars())
        attribution(places, city=EDINBURGH.name, run_id="run-1")
        with spool() as export:
            for place in without_share_alike(places, Spooled(Candidate, candidates)):
                export.write(line_of(place))


def _measured(work: Callable[..., None], *given: Path | int) -> tuple[float, int]:
    began = time.process_time()
    work(*given)
    return time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main(count: int) -> None:
    """Measure, and print a line for each state."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for work, given in (
            (_dedupe, (folder, count)),
            (_persist, (folder,)),
            (_rank, (folder,)),
            (_finalize, (folder,)),
        ):
            # A process begins with the peak of the one that started it: this one stays small.
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
                seconds, peak = alone.submit(_measured, work, *given).result()
            print(f"{work.__name__[1:]}: {seconds:.1f} CPU s, peak {peak} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]))
