"""Zips are within their budgets, and hold no packages of this project that their functions do not use."""

from __future__ import annotations

import ast
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from artifacts import Builder
from tests.budgets import BUDGETS, FUNCTIONS, LAYERS
from tests.unit.pulumi_support import ROOT

# Of a function and its layers, unzipped (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
MOST_UNZIPPED_BYTES = 250 * 1024 * 1024
MOST_LAYERS = 5


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return Builder(ROOT, Path(os.path.relpath(tmp_path_factory.mktemp("zips"), ROOT)))


def test_each_function_and_each_layer_has_a_budget():
    assert set(BUDGETS.functions) == {function.name for function in FUNCTIONS}
    assert set(BUDGETS.layers) == set(LAYERS)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_a_function_is_within_its_budget_and_with_its_layers_within_lambdas(builder, function):
    path = ROOT / builder.function(function.name, function.all_packages).path
    zip_kb, budget = path.stat().st_size / 1000, BUDGETS.functions[function.name]
    assert zip_kb <= budget.zip_kb
    with zipfile.ZipFile(path) as archive:
        own = sum(info.file_size for info in archive.infolist())
    # Each layer is held to its budget where it is built.
    layers = sum(BUDGETS.layers[layer].unzipped_mb for layer in function.layers) * 1e6
    assert own + layers <= MOST_UNZIPPED_BYTES
    assert len(function.layers) <= MOST_LAYERS


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_a_function_holds_all_that_it_uses_and_no_package_that_it_does_not_use(function):
    used = used_by(function.handler.rpartition(".")[0])
    held = {name for package in function.all_packages for name in modules_below(package)}
    assert used <= held
    idle = [package for package in function.all_packages if not used & set(modules_below(package))]
    assert not idle


def modules_below(package: str) -> Iterator[str]:
    path = ROOT / package
    for file in [path] if path.is_file() else path.rglob("*.py"):
        yield file.relative_to(ROOT).as_posix().removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def used_by(handler: str) -> set[str]:
    """The modules of this project that a handler imports, at once or once it works, and those that they import."""
    found: set[str] = set()
    seen = [handler]
    while seen:
        module = seen.pop()
        path = ROOT / module.replace(".", "/")
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if module not in found and file.is_file():
            found.add(module)
            parent = module.rpartition(".")[0]
            seen += [*imported(ast.parse(file.read_text(encoding="utf-8"))), *([parent] if parent else [])]
    return found


def imported(tree: ast.AST) -> Iterator[str]:
    """What a source names in imports, but for those that only a type checker sees."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("lambdas"))
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("lambdas"):
            # What is imported may be a module itself.
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        else:
            yield from imported(node)
