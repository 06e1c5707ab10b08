"""Run something in the event loop of the server.

Most calls of the emulator's services run there, one after the other, which is what keeps their data whole. State
machines and pipes run in threads.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Final

from scout.embedded.emulator.patches.support import Untyped, service

if TYPE_CHECKING:
    from collections.abc import Callable

_app: Final = service("app")

_LONGEST_CALL_SECONDS: Final = 60


def on_server_loop(function: Callable[..., Untyped], *args: Untyped, **kwargs: Untyped) -> Untyped:
    """Call a function, plain or async, in the server's event loop and wait for what it returns.

    The account and region of the calling thread are those of the call. In the loop itself it is simply called.

    Raises:
        TimeoutError: It took longer than a minute.
        Exception: Whatever the function raised.
    """
    if asyncio._get_running_loop() is _app._MAIN_LOOP:
        return function(*args, **kwargs)

    async def call() -> Untyped:
        answer = function(*args, **kwargs)
        return await answer if inspect.isawaitable(answer) else answer

    return asyncio.run_coroutine_threadsafe(call(), _app._MAIN_LOOP).result(timeout=_LONGEST_CALL_SECONDS)
