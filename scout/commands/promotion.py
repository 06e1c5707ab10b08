"""The words that bring stacks forward: each state's mode in every stack, and promotion from one stack to another."""

from __future__ import annotations

import contextlib
import json
from typing import Annotated

import typer
from rich.console import Console

from scout import local
from scout.commands import asking
from scout.commands.options import JSON
from scout.errors import ScoutError
from scout.stacks import deployed, flags, promotion, promotion_views
from scout.stacks.views import DeployView

flags_app = typer.Typer(
    help="Show each state's mode, mock or real, in every stack; or switch one.", invoke_without_command=True
)


@flags_app.callback()
def show(context: typer.Context, *, as_json: Annotated[bool, JSON] = False) -> None:
    """Show each state's mode, mock or real, in every stack side by side; `set` switches one.

    Example: scout flags
    """
    if context.invoked_subcommand is not None:
        return
    found = flags.every_stack()
    if as_json:
        document = {held.stack: {"states": dict(held.modes), "problems": list(held.problems)} for held in found}
        typer.echo(json.dumps(document, indent=2))
    else:
        Console(highlight=False).print(promotion_views.flags_table(found), soft_wrap=True)


@flags_app.command(name="set")
def set_flags(
    *,
    changes: Annotated[list[str], typer.Argument(help="STATE=mock or STATE=real.", metavar="STATE=MODE...")],
    stack: Annotated[str, typer.Option("--stack", "-s", help="A stack: the NAME of a Pulumi.NAME.yaml.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the difference, and write nothing.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Switch states in a stack's file between mock and real. Comments and order stay; nothing is deployed.

    Ends with 2 if the stack would be refused with it, and the file stays as it is.

    Example: scout flags set TileSweep=real -s dev --dry-run
    """
    change = flags.edit(stack, flags.parsed(changes))
    if not dry_run and change.diff:
        change.write()
    if as_json:
        document = {"file": change.path.name, "diff": change.diff, "written": bool(change.diff) and not dry_run}
        typer.echo(json.dumps(document, indent=2))
    elif not change.diff:
        typer.echo(f"{change.path.name} says so already.")
    else:
        typer.echo(change.diff, nl=False)
        command = promotion.up_command(stack)
        typer.echo("Nothing is written." if dry_run else f"Written; `{command}` deploys it.")


def promote(
    *,
    source: Annotated[str, typer.Option("--from", help="The stack whose program was tested.")],
    target: Annotated[str, typer.Option("--to", help="The stack that is to get it, with its own configuration.")],
    copy_flags: Annotated[
        bool, typer.Option("--copy-flags", help="Put the source's modes of all states into the target's file.")
    ] = False,
    run: Annotated[bool, typer.Option("--run", help="Do it, if nothing speaks against it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --run: do not ask.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show what promoting a tested stack to another comes to, and with --run do it.

    Refused if the end-to-end test of what is deployed on the source is not green, if the source is not deployed from
    this program, or if something of the target that holds data would be replaced or deleted. Without --run nothing is
    changed, and the commands are printed. Ends with 0 if it may be done, or was; 1 otherwise.

    Example: scout promote --from dev --to mixed-mock-real
    """
    console = Console(stderr=as_json, highlight=False)
    view = promotion_views.PlanView(console)
    copied = _modes_of(source) if copy_flags else {}
    change = flags.edit(target, copied) if copied else None
    with contextlib.ExitStack() as stack:
        held = stack.enter_context(flags.applied(change)) if change and change.diff else None
        with console.status("Comparing, and previewing both stacks"):
            plan = promotion.plan(source, target, copied if held else None)
        view.plan(plan)
        done = False
        if run and not plan.refusals and asking.sure(f"Deploy {target}?", yes=yes):
            if deployed.on_aws():
                promotion.run_on_aws(target)
            else:
                local.up(target, preview=False, port=None, view=DeployView(console, preview=False))
            done = True
            if held:
                held.keep()
        elif not plan.refusals:
            view.commands(plan)
    if as_json:
        typer.echo(json.dumps({**plan.document(), "done": done}, indent=2))
    if plan.refusals or (run and not done):
        raise typer.Exit(1)


def _modes_of(stack: str) -> dict[str, str]:
    found = {held.stack: dict(held.modes) for held in flags.every_stack()}
    if stack not in found:
        raise ScoutError(f"no stack named '{stack}' found; the stacks are: {', '.join(found)}")
    return found[stack]
