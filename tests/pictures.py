"""Draw the state machines that the documents show: ``make images``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from scout.diagrams import drawing
from scout.diagrams.drawing import Format

FOLDER: Final = Path(__file__).resolve().parents[1] / "docs" / "images"
STACK: Final = "mock"
MACHINES: Final = ("city-discovery", "page-processing", "candidate-realtime", "candidate-batch")


def pictures() -> dict[str, str]:
    """The pictures by the names of their files."""
    machines = drawing.of_stack(STACK)
    return {f"{name}.svg": drawing.drawn(machines[name], name, Format.SVG) for name in MACHINES}


def main() -> None:
    """Write them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures().items():
        (FOLDER / name).write_text(picture, encoding="utf-8")
        print(FOLDER / name)


if __name__ == "__main__":
    main()
