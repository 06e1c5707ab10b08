"""Take the picture of a run's page that the documents show: ``make screenshot``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from scout.cities import runs
from scout.deployment import Deployment
from scout.embedded.deploy.commands import deploy
from scout.embedded.emulator.instance import Emulator
from scout.report import data, page
from tests import chromium
from tests.e2e.support import Silent, example
from tests.pictures import FOLDER, STACK

_PROJECT = Path(__file__).resolve().parents[1]
# The map, the funnel and the sources; half the size is enough to see what it is.
_SIZE, _SCALE = "1080,1540", "0.6"


def main() -> None:
    """Run Edinburgh on an embedded AWS of its own, and photograph its page."""
    with tempfile.TemporaryDirectory(prefix="scout-screenshot-") as name:
        folder = Path(name)
        emulator = Emulator.start(folder, cache_dir=_PROJECT / ".scout" / "cache")
        try:
            result = deploy(_PROJECT, STACK, emulator, folder / "stacks", account="123456789012")
            session = emulator.session("123456789012", result.outputs["region"])
            stack = Deployment.of(STACK, session, result.outputs)
            run = runs.run(stack, example("edinburgh"), view=Silent())
            path = folder / "report.html"
            path.write_text(page.html(data.of(stack, run.run_id)), encoding="utf-8")
        finally:
            emulator.stop()
        picture = FOLDER / "report.png"
        FOLDER.mkdir(parents=True, exist_ok=True)
        options = (f"--window-size={_SIZE}", f"--force-device-scale-factor={_SCALE}", "--hide-scrollbars")
        chromium.run(path, *options, f"--screenshot={picture}")
        print(f"{picture}: {picture.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
