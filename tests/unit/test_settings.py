"""Settings: what a stack may say, what it gets by default, and how each mistake is named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lambdas.contracts.connectors import Connector
from lambdas.contracts.defaults import RunDefaults
from settings import ConfigError, Settings, TokenBuckets, stack_config_schema
from settings import stack as stack_settings
from tests.unit.pulumi_support import PROJECT, ROOT, stack_config
from workflow.city_states import IMPLEMENTED_REAL, CityState, StateMode
from workflow.retries import STATE_RETRIES

ALL_MOCK = dict.fromkeys((state.value for state in CityState), "mock")
DECLARED = set(yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"])
STACKS = ("all-real", "dev", "mixed-mock-real", "mock")


def load(stack: str = "test", **sections: Any) -> Settings:
    return Settings.load(PROJECT, stack, config(**sections))


def config(**sections: Any) -> dict[str, str]:
    """Configuration as the engine hands it over: text, and objects as JSON."""
    values = {"states": ALL_MOCK} | sections
    own = {f"{PROJECT}:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    return {"aws:region": "us-east-1"} | own


def problems(values: Mapping[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        Settings.load(PROJECT, "test", values)
    first, *lines = str(refused.value).splitlines()
    assert first == "the configuration of stack 'test' is wrong:"
    return [line.strip() for line in lines]


class TestDefaults:
    def test_what_a_stack_gets_that_names_only_its_states(self):
        settings = load()
        assert settings.region == "us-east-1"
        assert settings.retry == STATE_RETRIES
        assert settings.split_ratio == 0.7
        assert settings.force_destroy is False
        assert settings.encryption.kms is False
        assert settings.lifecycle.model_dump() == {
            "executions": 7, "glue_temp": 7, "raw_google": 30, "raw_open_data": 90, "raw_llm": 90, "raw_html": 90,
            "extracted": 90, "manifests": 90, "ledger": 90, "incomplete_uploads": 1, "noncurrent_versions": 7,
        }  # fmt: skip
        assert settings.observability.model_dump() == {
            "log_level": "OFF",
            "include_execution_data": False,
            "tracing": False,
        }
        assert settings.concurrency.model_dump(by_alias=True) == {
            "web.fetch": 8,
            "extract.llm": 4,
            "geocode.validate": 4,
            "maps.expand_neighbors": 6,
            "maps.tile_sweep": 6,
        }
        assert (settings.frontier.batch_size, settings.frontier.max_receive_count) == (10, 5)
        assert (settings.functions.architecture, settings.functions.log_retention_days) == ("arm64", 30)

    def test_the_retries_of_each_state(self):
        retries = {
            state.value: (policy.interval_seconds, policy.backoff_rate, policy.max_attempts)
            for state, policy in load().retry.items()
        }
        discovery = ("DiscoverWebSources", "DiscoverTargets", "SeedPrimaries", "ExpandNeighbors", "TileSweep")
        finalization = ("DedupeCanonicalize", "Persist", "Rank", "Finalize")
        assert retries == {
            **dict.fromkeys(discovery, (2, 2.0, 3)),
            "WebFetch": (1, 2.0, 4),
            "ExtractWithLLM": (2, 2.0, 3),
            "GeocodeValidate": (1, 2.0, 3),
            **dict.fromkeys(finalization, (1, 2.0, 3)),
        }

    def test_rate_limits_are_those_of_the_functions(self):
        defaults, own = RunDefaults(), RunDefaults.model_validate_json(json.dumps(load().run_defaults()))
        assert own.token_buckets == defaults.token_buckets
        assert own.split_ratio == defaults.split_ratio
        assert own.ledger_days == defaults.ledger_days
        assert set(TokenBuckets().model_dump(by_alias=True)) == {connector.value for connector in Connector}

    def test_flat_defaults_stand_in_pulumi_yaml_as_here(self):
        declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
        settings = load()
        flat = {key: entry["default"] for key, entry in declared.items() if entry.get("default", {}) != {}}
        assert {key: str(getattr(settings, key)) for key in flat} == {key: str(value) for key, value in flat.items()}
        assert set(flat) == {"split_ratio", "finalize_reserve_seconds", "force_destroy"}

    def test_pulumi_yaml_declares_every_key(self):
        declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
        fields = {field.alias or name for name, field in Settings.model_fields.items()} - {"project", "stack"}
        assert set(declared) == fields
        types = {entry["type"] for key, entry in declared.items() if ":" not in key}
        # The engine refuses any other, `number` among them.
        assert types <= {"string", "integer", "boolean", "array", "object"}


class TestValues:
    def test_a_stack_lays_its_values_over_the_defaults_key_by_key(self):
        settings = load(lifecycle={"executions": 3}, retry={"Rank": {"max_attempts": 7}}, concurrency={"web.fetch": 2})
        assert (settings.lifecycle.executions, settings.lifecycle.extracted) == (3, 90)
        assert settings.retry[CityState.RANK] == STATE_RETRIES[CityState.RANK].model_copy(update={"max_attempts": 7})
        assert settings.retry[CityState.PERSIST] == STATE_RETRIES[CityState.PERSIST]
        assert (settings.concurrency.web_fetch, settings.concurrency.extract_llm) == (2, 4)

    def test_the_concurrency_of_the_environment_lies_over_the_stacks(self):
        given = config(concurrency={"web.fetch": 2, "extract.llm": 3})
        environ = {"CONCURRENCY_WEB_FETCH": "5", "CONCURRENCY_MAPS_TILE_SWEEP": "1", "CONCURRENCY_OF_OTHERS": "x"}
        concurrency = Settings.load(PROJECT, "test", given, environ).concurrency
        assert (concurrency.web_fetch, concurrency.extract_llm, concurrency.tile_sweep) == (5, 3, 1)

    @pytest.mark.parametrize("value", ["0", "many", ""])
    def test_a_wrong_concurrency_in_the_environment_is_refused(self, value):
        with pytest.raises(ConfigError, match=r"concurrency\.web\.fetch"):
            Settings.load(PROJECT, "test", config(), {"CONCURRENCY_WEB_FETCH": value})

    def test_fractions_may_come_as_text(self):
        settings = load(split_ratio="0.25", retry={"Rank": {"backoff_rate": "1.5"}})
        assert settings.split_ratio == 0.25
        assert settings.retry[CityState.RANK].backoff_rate == 1.5

    def test_a_cost_center_may_be_a_number(self):
        assert load(tags={"cost_center": 4711}).tags.cost_center == "4711"

    def test_flags_and_numbers_come_as_text_at_the_top_level(self):
        settings = load(force_destroy="true", finalize_reserve_seconds="60")
        assert settings.force_destroy is True
        assert settings.finalize_reserve_seconds == 60

    def test_a_bare_off_in_yaml_is_taken_for_what_was_meant(self):
        assert load(observability={"log_level": False}).observability.log_level == "OFF"

    def test_settings_cannot_be_changed(self):
        with pytest.raises(ValueError, match="frozen"):
            load().force_destroy = True  # type: ignore[misc]

    def test_the_least_mean_of_waits_keeps_six_hours_of_them_in_an_executions_history(self):
        assert load().frontier.mean_poll_seconds == 40
        assert load(frontier={"max_poll_seconds": 45}).frontier.mean_poll_seconds == 30
        assert load(frontier={"max_poll_seconds": 300}).frontier.mean_poll_seconds == 40


class TestStates:
    def test_the_twelve_are_in_the_order_of_the_workflow(self):
        shuffled = dict(sorted(ALL_MOCK.items()))
        assert list(load(states=shuffled).states) == list(CityState)

    def test_a_missing_state_is_named(self):
        states = {key: value for key, value in ALL_MOCK.items() if key != "Rank"}
        assert problems(config(states=states)) == ["data-scout:states.Rank: is missing; valid are 'mock' and 'real'"]

    def test_an_unknown_state_is_named_with_the_valid_ones(self):
        (problem,) = problems(config(states=ALL_MOCK | {"Rnk": "mock"}))
        assert problem.startswith("data-scout:states.Rnk: no such key; valid are ")
        assert all(repr(state.value) in problem for state in CityState)

    @pytest.mark.parametrize("value", ["maybe", "Mock", "", None, True, 1, ["real"]])
    def test_a_wrong_value_is_named_with_the_valid_ones(self, value):
        assert problems(config(states=ALL_MOCK | {"Rank": value})) == [
            f"data-scout:states.Rank: {value!r} is not valid; valid are 'mock' or 'real'"
        ]

    def test_real_without_an_implementation_is_refused_by_name(self, monkeypatch):
        monkeypatch.setattr(stack_settings, "IMPLEMENTED_REAL", IMPLEMENTED_REAL - {CityState.RANK})
        (problem,) = problems(config(states=ALL_MOCK | {"Rank": "real"}))
        only = ", ".join(sorted(IMPLEMENTED_REAL - {CityState.RANK}))
        assert problem.startswith(f"data-scout:states.Rank: has no real implementation yet (only {only})")

    def test_every_state_can_be_real(self):
        states = load(states=dict.fromkeys(ALL_MOCK, "real")).states
        assert states == dict.fromkeys(CityState, StateMode.REAL)

    def test_a_key_with_a_dot_in_its_name_is_refused_with_what_was_meant(self):
        values = config() | {"data-scout:states.Rank": "real"}
        (problem,) = problems(values)
        assert problem == (
            "data-scout:states.Rank: is one key with a dot in its name. Write 'Rank' below data-scout:states, or set it"
            " with: pulumi config set --path 'data-scout:states.Rank' VALUE"
        )

    def test_no_states_at_all(self):
        values = {key: value for key, value in config().items() if key != "data-scout:states"}
        assert problems(values) == ["data-scout:states: is missing"]


class TestMistakes:
    def test_an_unknown_key_is_named_with_the_valid_ones(self):
        (problem,) = problems(config(force_destory="true"))
        assert problem == (
            "data-scout:force_destory: no such key; valid are states, lifecycle, retry, concurrency, token_buckets,"
            " split_ratio, finalize_reserve_seconds, observability, encryption, lambda, frontier, connectors,"
            " finalization, pipelines, tags, force_destroy"
        )

    @pytest.mark.parametrize(
        ("section", "value", "key", "valid"),
        [
            ("lifecycle", {"excutions": 1}, "lifecycle.excutions", "executions"),
            ("lambda", {"arch": "arm64"}, "lambda.arch", "architecture"),
            ("concurrency", {"web_fetch": 1}, "concurrency.web_fetch", "web.fetch"),
            ("retry", {"Rank": {"attempts": 1}}, "retry.Rank.attempts", "max_attempts"),
            ("retry", {"Rnk": {}}, "retry.Rnk", "'Rank'"),
            ("token_buckets", {"otm": {"capacity": 1, "refill": 1, "size": 1}}, "token_buckets.otm.size", "capacity"),
        ],
    )
    def test_an_unknown_nested_key_is_named_with_the_valid_ones(self, section, value, key, valid):
        (problem,) = problems(config(**{section: value}))
        assert problem.startswith(f"data-scout:{key}: no such key; valid are ")
        assert valid in problem

    @pytest.mark.parametrize(
        ("section", "value", "key"),
        [
            ("split_ratio", "1.5", "split_ratio"),
            ("split_ratio", "nan", "split_ratio"),
            ("split_ratio", "much", "split_ratio"),
            ("force_destroy", "perhaps", "force_destroy"),
            ("finalize_reserve_seconds", "0", "finalize_reserve_seconds"),
            ("lifecycle", {"executions": 0}, "lifecycle.executions"),
            ("lifecycle", {"executions": "a week"}, "lifecycle.executions"),
            ("lifecycle", [], "lifecycle"),
            ("lifecycle", "{not json", "lifecycle"),
            ("lifecycle", '{"executions": NaN}', "lifecycle"),
            ("retry", {"Rank": 3}, "retry.Rank"),
            ("retry", {"Rank": {"backoff_rate": 0.5}}, "retry.Rank.backoff_rate"),
            ("retry", {"Rank": {"interval_seconds": 60}}, "retry.Rank"),
            ("retry", {"Rank": {"max_delay_seconds": 31_622_400}}, "retry.Rank.max_delay_seconds"),
            ("observability", {"log_level": "DEBUG"}, "observability.log_level"),
            ("lambda", {"log_retention_days": 8}, "lambda.log_retention_days"),
            ("frontier", {"batch_size": 11}, "frontier.batch_size"),
            ("frontier", {"max_poll_seconds": 10}, "frontier.max_poll_seconds"),
            ("finalization", {"dedupe": {"max_lambda_records": 2_000_000}}, "finalization.dedupe.max_lambda_records"),
            ("finalization", {"dedupe": {"max_lambda_records": -1}}, "finalization.dedupe.max_lambda_records"),
            ("finalization", {"dedupe": {"workers": 1}}, "finalization.dedupe.workers"),
            ("finalization", {"dedupe": {"worker_type": "G.3X"}}, "finalization.dedupe.worker_type"),
            ("finalization", {"dedupe": {"timeout_minutes": 2_000}}, "finalization.dedupe.timeout_minutes"),
            ("tags", {"owner": ""}, "tags.owner"),
            ("tags", {"cost_center": "<script>"}, "tags.cost_center"),
            ("token_buckets", {"otm": {"capacity": 5}}, "token_buckets.otm.refill"),
        ],
    )
    def test_a_wrong_value_is_named(self, section, value, key):
        (problem,) = problems(config(**{section: value}))
        assert problem.startswith(f"data-scout:{key}: ")

    @pytest.mark.parametrize("region", [None, "", "London", "us-east"])
    def test_a_region_is_needed(self, region):
        values = {key: value for key, value in config().items() if key != "aws:region"}
        (problem,) = problems(values if region is None else values | {"aws:region": region})
        assert problem.startswith("aws:region: ")

    def test_all_mistakes_are_said_at_once(self):
        values = config(states=ALL_MOCK | {"Rank": "maybe"}, tags={"owner": ""}, nothing="1")
        assert {problem.partition(": ")[0] for problem in problems(values)} == {
            "data-scout:states.Rank",
            "data-scout:tags.owner",
            "data-scout:nothing",
        }

    @pytest.mark.parametrize("key", ["project", "stack", "region", "aws:region", "functions", "states "])
    def test_what_is_no_key_of_the_project_is_refused_under_its_namespace(self, key):
        (problem,) = problems(config() | {f"{PROJECT}:{key}": "x"})
        assert problem.startswith(f"data-scout:{key}: no such key; valid are states, ")

    def test_keys_of_others_are_left_alone(self):
        assert (
            load().model_dump()
            == Settings.load(PROJECT, "test", config() | {"aws:profile": "me", "x:y": "1"}).model_dump()
        )


class TestProperties:
    @given(st.dictionaries(st.sampled_from(list(CityState)), st.sampled_from(["mock", "real", "on", ""]), max_size=12))
    def test_states_are_taken_only_if_all_are_there_and_can_be_deployed(self, states):
        good = set(states) == set(CityState) and all(
            mode == "mock" or (mode == "real" and state in IMPLEMENTED_REAL) for state, mode in states.items()
        )
        if good:
            assert load(states=states).states == {state: StateMode(states[state]) for state in CityState}
        else:
            named = "\n".join(problems(config(states=states)))
            wrong = [state for state in CityState if states.get(state, "") not in {"mock", "real"}]
            assert all(f"data-scout:states.{state}: " in named for state in wrong)

    @given(st.text(st.characters(categories=["L", "N", "P"]), min_size=1).filter(lambda key: key not in DECLARED))
    def test_no_unknown_key_is_taken(self, key):
        (problem,) = problems(config() | {f"{PROJECT}:{key}": "1"})
        assert problem.startswith(f"data-scout:{key}: ")

    @given(days=st.integers(), ratio=st.floats())
    def test_numbers_are_taken_within_their_bounds_and_kept_exactly(self, days, ratio):
        values = config(lifecycle={"extracted": days}, split_ratio=repr(ratio))
        if 1 <= days <= 3650 and 0 <= ratio <= 1:
            settings = Settings.load(PROJECT, "test", values)
            assert (settings.lifecycle.extracted, settings.split_ratio) == (days, ratio)
        else:
            assert problems(values)

    @given(seconds=st.integers(45, 300))
    def test_waits_leave_room_in_an_executions_history(self, seconds):
        assert 30 <= load(frontier={"max_poll_seconds": seconds}).frontier.mean_poll_seconds <= seconds


class TestStackFiles:
    @pytest.mark.parametrize("stack", STACKS)
    def test_each_points_editors_to_the_schema_and_keeps_it(self, stack):
        text = (ROOT / f"Pulumi.{stack}.yaml").read_text()
        assert text.startswith("# yaml-language-server: $schema=schemas/stack-config.schema.json\n")
        jsonschema.Draft202012Validator(stack_config_schema()).validate(yaml.safe_load(text))
        assert set(yaml.safe_load(text)) == {"config"}

    def test_these_are_all_stacks(self):
        assert sorted(path.name for path in ROOT.glob("Pulumi.*.yaml")) == [f"Pulumi.{stack}.yaml" for stack in STACKS]

    def test_what_each_is_for(self):
        modes = {
            stack: sorted(state for state, mode in json.loads(values["data-scout:states"]).items() if mode == "real")
            for stack in STACKS
            for values in [stack_config(stack)]
        }
        assert modes == {
            "all-real": sorted(state.value for state in CityState),
            "dev": [],
            "mixed-mock-real": ["DedupeCanonicalize", "Finalize", "Persist", "Rank", "TileSweep"],
            "mock": [],
        }
        dev = Settings.load(PROJECT, "dev", stack_config("dev"))
        assert dev.observability.model_dump() == {
            "log_level": "ALL",
            "include_execution_data": True,
            "tracing": True,
        }
        mixed = Settings.load(PROJECT, "mixed-mock-real", stack_config("mixed-mock-real"))
        assert mixed.observability.log_level == "OFF"


class TestSchema:
    def test_the_committed_schema_is_fresh(self):
        committed = json.loads((ROOT / "schemas" / "stack-config.schema.json").read_text())
        assert committed == stack_config_schema()

    def test_it_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(stack_config_schema())

    @pytest.mark.parametrize(
        "change",
        [
            {"data-scout:states": {"Rank": "mock"}},
            {"data-scout:states": ALL_MOCK | {"Rank": "maybe"}},
            {"data-scout:states": ALL_MOCK | {"Rnk": "mock"}},
            {"data-scout:lifecycle": {"excutions": 1}},
            {"data-scout:frontier": {"batch_size": 11}},
            {"data-scout:retry": {"Rank": {"attempts": 1}}},
            {"data-scout:nothing": 1},
            {"states": ALL_MOCK},
        ],
    )
    def test_it_marks_what_the_program_refuses(self, change):
        document = {"config": {"data-scout:states": ALL_MOCK} | change}
        assert list(jsonschema.Draft202012Validator(stack_config_schema()).iter_errors(document))

    def test_it_takes_what_the_cli_writes(self):
        document = {
            "encryptionsalt": "v1:abc",
            "config": {"data-scout:states": ALL_MOCK, "data-scout:split_ratio": "0.5", "aws:profile": "me"},
        }
        jsonschema.Draft202012Validator(stack_config_schema()).validate(document)
        assert Settings.load(PROJECT, "test", config(split_ratio="0.5")).split_ratio == 0.5


class TestConnectors:
    def test_a_function_is_told_only_what_the_stack_says(self):
        assert load().connectors.said() == {}
        said = {"nominatim": {"base_url": "https://geo.example/"}, "tavily": {"secret": "search-key"}}
        assert load(connectors=said).connectors.said() == said

    def test_what_costs_or_may_not_be_kept_is_off_by_default(self):
        connectors = load().connectors
        assert (connectors.google.enabled, connectors.location.enabled) == (False, False)
        assert connectors.tavily.secret is None

    @pytest.mark.parametrize(
        ("section", "key"),
        [
            ({"overpass": {"base_url": "ftp://maps.example"}}, "overpass.base_url"),
            ({"overpass": {"url": "https://maps.example"}}, "overpass.url"),
            ({"tavily": {"secret": "two words"}}, "tavily.secret"),
            ({"overture": {"release": "yesterday"}}, "overture.release"),
            ({"user_agent": "Caf\u00e9"}, "user_agent"),
        ],
    )
    def test_what_is_none_is_refused_with_its_key(self, section, key):
        with pytest.raises(ConfigError, match=rf"data-scout:connectors\.{key}"):
            load(connectors=section)
