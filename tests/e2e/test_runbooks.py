"""Every scenario of the runbooks: the fault is made, the commands of the runbook are typed, and all is well again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e import faults_of_dead_letters, faults_of_incidents
from tests.e2e.runbooks import DO, Desk, Section, desk, sections

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("runbooks")]

FAULTS = {"dead-letter-queue.md": faults_of_dead_letters.FAULTS, "incidents.md": faults_of_incidents.FAULTS}
PARTS = [(document, section) for document in FAULTS for section in sections(document)]
# What is no scenario needs nothing but a stack with a run; after the last scenario that stack is a new one.
PARTS.sort(key=lambda part: part[1].scenario)


@pytest.fixture(scope="module")
def sitting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Somebody at a desk, with the stack ``mock`` up and one run of it done."""
    with desk(tmp_path_factory.mktemp("runbooks")) as found:
        found.must("scout run --input examples/input.early-stop-test.json", {})
        yield found


def test_every_fault_has_its_scenario() -> None:
    for document, faults in FAULTS.items():
        assert [section.title for section in sections(document) if section.scenario] == list(faults)


@pytest.mark.parametrize(
    ("document", "section"), [pytest.param(*part, id=f"{part[0]}: {part[1].title}") for part in PARTS]
)
def test_a_runbook_ends_well(document: str, section: Section, sitting: Desk) -> None:
    if section.scenario:
        sitting.goes_through(section, FAULTS[document][section.title](sitting))
    else:
        sitting.must(section.blocks[DO], {})
