"""Pausing the garbage collector while the traits of tens of thousands of records are collected."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Run a block, or as a decorator a function, without the cyclic garbage collector.

    A city's records are many small objects, free of cycles, that live until the end. The collector would walk all of
    them again for every few hundred new ones, which takes as long as the work itself. Reference counting goes on.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
