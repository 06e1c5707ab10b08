"""The configuration that a program gets is the one that the Pulumi engine would give it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scout.embedded.deploy.stack_config import ConfigError, StackConfig, load_stack_config


def _load(folder: Path, project: str, stack: str | None = "config: {}") -> StackConfig:
    (folder / "Pulumi.yaml").write_text(project)
    if stack is not None:
        (folder / "Pulumi.dev.yaml").write_text(stack)
    return load_stack_config(folder, "dev")


def test_defaults_and_values_of_the_project_are_under_its_name(tmp_path: Path) -> None:
    loaded = _load(
        tmp_path,
        """
        name: shop
        runtime: python
        config:
          size: {type: integer, default: 3}
          open: {type: boolean, value: true}
          states: {type: object, default: {Rank: mock}}
          aws:region: eu-north-1
        """,
    )
    assert loaded == StackConfig(
        "shop",
        "dev",
        tmp_path,
        {"shop:size": "3", "shop:open": "true", "shop:states": '{"Rank":"mock"}', "aws:region": "eu-north-1"},
    )


def test_an_object_of_the_stack_replaces_that_of_the_project(tmp_path: Path) -> None:
    loaded = _load(
        tmp_path,
        "{name: shop, config: {states: {type: object, default: {Rank: mock, Persist: mock}}}}",
        "config: {shop:states: {Rank: real}}",
    )
    assert json.loads(loaded.values["shop:states"]) == {"Rank": "real"}


def test_types_within_an_object_are_kept(tmp_path: Path) -> None:
    stack = "config: {shop:o: {b: true, f: 0.5, i: 5, s: '7', nul: null, l: [1, a]}}"
    loaded = _load(tmp_path, "name: shop", stack)
    assert json.loads(loaded.values["shop:o"]) == {"b": True, "f": 0.5, "i": 5, "s": "7", "nul": None, "l": [1, "a"]}


def test_single_values_arrive_as_text(tmp_path: Path) -> None:
    stack = "config: {shop:a: true, shop:b: 5, shop:c: text, shop:d: 'true', bare: 0.5, states.Rank: real}"
    assert _load(tmp_path, "name: shop", stack).values == {
        "shop:a": "true",
        "shop:b": "5",
        "shop:c": "text",
        "shop:d": "true",
        "shop:bare": "0.5",
        "shop:states.Rank": "real",
    }


def test_words_that_older_yaml_takes_for_other_things_stay_words(tmp_path: Path) -> None:
    stack = "config: {shop:a: on, shop:b: yes, shop:c: 12:30, shop:d: 2026-01-02, shop:o: {n: no, t: 1:20}}"
    assert _load(tmp_path, "name: shop", stack).values == {
        "shop:a": "on",
        "shop:b": "yes",
        "shop:c": "12:30",
        "shop:d": "2026-01-02",
        "shop:o": '{"n":"no","t":"1:20"}',
    }


def test_what_the_engine_keeps_beside_the_configuration_is_accepted(tmp_path: Path) -> None:
    stack = "{encryptionsalt: 'v1:x', secretsprovider: passphrase, encryptedkey: k, config: {shop:a: b}}"
    assert _load(tmp_path, "name: shop", stack).values == {"shop:a": "b"}


def test_unknown_keys_of_the_configuration_are_for_the_program_to_refuse(tmp_path: Path) -> None:
    loaded = _load(tmp_path, "{name: shop, config: {a: {type: string, default: x}}}", "config: {shop:nonsense: 1}")
    assert loaded.values["shop:nonsense"] == "1"


@pytest.mark.parametrize(
    ("declared", "given"),
    [
        ("integer", "x"),
        ("integer", "1.5"),
        ("integer", "true"),
        ("boolean", "1"),
        ("boolean", "maybe"),
        ("array", "{a: 1}"),
        ("object", "[1]"),
        ("object", "text"),
        ("string", "{a: 1}"),
    ],
)
def test_a_wrong_type_is_refused_in_the_words_of_the_engine(tmp_path: Path, declared: str, given: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, f"{{name: shop, config: {{n: {{type: {declared}}}}}}}", f"config: {{shop:n: {given}}}")
    assert str(caught.value) == f"Stack 'dev' with configuration key 'n' must be of type '{declared}'"


@pytest.mark.parametrize(
    ("declared", "given", "text"),
    [
        ("integer", "'5'", "5"),
        ("integer", "-5", "-5"),
        ("boolean", "'false'", "false"),
        ("string", "5", "5"),
        ("string", "true", "true"),
        ("array", "[1, two]", '[1,"two"]'),
    ],
)
def test_what_the_engine_takes_for_a_type_is_accepted(tmp_path: Path, declared: str, given: str, text: str) -> None:
    loaded = _load(tmp_path, f"{{name: shop, config: {{n: {{type: {declared}}}}}}}", f"config: {{shop:n: {given}}}")
    assert loaded.values == {"shop:n": text}


def test_the_items_of_an_array_have_a_type(tmp_path: Path) -> None:
    project = "{name: shop, config: {n: {type: array, items: {type: array, items: {type: integer}}}}}"
    assert _load(tmp_path, project, "config: {shop:n: [[1, 2], []]}").values == {"shop:n": "[[1,2],[]]"}
    with pytest.raises(ConfigError, match=r"must be of type 'array<array<integer>>'"):
        _load(tmp_path, project, "config: {shop:n: [[1, x]]}")


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("b: {type: string}", "value 'b'"),
        ("b: {type: string}, a: {type: integer}", "values 'a' and 'b'"),
        ("c: {type: string}, b: {type: string}, a: {type: integer}", "values 'a', 'b' and 'c'"),
    ],
)
def test_missing_values_are_named_in_the_words_of_the_engine(tmp_path: Path, keys: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, f"{{name: shop, config: {{{keys}}}}}")
    assert str(caught.value) == f"Stack 'dev' is missing configuration {told}"


def test_a_type_that_the_engine_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'number' is not one of array, boolean, integer, object, string"):
        _load(tmp_path, "{name: shop, config: {n: {type: number, default: 0.5}}}")


@pytest.mark.parametrize(
    ("stack", "told"),
    [
        ("config: {shop:a: {secure: 'v1:x'}}", "the value of 'shop:a' is encrypted"),
        ("config: {shop:a: {keys: [{secure: 'v1:x'}]}}", "the value of 'shop:a' is encrypted"),
        ("config: {shop:a: }", "'shop:a' has no value"),
        ("confg: {shop:a: 1}", "unknown key 'confg'"),
        ("config: [a]", "must hold keys and values"),
        ("config: {a: 1, a: 2}", "the key 'a' stands twice"),
        ("config: {a: {b: 1, b: 2}}", "the key 'b' stands twice"),
        ("config: {a: [", "Pulumi.dev.yaml"),
        ("- a", "a mapping of keys to values is expected"),
    ],
)
def test_a_stack_file_that_cannot_be_right_is_refused(tmp_path: Path, stack: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        _load(tmp_path, "name: shop", stack)


def test_an_unknown_stack_is_refused_with_the_ones_there_are(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.mock.yaml").write_text("")
    (tmp_path / "Pulumi.all-real.yaml").write_text("")
    with pytest.raises(ConfigError, match=r"no stack named 'dev' found; the stacks of .* are: all-real, mock"):
        _load(tmp_path, "name: shop", None)


@pytest.mark.parametrize("name", ["../dev", "a/b", ""])
def test_a_name_that_no_stack_can_have_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop")
    with pytest.raises(ConfigError, match="no stack named"):
        load_stack_config(tmp_path, name)


def test_a_folder_without_a_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no Pulumi project found"):
        load_stack_config(tmp_path, "dev")


def test_a_project_without_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the project has no `name`"):
        _load(tmp_path, "runtime: python")


def test_an_empty_stack_file_gives_the_defaults(tmp_path: Path) -> None:
    assert _load(tmp_path, "{name: shop, config: {a: {default: x}}}", "").values == {"shop:a": "x"}
