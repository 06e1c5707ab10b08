"""An engine that speaks the provider protocol as Pulumi's does: its calls, in its order, with its fields.

What it does for each resource is what `generateSteps`, `continueStepsFromDiff` and `calculateDependentReplacements` do
in https://github.com/pulumi/pulumi/blob/master/pkg/resource/deploy/step_generator.go, and the steps in `step.go` beside
it; what it sends is what `sdk/go/common/resource/plugin/provider_plugin.go` sends. It knows of the handlers nothing
but what the protocol tells, and checks in passing what the protocol promises of each answer.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.protobuf import empty_pb2, json_format, struct_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from scout.embedded.deploy.program import Registration, run_program
from scout.embedded.deploy.stack_config import StackConfig

Properties = dict[str, Any]
"""Properties as the engine holds them: JSON values, and objects with a mark for files and secrets."""

MARK = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
ASSET = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SOME = provider_pb2.DiffResponse.DIFF_SOME
NONE = provider_pb2.DiffResponse.DIFF_NONE


class InvalidError(Exception):
    """Check found something wrong: the failures, by property."""

    def __init__(self, failures: dict[str, str]) -> None:
        super().__init__(json.dumps(failures))
        self.failures = failures


@dataclass
class State:
    """A resource in the engine's state."""

    urn: str
    type: str
    custom: bool
    id: str
    inputs: Properties
    outputs: Properties
    dependencies: tuple[str, ...] = ()
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    ignore_changes: tuple[str, ...] = ()
    protect: bool = False
    # It stands, and is not what it should be.
    init_errors: tuple[str, ...] = ()
    # It was deleted for the sake of something else, and its replacement is still to be made.
    pending_replacement: bool = False

    @property
    def name(self) -> str:
        return self.urn.split("::")[3]

    @property
    def all_dependencies(self) -> set[str]:
        return {*self.dependencies, *(urn for urns in self.property_dependencies.values() for urn in urns)}


@dataclass(frozen=True)
class Step:
    """What was done to a resource, or would be."""

    op: str
    name: str
    type: str
    keys: tuple[str, ...] = ()


@dataclass
class Stack:
    """The state of a stack: the provider's configuration, and what stands, dependencies first."""

    provider: Properties | None = None
    resources: dict[str, State] = field(default_factory=dict)
    condemned: list[State] = field(default_factory=list)
    exports: Properties = field(default_factory=dict)

    @property
    def custom(self) -> list[State]:
        return [state for state in self.resources.values() if state.custom]

    def one(self, name: str, kind: str) -> State:
        found = [state for state in self.custom if state.name == name and state.type.endswith(f":{kind}")]
        assert len(found) == 1, (name, kind, found)
        return found[0]


class Connection:
    """One attached provider, as one `pulumi` command has it."""

    def __init__(self, port: int) -> None:
        # Each provider of the engine has a connection of its own; here, channels would share one.
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options)
        self.stub = provider_pb2_grpc.ResourceProviderStub(self._channel)

    def attach(self) -> None:
        handshake = provider_pb2.ProviderHandshakeRequest(
            engine_address="127.0.0.1:1",
            configure_with_urn=True,
            supports_views=True,
            supports_refresh_before_update=True,
        )
        understood = self.stub.Handshake(handshake)
        assert understood.accept_secrets
        assert understood.accept_resources
        self.stub.Attach(plugin_pb2.PluginAttach(address="127.0.0.1:1"))
        assert self.stub.GetPluginInfo(empty_pb2.Empty()).version

    def close(self) -> None:
        # So the engine ends with each provider, also where all went well.
        self.stub.Cancel(empty_pb2.Empty())
        self._channel.close()


class EngineDouble:
    """Runs a program against a provider.

    Args:
        port: Where the provider listens.
        config: The stack's configuration, and where the program is.
    """

    def __init__(self, port: int, config: StackConfig) -> None:
        self.port = port
        self.config = config
        self.stack = Stack()

    # The commands.

    def up(self, *, preview: bool = False, config: StackConfig | None = None) -> list[Step]:
        """`pulumi up`, or `pulumi preview`: what was done to each resource that did not stay the same."""
        with self._attached() as connection:
            run = _Run(connection, config or self.config, self.stack, preview=preview)
            run.configure_provider()
            exports = run_program(run.config, run, preview=preview)
            run.delete_leftovers()
        if not preview:
            self.config = run.config
            self.stack.exports = exports
        return run.steps

    def refresh(self) -> list[Step]:
        """`pulumi refresh`: what differs from the state, which then is as things stand."""
        with self._attached() as connection:
            run = _Run(connection, self.config, self.stack, preview=False)
            run.configure_known_provider()
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(run.refresh, self.stack.custom))
        return run.steps

    def destroy(self) -> list[Step]:
        """`pulumi destroy`: what was deleted."""
        with self._attached() as connection:
            run = _Run(connection, self.config, self.stack, preview=False)
            run.configure_known_provider()
            run.delete_leftovers()
        self.stack.provider = None
        return run.steps

    def import_(self, type_: str, name: str, identifier: str) -> State:
        """`pulumi import`: the resource as it would be in the state."""
        with self._attached() as connection:
            run = _Run(connection, self.config, self.stack, preview=False)
            run.configure_provider()
            return run.import_(type_, name, identifier)

    @contextmanager
    def _attached(self) -> Iterator[Connection]:
        connection = Connection(self.port)
        try:
            connection.attach()
            yield connection
        finally:
            connection.close()


class _Run:
    """One command: an `Engine` for `run_program`."""

    def __init__(self, connection: Connection, config: StackConfig, stack: Stack, *, preview: bool) -> None:
        self.config = config
        self.preview = preview
        self.steps: list[Step] = []
        self._stub = connection.stub
        self._stack = stack
        self._seen: set[str] = set()
        # Deleted earlier in this run, since they depend on something that had to be deleted before it was replaced.
        self._deleted: dict[str, State] = {}
        self._news: dict[str, State] = {}
        self._condemned: list[State] = list(stack.condemned)
        # The step generator is one thread; what it decided on is carried out by many.
        self._generating = threading.RLock()
        self._lock = threading.Lock()

    # The provider resource.

    def configure_provider(self) -> None:
        """What the registry does for the default provider: Check, Diff if there is one, Configure."""
        urn = f"urn:pulumi:{self.config.stack}::{self.config.project}::pulumi:providers:aws::default_7_51_1"
        given = {key.removeprefix("aws:"): value for key, value in self.config.values.items() if key.startswith("aws:")}
        news = given | {"version": "7.51.1"}
        old = self._stack.provider
        checked = self._stub.CheckConfig(
            provider_pb2.CheckRequest(
                urn=urn, name="default_7_51_1", type="pulumi:providers:aws", olds=_struct(old or {}), news=_struct(news)
            )
        )
        if checked.failures:
            raise InvalidError({failure.property: failure.reason for failure in checked.failures})
        inputs = _properties(checked.inputs)
        assert inputs.items() >= news.items()
        if old is not None:
            diff = self._stub.DiffConfig(
                provider_pb2.DiffRequest(
                    urn=urn, type="pulumi:providers:aws", old_inputs=_struct(old), olds=_struct(old),
                    news=_struct(inputs),
                )
            )  # fmt: skip
            assert not diff.replaces, "what is in another region would have to be replaced: not done here"
        self._configure(urn, inputs)
        if not self.preview:
            self._stack.provider = inputs

    def configure_known_provider(self) -> None:
        """What the registry does where no program runs: the provider is as it was."""
        assert self._stack.provider is not None
        self._configure(f"urn:pulumi:{self.config.stack}::x::pulumi:providers:aws::default", self._stack.provider)

    def _configure(self, urn: str, inputs: Properties) -> None:
        variables = {f"aws:config:{key}": str(value) for key, value in inputs.items() if key != "version"}
        answer = self._stub.Configure(
            provider_pb2.ConfigureRequest(
                urn=urn, type="pulumi:providers:aws", id="1", variables=variables, args=_struct(inputs),
                acceptSecrets=True, acceptResources=True, sends_old_inputs=True, sends_old_inputs_to_delete=True,
            )
        )  # fmt: skip
        assert (answer.acceptSecrets, answer.supportsPreview, answer.acceptResources) == (True, True, True)

    # What a program asks for.

    def register(self, registration: Registration) -> tuple[str, Properties]:
        new = self._state_of(registration)
        if not registration.custom:
            with self._lock:
                self._seen.add(new.urn)
                self._news[new.urn] = new
                self._settle(new)
            return "", {}
        with self._generating:
            steps = self._generate(registration, new)
        for step in steps:
            step()
        with self._lock:
            self._news[new.urn] = new
            self._settle(new)
        return new.id, _plain(new.outputs)

    def register_outputs(self, urn: str, outputs: Properties) -> None:
        """Components register theirs; nothing here looks at them."""

    def invoke(self, token: str, arguments: Properties) -> Properties:
        answer = self._stub.Invoke(provider_pb2.InvokeRequest(tok=token, args=_struct(arguments), preview=self.preview))
        assert not answer.failures
        return _properties(getattr(answer, "return"))

    def _state_of(self, registration: Registration) -> State:
        return State(
            urn=registration.urn,
            type=registration.type,
            custom=registration.custom,
            id="",
            inputs=_marked(registration, self.config.directory),
            outputs={},
            dependencies=registration.dependencies,
            property_dependencies=registration.property_dependencies,
            ignore_changes=registration.ignore_changes,
            protect=registration.protect,
        )

    def _generate(self, registration: Registration, new: State) -> list[Callable[[], None]]:
        """Decide what becomes of a resource; return what is to be done, in order."""
        self._seen.add(new.urn)
        goal, recreated = new.inputs, self._deleted.pop(new.urn, None)
        old = next((self._stack.resources[urn] for urn in (new.urn, *registration.aliases)
                    if urn in self._stack.resources), None)  # fmt: skip
        if recreated is not None or old is None:
            new.inputs = self._check(new, goal, None)
            return [lambda: self._create(new, "create" if recreated is None else "replace")]
        new.inputs = self._check(new, goal, old.inputs)
        diff = self._diff(old, new.inputs, new.ignore_changes)
        replaces = {*diff.replaces, *(key for key in diff.diffs if key in registration.replace_on_changes)}
        if diff.changes != SOME and not old.pending_replacement:
            if old.init_errors:
                return [lambda: self._update(old, new, ())]
            new.id, new.outputs = old.id, old.outputs
            return []
        if not replaces and not old.pending_replacement:
            return [lambda: self._update(old, new, tuple(diff.diffs))]
        assert not (new.protect and old.protect), f"{new.urn} is protected"
        new.inputs = self._check(new, goal, None)
        if not diff.deleteBeforeReplace:

            def condemn() -> None:
                self._create(new, "replace")
                with self._lock:
                    self._condemned.append(old)

            return [condemn]
        steps: list[Callable[[], None]] = []
        for dependent in reversed(self._dependent_replacements(old)):
            if dependent.urn not in self._deleted:
                self._deleted[dependent.urn] = dependent
                steps.append(partial(self._delete, dependent, "delete-replaced", pending=True))
        if not old.pending_replacement:
            steps.append(partial(self._delete, old, "delete-replaced", pending=True))
        return [*steps, lambda: self._create(new, "replace")]

    def _dependent_replacements(self, root: State) -> list[State]:
        """Return what cannot outlive a resource, dependencies first: a change of what it gives them replaces them."""
        replaced = {root.urn}
        found = []
        with self._lock:
            standing = self._stack.custom
        for state in standing:
            if state.urn in self._seen or state.urn in replaced:
                continue
            sources = {key for key, urns in state.property_dependencies.items() if replaced & set(urns)}
            if sources:
                unknown = {key: UNKNOWN if key in sources else value for key, value in state.inputs.items()}
                if self._diff(state, unknown, ()).replaces:
                    replaced.add(state.urn)
                    found.append(state)
        return found

    # The calls.

    def _check(self, state: State, news: Properties, olds: Properties | None) -> Properties:
        answer = self._stub.Check(
            provider_pb2.CheckRequest(
                urn=state.urn, name=state.name, type=state.type, olds=None if olds is None else _struct(olds),
                news=_struct(news), randomSeed=secrets.token_bytes(32),
            )
        )  # fmt: skip
        if answer.failures:
            raise InvalidError({failure.property: failure.reason for failure in answer.failures})
        inputs = _properties(answer.inputs)
        # What the program said stays as it said it.
        assert inputs.items() >= news.items()
        return inputs

    def _diff(self, old: State, news: Properties, ignored: Iterable[str]) -> provider_pb2.DiffResponse:
        assert old.id
        answer: provider_pb2.DiffResponse = self._stub.Diff(
            provider_pb2.DiffRequest(
                id=old.id, urn=old.urn, name=old.name, type=old.type, old_inputs=_struct(_elided(old.inputs)),
                olds=_struct(_elided(old.outputs)), news=_struct(_elided(news)), ignoreChanges=list(ignored),
            )
        )  # fmt: skip
        # What the protocol demands of an answer; see the comment on `DiffResponse`.
        assert answer.changes in (SOME, NONE)
        assert (answer.changes == SOME) == bool(answer.diffs)
        assert len(set(answer.diffs)) == len(answer.diffs)
        if answer.hasDetailedDiff:
            tops = {path.replace("[", ".").split(".")[0] for path in answer.detailedDiff}
            assert tops == set(answer.diffs)
        assert set(answer.replaces) <= set(answer.diffs)
        return answer

    def _create(self, new: State, op: str) -> None:
        request = provider_pb2.CreateRequest(
            urn=new.urn, name=new.name, type=new.type, properties=_struct(new.inputs), preview=self.preview
        )
        try:
            answer = self._stub.Create(request)
        except grpc.RpcError as error:
            if failure := _init_failure(error):
                new.id, new.outputs = failure.id, _properties(failure.properties)
                new.init_errors = tuple(failure.reasons)
                with self._lock:
                    self._settle(new)
            raise
        new.id, new.outputs = answer.id, _properties(answer.properties)
        if self.preview:
            assert new.id == ""
        else:
            assert new.id
            assert UNKNOWN not in json.dumps(new.outputs)
        self._note(op, new)

    def _update(self, old: State, new: State, keys: tuple[str, ...]) -> None:
        answer = self._stub.Update(
            provider_pb2.UpdateRequest(
                id=old.id, urn=new.urn, name=new.name, type=new.type, olds=_struct(_elided(old.outputs)),
                old_inputs=_struct(_elided(old.inputs)), news=_struct(new.inputs), preview=self.preview,
                ignoreChanges=list(new.ignore_changes),
            )
        )  # fmt: skip
        new.id, new.outputs = old.id, _properties(answer.properties)
        assert self.preview or UNKNOWN not in json.dumps(new.outputs)
        self._note("update", new, keys)

    def _delete(self, old: State, op: str, *, pending: bool = False) -> None:
        assert not (old.protect and op == "delete"), f"{old.urn} is protected"
        if not self.preview:
            self._stub.Delete(
                provider_pb2.DeleteRequest(
                    id=old.id, urn=old.urn, name=old.name, type=old.type, properties=_struct(_elided(old.outputs)),
                    old_inputs=_struct(_elided(old.inputs)),
                )
            )  # fmt: skip
            with self._lock:
                if pending:
                    self._stack.resources[old.urn] = replace(old, pending_replacement=True)
                elif self._stack.resources.get(old.urn) is old:
                    del self._stack.resources[old.urn]
        if op == "delete":
            self._note(op, old)

    def refresh(self, old: State) -> None:
        if old.pending_replacement:
            return
        answer = self._stub.Read(
            provider_pb2.ReadRequest(
                id=old.id, urn=old.urn, name=old.name, type=old.type, properties=_struct(_elided(old.outputs)),
                inputs=_struct(_elided(old.inputs)),
            )
        )  # fmt: skip
        if not answer.id:
            assert not answer.HasField("properties")
            with self._lock:
                del self._stack.resources[old.urn]
            self._note("delete", old)
            return
        new = replace(
            old,
            id=answer.id,
            inputs=_restored(_properties(answer.inputs), old.inputs),
            outputs=_restored(_properties(answer.properties), old.inputs),
        )
        assert UNKNOWN not in json.dumps([new.inputs, new.outputs])
        # What an `up` would do after this refresh; the other way round it is what has drifted.
        diff = self._diff(new, old.inputs, old.ignore_changes)
        with self._lock:
            self._stack.resources[old.urn] = new
        if diff.changes == SOME:
            self._note("update", new, tuple(diff.diffs))
        else:
            # An engine can be told to take any difference of the outputs for a drift.
            assert (new.inputs, new.outputs) == (old.inputs, old.outputs)

    def import_(self, type_: str, name: str, identifier: str) -> State:
        urn = f"urn:pulumi:{self.config.stack}::{self.config.project}::{type_}::{name}"
        answer = self._stub.Read(
            provider_pb2.ReadRequest(id=identifier, urn=urn, name=name, type=type_, properties=_struct({}))
        )
        assert answer.HasField("properties"), f"resource '{identifier}' does not exist"
        assert answer.HasField("inputs")
        state = State(
            urn, type_, custom=True, id=answer.id, inputs=_properties(answer.inputs),
            outputs=_properties(answer.properties),
        )  # fmt: skip
        state.inputs = self._check(state, state.inputs, state.inputs)
        return state

    # The end of a program.

    def delete_leftovers(self) -> None:
        """Delete what was not asked for, and what has been replaced: dependents first, the independent at once."""
        left = [state for state in self._stack.resources.values() if state.urn not in self._seen]
        gone = [state for state in left if state.pending_replacement or not state.custom]
        waiting: list[tuple[State, str]] = [(state, "delete-replaced") for state in self._condemned]
        waiting += [(state, "delete") for state in left if state not in gone]
        if not self.preview:
            for state in gone:
                del self._stack.resources[state.urn]
        while waiting:
            needed = {urn for state, _ in waiting for urn in self._above(state)}
            ready = [(state, op) for state, op in waiting if op == "delete-replaced" or state.urn not in needed]
            assert ready
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda item: self._delete(*item), ready))
            waiting = [item for item in waiting if item not in ready]
        if not self.preview:
            self._stack.condemned = []

    def _above(self, state: State) -> set[str]:
        """Return all that a resource depends on, at whatever distance."""
        known = {**self._stack.resources}
        found: set[str] = set()
        waiting = [*state.all_dependencies]
        while waiting:
            urn = waiting.pop()
            if urn not in found:
                found.add(urn)
                waiting += known[urn].all_dependencies if urn in known else []
        return found

    def _settle(self, new: State) -> None:
        if not self.preview:
            self._stack.resources.pop(new.urn, None)
            self._stack.resources[new.urn] = new

    def _note(self, op: str, state: State, keys: tuple[str, ...] = ()) -> None:
        with self._lock:
            self.steps.append(Step(op, state.name, state.type.rpartition(":")[2], keys))


def _init_failure(error: grpc.RpcError) -> provider_pb2.ErrorResourceInitFailed | None:
    """Return what an error says of a resource that stands all the same."""
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                failure = provider_pb2.ErrorResourceInitFailed()
                if detail.Unpack(failure):
                    return failure
    return None


# How the engine writes and reads values.


def _struct(properties: Properties) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(properties)
    return struct


def _properties(struct: struct_pb2.Struct) -> Properties:
    read: Properties = json_format.MessageToDict(struct)
    return read


def _marked(registration: Registration, directory: Path) -> Properties:
    """Return the inputs of a registration as the engine holds them, with their marks."""
    marked = {key: _file(key, value, directory) for key, value in registration.inputs.items()}
    return {
        key: {MARK: SECRET, "value": value} if key in registration.secrets else value for key, value in marked.items()
    }


def _file(key: str, value: Any, directory: Path) -> Any:
    if not (isinstance(value, dict) and value.keys() == {"path", "sha256"}):
        return value
    path = Path(value["path"])
    relative = path.relative_to(directory) if path.is_relative_to(directory) else path
    # The program gives code as archives, and what it uploads as assets.
    return {MARK: ARCHIVE if key == "code" else ASSET, "path": str(relative), "hash": value["sha256"]}


def _elided(value: Any) -> Any:
    """Return properties as the engine sends them where the contents of files do not matter."""
    if isinstance(value, dict):
        if value.get(MARK) in (ASSET, ARCHIVE):
            return {MARK: value[MARK], "hash": value["hash"]}
        return {key: _elided(item) for key, item in value.items()}
    return [_elided(item) for item in value] if isinstance(value, list) else value


def _restored(value: Any, original: Any) -> Any:
    """Return properties with the files that an answer has only echoed."""
    known = {json.dumps(_elided(file), sort_keys=True): file for file in _files(original)}
    if isinstance(value, dict):
        if value.get(MARK) in (ASSET, ARCHIVE):
            return known.get(json.dumps(value, sort_keys=True), value)
        return {key: _restored(item, original) for key, item in value.items()}
    return [_restored(item, original) for item in value] if isinstance(value, list) else value


def _files(value: Any) -> Iterator[Properties]:
    if isinstance(value, dict):
        if value.get(MARK) in (ASSET, ARCHIVE):
            yield value
        else:
            for item in value.values():
                yield from _files(item)


def _plain(value: Any) -> Any:
    """Return outputs as the program gets them: without marks, and files left out."""
    if isinstance(value, dict):
        if value.get(MARK) == SECRET:
            return _plain(value["value"])
        return {key: _plain(item) for key, item in value.items() if not _is_file(item)}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _is_file(value: Any) -> bool:
    return isinstance(value, dict) and value.get(MARK) in (ASSET, ARCHIVE)
