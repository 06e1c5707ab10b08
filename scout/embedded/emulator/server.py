"""The emulator process: `ministack` with the patches of `scout.embedded.emulator.patches`, and the pollers of pipes.

Run by `scout.embedded.emulator.instance`; its settings are the environment that is made there.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import resource
from importlib.metadata import version
from typing import Final

MINISTACK_VERSION: Final = "1.5.33"


def main() -> None:
    """Patch the emulator and serve it until SIGTERM.

    Raises:
        RuntimeError: Another version of ministack is installed than the one that the patches are made for.
        PatchError: A patch does not find what it changes.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instance", required=True, help="name that marks this process in the list of processes")
    parser.parse_args()
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "WARNING"))

    installed = version("ministack")
    if installed != MINISTACK_VERSION:
        raise RuntimeError(f"ministack {installed} is installed; the patches are for {MINISTACK_VERSION}")

    # A burst of Lambda invocations opens a few sockets per worker; the soft limit is often 1,024.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    from ministack.app import app  # noqa: PLC0415 - reads the environment when imported

    from scout.embedded.emulator import patches, pipes  # noqa: PLC0415 - after the version was checked

    patches.apply_all()
    pipes.install()
    asyncio.run(_serve(app))


async def _serve(app: object) -> None:
    from hypercorn.asyncio import serve  # noqa: PLC0415
    from hypercorn.config import Config  # noqa: PLC0415

    from scout.embedded.emulator import glue_runs  # noqa: PLC0415 - after the version was checked

    config = Config()
    config.bind = [f"{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 2
    config.loglevel = os.environ.get("LOG_LEVEL", "WARNING")
    await serve(app, config)  # type: ignore[arg-type]
    glue_runs.stop_all(wait=True)


if __name__ == "__main__":
    main()
