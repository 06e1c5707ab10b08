"""Stacks that the Pulumi engine deploys on the embedded AWS, with no account and no AWS plugin."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scout import local
from scout.embedded.emulator.instance import DEFAULT_ACCOUNT, Emulator
from scout.errors import InputRefused, ScoutError

if TYPE_CHECKING:
    import threading

    from scout.embedded.engine.server import ProviderServer

ENGINE_ACCOUNT: Final = "222222222222"
"""Where `pulumi` deploys; what `scout up` deployed is in another account, so that the two never meet."""

_BACKENDS: Final = "pulumi"
_LOOK_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Serving:
    """The embedded AWS while it answers the engine.

    Attributes:
        emulator: It.
        started: Whether it was started for this.
        account: The account that stacks go to.
        server: What the engine attaches to.
    """

    emulator: Emulator
    started: bool
    account: str
    server: ProviderServer

    @property
    def variables(self) -> dict[str, str]:
        """What `pulumi`, and `scout --aws` after it, want in their environment.

        The state of the stacks lies beside the embedded AWS that they stand on, and no longer than that does.
        """
        return {
            "PULUMI_DEBUG_PROVIDERS": f"aws:{self.server.port}",
            # Some engines fetch the plugin that they are not going to use:
            # https://github.com/pulumi/pulumi/issues/10572
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_BACKEND_URL": (local.state_dir() / _BACKENDS / self.emulator.instance).as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "",
            **local.environment(self.account),
        }

    def wait(self, stop: threading.Event) -> None:
        """Serve until it is told to stop; what is under way then is brought to its end.

        Args:
            stop: Set when it is enough.

        Raises:
            ScoutError: The embedded AWS has ended.
        """
        try:
            while not stop.wait(_LOOK_SECONDS):
                if Emulator.attach(self.emulator.state_dir) != self.emulator:
                    raise ScoutError(
                        "the embedded AWS has ended, and all stacks with it: run `scout aws serve` anew, and set the "
                        "variables that it prints"
                    )
        finally:
            self.server.stop()


def start(account: str = ENGINE_ACCOUNT, port: int | None = None) -> Serving:
    """Start the embedded AWS unless it runs, and answer the engine.

    Args:
        account: Twelve digits, other than those of `scout up`.
        port: Where the engine attaches; a free one if ``None``.

    Raises:
        InputRefused: The account cannot be used.
        ScoutError: The embedded AWS cannot be started, or the port is taken.
    """
    # Pulumi takes a second to import; see local.up().
    from scout.embedded.engine.server import PortTakenError, ProviderServer  # noqa: PLC0415

    if len(account) != 12 or not account.isdecimal():
        raise InputRefused(f"account {account}", ["an account has twelve digits"])
    if account == DEFAULT_ACCOUNT:
        raise InputRefused(f"account {account}", ["`scout up` deploys to it, and names would collide; choose another"])
    emulator, started = local.ensure()
    try:
        server = ProviderServer(emulator, account, local.PROJECT_DIR, port)
    except PortTakenError as error:
        raise ScoutError(str(error)) from error
    _make_backend(emulator)
    return Serving(emulator, started, account, server)


def _make_backend(emulator: Emulator) -> None:
    """Make the folder for the states of stacks, and remove those of stacks that ended with an earlier emulator."""
    folder = local.state_dir() / _BACKENDS
    folder.mkdir(exist_ok=True)
    for other in folder.iterdir():
        if other.name != emulator.instance:
            shutil.rmtree(other)
    (folder / emulator.instance).mkdir(exist_ok=True)
