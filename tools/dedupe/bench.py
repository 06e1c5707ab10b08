"""How much time and memory deduplication takes: python -m tools.dedupe.bench 1000000

On one synthetic city of that many sightings, in one process, with the sightings on disk as in the function. Growth is
linear where the seconds for each sighting stay the same from size to size.
"""

from __future__ import annotations

import resource
import sys
import time

from lambdas.contracts.candidate import Candidate
from lambdas.finalization.spool import Spooled
from lambdas.places.dedupe import Deduplication
from tools.dedupe.measure import score
from tools.dedupe.synthetic import AT, EDINBURGH, sightings

_SEED = 7


def main(count: int) -> None:
    """Measure, and print one line."""
    work = Deduplication(EDINBURGH.name, Spooled(Candidate))
    truth: dict[str, int] = {}
    adding = 0.0
    for candidate, place in sightings(EDINBURGH, count, _SEED):
        truth[candidate.record_id] = place
        began = time.process_time()
        work.add(candidate)
        adding += time.process_time() - began
    began = time.process_time()
    groups = [place.members for place in work.places(AT, {})]
    merging = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    reached = score((group for group in groups if len(group) > 1), truth)
    print(
        f"{len(truth)} sightings, {len(groups)} places: {adding:.1f} + {merging:.1f} CPU s,"
        f" {(adding + merging) / len(truth) * 1e6:.0f} us each, peak {peak} MB;"
        f" precision {reached.precision:.3f}, recall {reached.recall:.3f}, F1 {reached.f1:.3f}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
