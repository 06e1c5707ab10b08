"""The whole examination: this machine, the embedded AWS or the account, and a stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError

from scout import local
from scout.doctor import account, drift, quotas, secrets, tools
from scout.doctor.findings import Finding, Level, asked, fail, ok, warn
from scout.doctor.program import Program
from scout.e2e import prerequisites
from scout.e2e.checks import CheckFailed
from scout.embedded.emulator.instance import Emulator, EmulatorError
from scout.errors import ScoutError
from scout.queues import named
from scout.stacks import deployed
from scout.stacks.configuration import stack_settings
from workflow.city_states import PHASES, CityState, Phase, StateMode

if TYPE_CHECKING:
    import boto3

    from scout.deployment import Deployment
    from scout.queues.named import DeadLetterQueue
    from settings.stack import Settings

# On the embedded AWS the addresses of the stand-in world lie over what a stack says of outside services.
_BESIDE = frozenset({"CONNECTORS"})
# The states whose real form asks services that are free, and shared.
_ASKING = frozenset({*PHASES[Phase.DISCOVERY], *PHASES[Phase.PROCESSING]})


def examine(stack: str | None = None) -> list[Finding]:
    """Look at everything that can be wrong.

    Args:
        stack: Which stack; if ``None``, as for ``deployed.deployment``.

    Returns:
        What was found, good and bad.
    """
    return list(_all(stack))


def _all(stack: str | None) -> Iterator[Finding]:
    on_aws = deployed.on_aws()
    yield from tools.python()
    yield from tools.disk(local.state_dir())
    yield from tools.pulumi(needed=on_aws)
    if not on_aws:
        yield from embedded_aws()
    found, finding = _stack(stack)
    yield finding
    name = found.stack if found else stack
    if name is None:
        return
    try:
        settings, program = stack_settings(name), Program.of(name)
    except ScoutError as error:
        yield fail("configuration", str(error), "correct it, or name another stack with --stack")
        return
    yield ok("configuration", f"Pulumi.{name}.yaml is valid")
    if on_aws:
        yield from _contact(name, settings)
    else:
        yield from tools.java(needed=bool(program.jobs))
    yield from account.region(name, settings.region, found.session.region_name if found else None)
    if not found and not on_aws:
        return
    try:
        session = found.session if found else _session(settings.region)
    except BotoCoreError as error:
        yield fail("credentials", str(error), "correct AWS_PROFILE, or the profile in ~/.aws/config")
        return
    accepted = list(account.credentials(session))
    yield from accepted
    if any(finding.level is Level.FAIL for finding in accepted):
        said = "quotas, secrets and the deployment could not be asked, because the credentials are not accepted"
        yield warn("account", said, "correct them, and look again")
        return
    if on_aws:
        yield from quotas.quotas(session, program)
    else:
        yield ok("quotas", "the embedded AWS has none; `scout --aws doctor` asks for those of an account")
    yield from secrets.secrets(session, program, settings.connectors)
    if found:
        yield from _health(found)
        wanted, ignored = program.in_account(_account_of(found)), frozenset() if on_aws else _BESIDE
        yield from asked("drift", lambda: drift.drift(found, wanted, _again(name), ignored))


def _contact(stack: str, settings: Settings) -> Iterator[Finding]:
    """Those who run the free services want to know whom to write to before they shut a client out."""
    asking = [state for state in CityState if state in _ASKING and settings.states[state] is StateMode.REAL]
    if not asking:
        return
    if settings.connectors.contact or settings.connectors.user_agent:
        yield ok("contact", "requests of real states name who can be reached")
    else:
        said = f"{len(asking)} real states ask outside services, and their requests name nobody who can be reached"
        yield warn(
            "contact", said, f"set `connectors.contact` in Pulumi.{stack}.yaml to an address or a URL, and deploy"
        )


def embedded_aws() -> Iterator[Finding]:
    """The embedded AWS runs and answers."""
    try:
        emulator = Emulator.attach(local.state_dir())
    except EmulatorError as error:
        yield fail("embedded AWS", str(error), "remove that file")
        return
    if emulator is None:
        yield warn("embedded AWS", "is not running", "`scout up -s mock` starts it")
    elif not emulator.running:
        advice = f"`scout down`, then `scout up -s mock`; its log is {emulator.log_file}"
        yield fail("embedded AWS", f"process {emulator.pid} is there, and does not answer", advice)
    else:
        yield ok("embedded AWS", f"answers at {emulator.endpoint_url}")


def _stack(stack: str | None) -> tuple[Deployment | None, Finding]:
    try:
        found = deployed.deployment(stack)
    except (ScoutError, BotoCoreError) as error:
        # Before the first `up` there is nothing wrong with that, unless the stack was asked for.
        make = fail if stack else warn
        return None, make("stack", str(error), "deploy it, or name another with --stack")
    return found, ok("stack", f"{found.stack} is deployed")


def _session(region: str) -> boto3.Session:
    import boto3  # noqa: PLC0415 - takes a third of a second

    return boto3.Session(region_name=region)


def _again(stack: str) -> str:
    """What takes back a drift: an `up` alone does not look at what was changed by hand."""
    if deployed.on_aws():
        return f"`pulumi up --refresh --stack {stack}` takes it back"
    return (
        f"`scout up -s {stack}` if program or configuration have changed since; what was changed by hand is taken back "
        f"by `scout down` and a new `scout up -s {stack}`"
    )


def _account_of(found: Deployment) -> str:
    return found.city_discovery_arn.split(":")[4]


def _health(found: Deployment) -> Iterator[Finding]:
    """What keeps a deployed stack from working: the same things that an end-to-end test asks for first."""
    machines = {found.city_discovery_arn: "STANDARD", found.page_processing_arn: "EXPRESS"}
    machines |= {item.arn: "EXPRESS" if item.express else "STANDARD" for item in found.pipelines.values()}
    yield from asked(
        "state machines", partial(_checked, "state machines", lambda: prerequisites.machines(found, machines))
    )
    for name in (named.FRONTIER, *found.pipelines):
        look = partial(prerequisites.pipe, found, named.fed_queue(found, name).pipe_name)
        advice = f"`{_scout('pipe resume', name, found)}` starts it"
        yield from asked("pipe", partial(_checked, "pipe", look, advice))
    yield from asked("ledger", partial(_checked, "ledger", lambda: prerequisites.ledger(found)))
    for queue in named.dead_letter_queues(found).values():
        yield from asked("dead letters", partial(_dead_letters, found, queue))


def _checked(subject: str, look: Callable[[], str], advice: str = "deploy the stack again") -> Iterator[Finding]:
    try:
        yield ok(subject, look())
    except CheckFailed as error:
        yield fail(subject, str(error), advice)


def _dead_letters(found: Deployment, queue: DeadLetterQueue) -> Iterator[Finding]:
    depth = prerequisites.depth(found, queue.url)
    said = f"{queue.physical_name} holds {depth:,}"
    if not depth:
        yield ok("dead letters", said)
    else:
        command = _scout("dlq analyze", queue.name, found)
        yield warn("dead letters", said, f"`{command}` says what they are, and whether they may be sent again")


def _scout(words: str, queue: str, found: Deployment) -> str:
    """A command about a queue of the stack, as it is typed."""
    return f"scout {'--aws ' if deployed.on_aws() else ''}{words} {queue} -s {found.stack}"
