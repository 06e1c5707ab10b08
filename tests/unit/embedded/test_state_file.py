"""The state of a stack on disk: whole at every moment, and what is read is what was written."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from scout.embedded.deploy.graph import Graph, Resource, StateError
from scout.embedded.deploy.journal import Journal


def _graph(*names: str) -> Graph:
    resources = [Resource(f"urn:{name}", "t", name, custom=True, inputs={"n": name}) for name in names]
    return Graph("shop", "dev", "1", "r", "one", resources)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    graph = _graph("a", "b")
    graph.resources[0].condemned = True
    graph.pending["urn:c"] = Resource("urn:c", "t", "c", custom=True, inputs={"list": [1, {"x": None}]})
    graph.outputs = {"url": "ü"}
    graph.save(tmp_path / "deep" / "stack.json")
    assert Graph.load(tmp_path / "deep" / "stack.json") == graph
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["stack.json"]


def test_no_file_is_no_graph(tmp_path: Path) -> None:
    assert Graph.load(tmp_path / "stack.json") is None


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    graph = _graph("a")
    graph.save(path)
    before = path.read_text()
    graph.resources[0].inputs["n"] = object()
    with pytest.raises(TypeError):
        graph.save(path)
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("content", "told"),
    [('{"version": 2}', "format version 2"), ("{}", "no state file"), ("[1]", "no state file"), ("{", "no state file")],
)
def test_what_is_no_graph_is_refused(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "stack.json"
    path.write_text(content)
    with pytest.raises(StateError, match=told):
        Graph.load(path)


class Written:
    """The graph as it was written each time."""

    def __init__(self) -> None:
        self.graphs: list[dict[str, Any]] = []

    def __call__(self, graph: Graph) -> None:
        self.graphs.append(asdict(graph))

    @property
    def names(self) -> list[list[str]]:
        return [[resource["name"] for resource in graph["resources"]] for graph in self.graphs]


def test_each_step_is_written_at_once() -> None:
    graph, written = _graph("old", "gone", "twice"), Written()
    old, gone, twice = graph.resources
    journal = Journal(graph, written)
    new = Resource("urn:new", "t", "new", custom=True)

    journal.begin(new)
    assert list(written.graphs[-1]["pending"]) == ["urn:new"]
    journal.put(new)
    assert written.graphs[-1]["pending"] == {}
    journal.put(old)
    journal.condemn(twice)
    journal.put(Resource("urn:twice", "t", "twice", custom=True, id="2"))
    assert [resource.name for resource in journal.leftovers()] == ["twice", "gone"]
    journal.forget(twice)
    journal.forget(gone)
    journal.close({"x": 1})

    assert written.names == [
        ["old", "gone", "twice"],
        ["new", "old", "gone", "twice"],
        ["new", "old", "gone", "twice"],
        ["new", "old", "gone", "twice"],
        ["new", "old", "twice", "gone", "twice"],
        ["new", "old", "twice", "gone"],
        ["new", "old", "twice"],
        ["new", "old", "twice"],
    ]
    assert written.graphs[-1]["outputs"] == {"x": 1}


def test_a_component_keeps_what_it_registers() -> None:
    graph, written = _graph(), Written()
    journal = Journal(graph, written)
    journal.put(Resource("urn:group", "g", "group", custom=False))
    journal.set_component_outputs("urn:group", {"arn": "x"})
    assert written.graphs[-1]["resources"][0]["outputs"] == {"arn": "x"}


def test_a_creation_that_was_begun_before_is_known() -> None:
    graph = _graph()
    graph.pending["urn:a"] = Resource("urn:a", "t", "a", custom=True)
    journal = Journal(graph, Written())
    assert journal.begun("urn:a")
    journal.begin(Resource("urn:b", "t", "b", custom=True))
    assert not journal.begun("urn:b")
