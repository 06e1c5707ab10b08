"""What runs on this laptop: the embedded AWS, and the stacks that are deployed on it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from scout.deployment import Deployment
from scout.embedded.emulator.instance import DEFAULT_ACCOUNT, Emulator, EmulatorError
from scout.embedded.errors import ResourceError
from scout.errors import ScoutError
from scout.standin.process import WorldError, WorldProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scout.embedded.deploy.commands import DeployResult
    from scout.embedded.deploy.deployment import Event

PROJECT_DIR: Final = Path(__file__).resolve().parents[1]
_CURRENT_STACK: Final = "current"


class DeployObserver(Protocol):
    """Who wants to know how a deployment goes on."""

    def embedded_aws(self, emulator: Emulator, *, started: bool) -> None:
        """The embedded AWS answers; ``started`` is false if it ran already."""

    def stand_in_world(self, world: WorldProcess) -> None:
        """The stand-in world answers, in place of the outside services that the stack's real states call."""

    def event(self, event: Event) -> None:
        """Something happened to a resource."""

    def deployed(self, stack: str, result: DeployResult) -> None:
        """The deployment, or its preview, is complete."""


def state_dir() -> Path:
    """Where the embedded AWS and its stacks keep their state: ``.scout`` in the project, or ``$SCOUT_HOME``."""
    return Path(os.environ.get("SCOUT_HOME") or PROJECT_DIR / ".scout").resolve()


def folder(path: Path) -> Path:
    """A folder to write to, made if missing.

    Raises:
        ScoutError: It cannot be made, or is none.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ScoutError(f"{path} cannot be made a folder to write to: {error.strerror}") from error
    return path


def write_text(path: Path, text: str) -> None:
    """Write a file, whose folder is made if missing.

    Raises:
        ScoutError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ScoutError(f"{path} cannot be written: {error.strerror}") from error


def _stacks() -> Path:
    return state_dir() / "stacks"


def up(stack: str, *, preview: bool, port: int | None, view: DeployObserver, live: bool = False) -> DeployResult:
    """Start the embedded AWS unless it runs, and deploy a stack on it.

    A stack with real states uses the stand-in world, which is started beside.

    Args:
        stack: The stack.
        preview: Only find out what would change.
        port: The port of an embedded AWS that is started; a free one if ``None``.
        view: Told how it goes on.
        live: Real states use the real services, not the stand-in world.

    Returns:
        What changed.

    Raises:
        ScoutError: The configuration, the program or a resource was refused; the message is theirs.
    """
    # Pulumi takes a second to import, which `scout validate` and its like need not wait for.
    from scout.embedded.deploy import commands  # noqa: PLC0415
    from scout.embedded.deploy.stack_config import stack_file  # noqa: PLC0415
    from scout.standin.beside import overlaid  # noqa: PLC0415

    try:
        stack_file(PROJECT_DIR, stack)
        emulator, started = ensure(port)
        view.embedded_aws(emulator, started=started)
        with contextlib.ExitStack() as beside:
            over: Mapping[str, str] = {}
            if not live:
                over = beside.enter_context(
                    overlaid(
                        PROJECT_DIR,
                        stack,
                        state_dir(),
                        emulator,
                        started=view.stand_in_world,
                        publish=not preview,
                    )
                )
            result = commands.deploy(
                PROJECT_DIR, stack, emulator, _stacks(), preview=preview, over=over, on_event=view.event
            )
    except _refusals() as error:
        raise ScoutError(str(error)) from error
    if not preview:
        (state_dir() / _CURRENT_STACK).write_text(stack, encoding="utf-8")
    view.deployed(stack, result)
    return result


def preview(stack: str) -> DeployResult:
    """What an `up` of a stack would change on the running embedded AWS. Nothing is changed.

    Raises:
        ScoutError: It is not running, or the configuration, the program or a resource was refused.
    """
    from scout.embedded.deploy import commands  # noqa: PLC0415 - see up()
    from scout.standin.beside import overlaid  # noqa: PLC0415

    emulator = _running()
    try:
        with overlaid(PROJECT_DIR, stack, state_dir(), emulator) as over:
            return commands.deploy(PROJECT_DIR, stack, emulator, _stacks(), preview=True, over=over)
    except _refusals() as error:
        raise ScoutError(str(error)) from error


def ensure(port: int | None = None) -> tuple[Emulator, bool]:
    """The running embedded AWS, started if it was not.

    Args:
        port: Of one that is started.

    Returns:
        It, and whether it was started by this call.

    Raises:
        ScoutError: It cannot be started.
    """
    try:
        running = Emulator.attach(state_dir())
        if running is not None:
            return running, False
        return Emulator.start(state_dir(), port), True
    except EmulatorError as error:
        raise ScoutError(str(error)) from error


def down() -> bool:
    """Stop the embedded AWS, and the stand-in world beside it; all that was deployed is gone.

    Returns:
        Whether any of the two was running.

    Raises:
        ScoutError: It does not end.
    """
    try:
        world = WorldProcess.attach(state_dir())
        if world is not None:
            world.stop()
        running = Emulator.attach(state_dir())
        if running is not None:
            running.stop()
    except (EmulatorError, WorldError) as error:
        raise ScoutError(str(error)) from error
    for leftover in (state_dir() / _CURRENT_STACK, *_stacks().glob("*/stack.json")):
        leftover.unlink(missing_ok=True)
    return running is not None or world is not None


def deployment(stack: str | None = None) -> Deployment:
    """What is up.

    Args:
        stack: Which stack; the one of the last ``up`` if ``None``.

    Raises:
        ScoutError: The embedded AWS is not running, or the stack is not deployed on it.
    """
    from scout.embedded.deploy import commands  # noqa: PLC0415 - see up()
    from scout.embedded.deploy.stack_config import stack_file  # noqa: PLC0415

    emulator = _running()
    current = state_dir() / _CURRENT_STACK
    if stack is None:
        if not current.exists():
            raise ScoutError("no stack is up: run `scout up -s mock` first")
        stack = current.read_text(encoding="utf-8").strip()
    try:
        outputs = commands.stack_outputs(stack, _stacks())
        if not outputs:
            stack_file(PROJECT_DIR, stack)
    except _refusals() as error:
        raise ScoutError(str(error)) from error
    if not outputs:
        raise ScoutError(f"stack {stack} is not up: run `scout up -s {stack}` first")
    return Deployment.of(stack, emulator.session(DEFAULT_ACCOUNT, outputs.get("region")), outputs)


def render(stack: str, out: Path) -> list[Path]:
    """Write a stack's resources and definitions as JSON, without any AWS.

    Raises:
        ScoutError: The configuration or the program was refused.
    """
    from scout.embedded.deploy.render import render as write  # noqa: PLC0415 - see up()

    try:
        return write(PROJECT_DIR, stack, folder(out))
    except _refusals() as error:
        raise ScoutError(str(error)) from error


def environment(account: str = DEFAULT_ACCOUNT) -> dict[str, str]:
    """The variables that point an AWS tool, the Pulumi AWS plugin among them, to the running embedded AWS.

    Args:
        account: Twelve digits. Stacks that `scout up` deployed lie in the default; another account is empty.

    Raises:
        ScoutError: It is not running.
    """
    emulator = _running()
    return {
        "AWS_ENDPOINT_URL": emulator.endpoint_url,
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "embedded",
        "AWS_REGION": emulator.region,
        "AWS_DEFAULT_REGION": emulator.region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _running() -> Emulator:
    try:
        emulator = Emulator.attach(state_dir())
    except EmulatorError as error:
        raise ScoutError(str(error)) from error
    if emulator is None:
        raise ScoutError("the embedded AWS is not running: `scout up` starts it")
    return emulator


def _refusals() -> tuple[type[Exception], ...]:
    """What a wrong configuration or a refused resource raises: each message says what is wrong, so no traceback."""
    from artifacts import ArtifactError  # noqa: PLC0415
    from scout.embedded.deploy.graph import StateError  # noqa: PLC0415
    from scout.embedded.deploy.program import ProgramError  # noqa: PLC0415
    from scout.embedded.deploy.stack_config import ConfigError  # noqa: PLC0415
    from settings import ConfigError as SettingsError  # noqa: PLC0415
    from workflow.rules import DefinitionError  # noqa: PLC0415
    from workflow.stages import ConfigurationError  # noqa: PLC0415

    program = (ArtifactError, SettingsError, ConfigurationError, DefinitionError)
    return (*program, ConfigError, ProgramError, ResourceError, StateError, WorldError)
