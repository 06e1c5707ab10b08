"""What tests of resources must not do, since it would let them pass without looking at anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

MODULES = sorted(Path(__file__).parent.glob("test_*.py"))
BUILDERS = {"record", "run_program", "build", "graph"}


def functions_of(module: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node


def builds_resources(test: ast.FunctionDef) -> bool:
    used = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
    return bool(BUILDERS & (used | {argument.arg for argument in test.args.args}))


def own_statements(test: ast.FunctionDef) -> Iterator[ast.AST]:
    """All nodes of a test but those of functions inside it, which nobody may call."""
    waiting: list[ast.AST] = list(test.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(node))


def asserts(test: ast.FunctionDef) -> bool:
    return any(
        isinstance(node, ast.Assert) or (isinstance(node, ast.Attribute) and ast.unparse(node) == "pytest.raises")
        for node in own_statements(test)
    )


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_every_test_asserts_in_its_own_body(module):
    tests = list(functions_of(module))
    assert tests
    assert not [test.name for test in tests if not asserts(test)]


def test_the_check_sees_an_assertion_that_only_an_apply_would_reach():
    source = """
def test_hidden():
    graph = record(build)
    def look(arn):
        assert arn
    graph.arn.apply(look)

def test_seen():
    assert record(build)
"""
    hidden, seen = (node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    assert builds_resources(hidden)
    assert (asserts(hidden), asserts(seen)) == (False, True)


def test_resources_are_built_by_the_recording_harness_alone():
    """A test that used the SDK's own mocks would be outside of what ``conftest.py`` watches."""
    offenders = [
        module.name
        for module in MODULES
        if module != Path(__file__) and {"set_mocks", "pulumi.runtime.test"} & set(dotted_names(module))
    ]
    assert not offenders
    assert sum(builds_resources(test) for module in MODULES for test in functions_of(module)) > 40


def dotted_names(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Attribute | ast.Name):
            yield ast.unparse(node)
