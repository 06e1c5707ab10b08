"""The stand-in world beside the embedded AWS: what a stack with real states uses there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from scout.embedded.deploy.stack_config import load_stack_config
from scout.standin.overlay import needs_world, overlay
from scout.standin.process import WorldError, WorldProcess

if TYPE_CHECKING:
    from scout.embedded.emulator.instance import Emulator


@contextlib.contextmanager
def overlaid(
    project_dir: Path,
    stack: str,
    state_dir: Path,
    emulator: Emulator,
    *,
    started: Callable[[WorldProcess], None] | None = None,
    publish: bool = False,
) -> Iterator[Mapping[str, str]]:
    """The configuration values that point a stack to the stand-in world; none for a stack without a real state.

    Leaving waits until the world's Overture Maps are on the embedded AWS, which they are brought to meanwhile.

    Args:
        project_dir: The folder of ``Pulumi.yaml``.
        stack: The stack.
        state_dir: Where the world keeps its state.
        emulator: The embedded AWS.
        started: Told of the world, which is started if it does not run. Without it nothing is started, and where no
            world runs there are no values.
        publish: Bring its Overture Maps to the embedded AWS.

    Raises:
        ConfigError: The stack's file is wrong.
        WorldError: The world cannot be started, or cannot write.
    """
    config = load_stack_config(project_dir, stack)
    if not needs_world(config.project, config.values):
        yield {}
        return
    world = WorldProcess.attach(state_dir) if started is None else WorldProcess.start(state_dir)
    if world is None:
        yield {}
        return
    if started is not None:
        world = _accompanying(world, emulator)
    values = overlay(config.project, config.values, world.connectors(), emulator.endpoint_url)
    if started is not None:
        started(world)
    if not publish:
        yield values
        return
    with ThreadPoolExecutor(1) as threads:
        written = threads.submit(world.publish, emulator.endpoint_url)
        yield values
        written.result()


def _accompanying(world: WorldProcess, emulator: Emulator) -> WorldProcess:
    """The world that ends with this embedded AWS: a new one, where it was just about to end with an earlier one."""
    try:
        world.accompany(emulator.pid, emulator.instance)
    except WorldError:
        world.stop()
        world = WorldProcess.start(world.state_dir, seed=world.seed)
        world.accompany(emulator.pid, emulator.instance)
    return world
