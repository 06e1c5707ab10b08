"""The word that draws state machines."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from scout import local
from scout.commands.options import JSON, STACK
from scout.diagrams.drawing import Format


def graph(
    machine: Annotated[
        str, typer.Argument(help="A state machine or pipeline of the stack, or a file with a definition (.json).")
    ] = "city-discovery",
    stack: Annotated[str, STACK] = "mock",
    form: Annotated[Format, typer.Option("--format", "-f", help="What to write.")] = Format.SVG,
    out: Annotated[Path | None, typer.Option(help="The file; by default it is written to standard output.")] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Draw a state machine as it would be deployed, or one from a file. No AWS is needed.

    Dashed arrows are caught errors; boxes in a dashed frame are what a Map repeats, or the branches of a Parallel.

    Example: scout graph page-processing -s mock --out page-processing.svg
    """
    from scout.diagrams import drawing  # noqa: PLC0415 - the layout takes a while to import

    if out is not None and out.suffix != form.suffix:
        raise typer.BadParameter(f"a picture as {form} is a file that ends with {form.suffix}, and {out.name} does not")
    name = Path(machine).name.removesuffix(".json").removesuffix(".asl")
    picture = drawing.drawn(drawing.named(machine, stack), name, form)
    if out is not None:
        local.write_text(out, picture)
    if as_json:
        typer.echo(json.dumps({"machine": name, "format": form.value, "file": out and str(out), "picture": picture}))
    elif out is not None:
        typer.echo(f"{out}: {name}, {len(picture.encode()):,} bytes")
    else:
        sys.stdout.write(picture)
