"""The word that tests a deployed stack from end to end."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from scout import local
from scout.cities import inputs
from scout.cities.views import RunView
from scout.commands.options import JSON, LAST_STACK
from scout.deployment import Deployment
from scout.e2e import golden, reports, testing
from scout.e2e.cities import CityTest
from scout.e2e.pipelines import PipelineTest
from scout.e2e.views import CheckView
from scout.pipelines.views import SendView
from scout.stacks import deployed

_CITY = "edinburgh"
_MESSAGE = inputs.EXAMPLES / "candidates.json"


def e2e(
    *,
    city: Annotated[str | None, typer.Option(help=f"A golden input by its name; default: {_CITY}.")] = None,
    pipeline: Annotated[str | None, typer.Option(help="Instead: a pipeline of the stack.")] = None,
    input_file: Annotated[
        Path | None, typer.Option("--input", "-i", help="With --pipeline: the message; default: candidates.json.")
    ] = None,
    stack: Annotated[str | None, LAST_STACK] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that the run or the message may take.")] = 1800,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say what was seen, also where it is good.")] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="End the run at its first failed state, the test at its first failure.")
    ] = False,
    report_dir: Annotated[
        Path | None, typer.Option(help="Folder for the JSON and JUnit reports; default: .scout/reports.")
    ] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Test a deployed stack from end to end: a golden input, or a message, from its start to what it leaves behind.

    The result is kept in the stack's bucket, where `scout promote` looks for it. Ends with 0 if every check passed, 1
    otherwise, 2 if the input is refused.

    Example: scout e2e --city edinburgh --timeout 1800 --verbose --fail-fast
    """
    if city is not None and pipeline is not None:
        raise typer.BadParameter("give either --city or --pipeline")
    if input_file is not None and pipeline is None:
        raise typer.BadParameter("--input is for --pipeline; a city is tested with its golden input")
    console = Console(stderr=as_json, highlight=False)

    def find() -> Deployment:
        return deployed.deployment(stack)

    test: CityTest | PipelineTest
    if pipeline is not None:
        message = input_file or _MESSAGE
        if not message.is_file():
            raise typer.BadParameter(f"there is no {message}")
        test = PipelineTest(
            find, pipeline, message, view=lambda found: SendView(console, found.bucket), timeout=timeout
        )
    else:
        name = city or _CITY
        job, expected = golden.load(name)
        test = CityTest(
            find,
            name,
            job,
            expected,
            view=lambda found: RunView(console, found),
            timeout=timeout,
            fail_fast=fail_fast,
        )
    view = CheckView(console, verbose=verbose)
    report = testing.run(test, view, fail_fast=fail_fast)
    for path in reports.write(report, report_dir or local.state_dir() / "reports"):
        console.print(f"Report: {path}", soft_wrap=True)
    if test.found is not None:
        console.print(f"Kept at {reports.keep(test.found, report)}", soft_wrap=True)
    view.result(report)
    if as_json:
        sys.stdout.write(report.text)
    if not report.passed:
        raise typer.Exit(1)
