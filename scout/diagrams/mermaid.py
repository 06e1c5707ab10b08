"""A definition as a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html)."""

from __future__ import annotations

from collections.abc import Iterator

from scout.diagrams.flow import Arrow, Box, Kind, Scope

_SHAPES = {
    "START": ("((", "))"),
    "END": ("(((", ")))"),
    "Choice": ("{{", "}}"),
    "Wait": ("([", "])"),
    "Succeed": ("([", "])"),
    "Fail": ("[[", "]]"),
}
_LABELS = {"START": "start", "END": "end"}


def text(scope: Scope) -> str:
    """The flowchart of a definition."""
    return "\n".join(["flowchart TD", *_scope(scope, "s", "    "), ""])


def _scope(scope: Scope, prefix: str, indent: str) -> Iterator[str]:
    """Lines of a scope. Names of states can be anything, so that each box has an id of its own."""
    ids = {name: f"{prefix}{place}" for place, name in enumerate(scope.boxes)}
    for name, box in scope.boxes.items():
        if not box.inner:
            opening, closing = _SHAPES.get(box.type, ("[", "]"))
            yield f'{indent}{ids[name]}{opening}"{_label(box)}"{closing}'
            continue
        yield f'{indent}subgraph {ids[name]}["{_label(box)}"]'
        for place, inner in enumerate(box.inner):
            yield from _scope(inner, f"{ids[name]}_{place}_", indent + "    ")
        yield f"{indent}end"
    for arrow in scope.arrows:
        yield f"{indent}{ids[arrow.source]} {_line(arrow)} {ids[arrow.target]}"


def _line(arrow: Arrow) -> str:
    line = "-.->" if arrow.kind is Kind.CATCH else "-->"
    return f'{line}|"{_escaped(arrow.label)}"|' if arrow.label else line


def _label(box: Box) -> str:
    lines = [_LABELS.get(box.type, box.name), box.detail, box.retry]
    return "<br>".join(_escaped(line) for line in lines if line)


def _escaped(label: str) -> str:
    """Text as Mermaid takes it in quotes: entities are written with ``#``."""
    return label.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
