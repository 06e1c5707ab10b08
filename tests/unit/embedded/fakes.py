"""A world of things that stands in for AWS: what the handlers would call, and nothing of what calls them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from scout.embedded.deploy.commands import DeployResult, deploy, destroy
from scout.embedded.deploy.deployment import Event, Stage
from scout.embedded.deploy.diff import Op
from scout.embedded.deploy.graph import Graph
from scout.embedded.resources import AwsContext, Handler, JsonObject, Refused
from scout.embedded.resources.outcomes import Absent
from scout.embedded.resources.values import Problem

PRELUDE = """
import pulumi

config = pulumi.Config()

class Thing(pulumi.CustomResource):
    arn: pulumi.Output[str]
    serial: pulumi.Output[int]

    def __init__(self, name, opts=None, kind="Thing", **inputs):
        outputs = {"arn": None, "serial": None}
        super().__init__(f"test:index:{kind}", name, {"name": name, **outputs, **inputs}, opts)

class Group(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("test:index:Group", name, {}, opts)
"""


CHAIN = """
a = Thing("a", size=1)
b = Thing("b", link=a.arn)
c = Thing("c", link=b.arn)
pulumi.export("c", c.arn)
"""

PARTS = """
box = Thing("box", text="{text}")
lid = Thing("lid", inside=box.id, size=1)
label = Thing("label", inside=lid.id)
note = Thing("note", link=box.arn, opts=pulumi.ResourceOptions(depends_on=[lid]))
"""

NUMBERED = """
layer = Thing("layer", kind="Numbered", size={size})
user = Thing("user", link=layer.arn)
"""


@dataclass
class Endpoint:
    """An endpoint that nothing is sent to."""

    instance: str = "first"
    region: str = "eu-north-1"

    def session(self, account_id: str, region: str | None = None) -> boto3.Session:
        return boto3.Session(aws_access_key_id=account_id, aws_secret_access_key="none", region_name=region)


@dataclass
class Store:
    """All things that exist, and every change that was asked for.

    Attributes:
        things: The inputs of each thing, by its id.
        calls: What was changed, in order, as in `create queue`.
        refused: The names of things that the store refuses to make or change.
        cut_off: The names of things after whose making the lights go out.
    """

    things: dict[str, JsonObject] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    cut_off: set[str] = field(default_factory=set)
    made: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, action: str, name: str) -> None:
        with self.lock:
            self.calls.append(f"{action} {name}")
        if name in self.refused:
            raise Refused("Refused", f"no {name} today")


class Thing(Handler):
    """A thing with a name, a size, links to others, and `inside`, which says what other thing it is a part of."""

    resource_type = "test:index:Thing"
    arguments = frozenset({"name", "size", "link", "inside", "text", "data", "code"})
    required = frozenset({"name"})
    replace_on = frozenset({"name", "inside", "text"})
    assigned = frozenset({"serial"})
    volatile = frozenset({"revision"})

    def __init__(self, store: Store) -> None:
        self.store = store

    def _problems(self, inputs: JsonObject) -> list[Problem]:
        return [Problem("size", "the argument `size` is negative")] if inputs.get("size") == -1 else []

    def _expected(self, inputs: JsonObject, ctx: AwsContext) -> tuple[str, JsonObject]:
        return inputs["name"], {"arn": f"arn:{ctx.account}:{inputs['name']}", "serial": 0, "revision": "0"}

    def _create(self, inputs: JsonObject, ctx: AwsContext) -> str:
        name = inputs["name"]
        self.store.note("create", name)
        with self.store.lock:
            self.store.made += 1
            identifier = self._identifier(name)
            assert identifier not in self.store.things, f"{identifier} exists"
            self.store.things[identifier] = {"serial": self.store.made, "revision": 0, **inputs}
        if name in self.store.cut_off:
            raise RuntimeError("power cut")
        return identifier

    def _identifier(self, name: str) -> str:
        return name

    def _attributes(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        if identifier not in self.store.things:
            raise Absent(identifier)
        held = self.store.things[identifier]
        return {
            "arn": f"arn:{ctx.account}:{identifier}",
            "serial": held["serial"],
            "revision": str(held["revision"]),
        }

    def _identify(self, identifier: str) -> JsonObject:
        return {"name": identifier}

    def _held(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> JsonObject:
        if identifier not in self.store.things:
            raise Absent(identifier)
        return self.store.things[identifier]

    def _update(self, identifier: str, old: JsonObject, new: JsonObject, ctx: AwsContext) -> None:
        self.store.note("update", new["name"])
        held = self.store.things[identifier]
        self.store.things[identifier] = {"serial": held["serial"], "revision": held["revision"] + 1, **new}

    def _delete(self, identifier: str, inputs: JsonObject, ctx: AwsContext) -> None:
        parts = [name for name, thing in self.store.things.items() if thing.get("inside") == inputs["name"]]
        self.store.note("delete", inputs["name"])
        if parts:
            raise Refused("NotEmpty", f"{inputs['name']} holds {parts[0]}")
        self.store.things.pop(identifier, None)


class Numbered(Thing):
    """A thing of which several can exist, each with a number; none ever changes."""

    resource_type = "test:index:Numbered"
    replace_on = Thing.arguments
    owns_name = False
    coexists = True
    assigned = frozenset({"serial", "id", "arn"})

    def _identifier(self, name: str) -> str:
        return f"{name}:{self.store.made}"


@dataclass
class Project:
    """A Pulumi project in a folder of its own, deployed to a store."""

    directory: Path
    store: Store = field(default_factory=Store)
    endpoint: Endpoint = field(default_factory=Endpoint)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.directory.mkdir(exist_ok=True)
        (self.directory / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        self.configure()

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {handler.resource_type: handler for handler in (Thing(self.store), Numbered(self.store))}

    @property
    def state_file(self) -> Path:
        return self.directory / "state" / "dev" / "stack.json"

    def configure(self, text: str = "config: {}") -> None:
        (self.directory / "Pulumi.dev.yaml").write_text(text)

    def program(self, text: str) -> None:
        (self.directory / "__main__.py").write_text(PRELUDE + text)

    def up(self, program: str | None = None, *, preview: bool = False, **options: Any) -> DeployResult:
        """Deploy the program, a new one if it is given. Calls and events are those of this deployment."""
        if program is not None:
            self.program(program)
        self.store.calls.clear()
        self.events.clear()
        return deploy(
            self.directory,
            "dev",
            self.endpoint,
            self.directory / "state",
            account="111122223333",
            preview=preview,
            on_event=self.events.append,
            handlers=self.handlers,
            **options,
        )

    def down(self) -> DeployResult:
        self.store.calls.clear()
        return destroy("dev", self.endpoint, self.directory / "state", handlers=self.handlers)


def ops(result: DeployResult) -> dict[str, Op]:
    """Return what was done to each resource, by name; what stayed the same is left out."""
    return {change.name: change.op for change in result.changes if change.op is not Op.SAME}


def failures(events: list[Event]) -> list[str]:
    return [event.change.name for event in events if event.stage is Stage.FAILED]


def graph_of(project: Project) -> Graph:
    """Return what the state file holds."""
    graph = Graph.load(project.state_file)
    assert graph is not None
    return graph
