"""What the provider is built from: paths, answers, and the configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format, struct_pb2  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from scout.embedded.engine import paths
from scout.embedded.engine.answers import Properties
from scout.embedded.engine.configuration import Target, WrongAccountError, region_of
from scout.embedded.resources import UNKNOWN, JsonObject
from scout.embedded.wire import WireError

MARK = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
ASSET = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
HERE = Path(__file__).parent

STEPS = st.lists(
    st.integers(0, 99) | st.text(min_size=1, max_size=6).filter(lambda step: not step.endswith("\\")), min_size=1
)


def struct(values: JsonObject) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(values)
    return made


def plain(values: struct_pb2.Struct) -> JsonObject:
    read: JsonObject = json_format.MessageToDict(values)
    return read


class TestPaths:
    # Examples of https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/property_path.go
    @pytest.mark.parametrize(
        ("text", "path"),
        [
            ("root", ("root",)),
            ("root.nested", ("root", "nested")),
            ('root["nested"]', ("root", "nested")),
            ('root["double"].nest', ("root", "double", "nest")),
            ("root.array[0]", ("root", "array", 0)),
            ("root.array[0][1].nested", ("root", "array", 0, 1, "nested")),
            ('root["key with \\"escaped\\" quotes"]', ("root", 'key with "escaped" quotes')),
            ('["root key with a ."][100]', ("root key with a .", 100)),
            ("root.array[*].field", ("root", "array", "*", "field")),
        ],
    )
    def test_a_text_is_a_path(self, text: str, path: tuple[str | int, ...]):
        assert paths.read(text) == path

    @pytest.mark.parametrize("text", ["[", "root[", 'root["open', "root[x]"])
    def test_a_text_is_none(self, text: str):
        assert paths.read(text) is None

    @given(STEPS)
    def test_what_is_written_can_be_read(self, steps: list[str | int]):
        assert paths.read(paths.written(tuple(steps))) == tuple(steps)

    def test_plain_names_are_written_plainly(self):
        assert paths.written(("tags", "cost-center")) == 'tags["cost-center"]'
        assert paths.written(("environment", "variables", "LOG_LEVEL")) == "environment.variables.LOG_LEVEL"
        assert paths.written(("rules", 0, "id")) == "rules[0].id"

    def test_what_is_within_an_area(self):
        assert paths.is_within(("tags", "a"), ["tags"])
        assert paths.is_within(("rules", 3, "id"), ["rules[*].id"])
        assert not paths.is_within(("tags",), ["tags.a", "", "["])
        assert not paths.is_within(("tagsAll",), ["tags"])


class TestProperties:
    def test_what_did_not_change_is_answered_as_it_came(self):
        came = {
            "name": {MARK: SECRET, "value": "q"},
            "code": {MARK: ARCHIVE, "hash": "1" * 64},
            "nested": {"list": [1, {MARK: SECRET, "value": "x"}]},
            "__defaults": ["name"],
        }
        given_ = Properties(struct(came), HERE)
        assert given_.values == {
            "name": "q",
            "code": {"path": "", "sha256": "1" * 64},
            "nested": {"list": [1, "x"]},
        }
        answered = plain(given_.answer({**given_.values, "arn": "arn:q"}))
        assert answered == {key: value for key, value in came.items() if key != "__defaults"} | {"arn": "arn:q"}

    def test_what_takes_the_place_of_a_secret_is_one(self):
        given_ = Properties(struct({"a": {MARK: SECRET, "value": 1}, "b": 1}), HERE)
        answered = plain(given_.answer({"a": 2, "b": 2, "c": 2}, secrets=frozenset({"c"})))
        assert answered == {"a": {MARK: SECRET, "value": 2}, "b": 2, "c": {MARK: SECRET, "value": 2}}

    def test_a_file_with_other_contents_is_answered_by_its_digest(self):
        file = {"path": "", "sha256": "2" * 64}
        answered = plain(Properties(struct({}), HERE).answer({"code": file, "source": file}, {"code"}))
        assert answered == {"code": {MARK: ARCHIVE, "hash": "2" * 64}, "source": {MARK: ASSET, "hash": "2" * 64}}

    def test_an_archive_whose_contents_an_engine_has_forgotten_is_known_by_its_digest(self):
        # So it stands in the state after a refresh.
        forgotten = {"code": {MARK: ARCHIVE, "hash": "1" * 64, "assets": {}}}
        given_ = Properties(struct(forgotten), HERE)
        assert given_.values == {"code": {"path": "", "sha256": "1" * 64}}
        assert plain(given_.answer(given_.values)) == forgotten

    @pytest.mark.parametrize(
        "sentinel",
        [
            "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
            "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
            "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
            "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
            "030794c1-ac77-496b-92df-f27374a8bd58",
            "e48ece36-62e2-4504-bad9-02848725956a",
            "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
        ],
    )
    def test_whatever_is_not_known_is_unknown(self, sentinel: str):
        assert Properties(struct({"a": sentinel, "b": [sentinel]}), HERE).values == {"a": UNKNOWN, "b": [UNKNOWN]}

    @pytest.mark.parametrize(
        ("value", "problem"),
        [
            ({MARK: "0" * 32}, "a value with the mark 0{32} has no support here"),
            ({MARK: ASSET, "uri": "https://example.com/a", "hash": "1"}, "only an asset that is a file"),
            ({MARK: ARCHIVE, "path": "nowhere.zip"}, "nowhere.zip is not a file"),
            ({MARK: ASSET, "path": "conftest.py", "hash": "1" * 64}, "conftest.py changed after the program"),
        ],
    )
    def test_what_has_no_place_names_its_argument(self, value: JsonObject, problem: str):
        with pytest.raises(WireError, match=problem) as refused:
            Properties(struct({"a": 1, "b": {"c": [value]}}), HERE)
        assert refused.value.argument == "b"


class TestTarget:
    target = Target("123456789012", "us-east-1")

    @pytest.mark.parametrize("accounts", [["123456789012"], '["123456789012"]', ["1", "123456789012"]])
    def test_an_account_that_is_allowed(self, accounts: Any):
        assert self.target.problems({"allowedAccountIds": accounts}) == []
        self.target.require({"allowedAccountIds": accounts})
        assert self.target.pinned({"allowedAccountIds": accounts})["allowedAccountIds"] == accounts

    @pytest.mark.parametrize("accounts", [["1"], '["1"]', "1", "", 7])
    def test_an_account_that_is_not(self, accounts: Any):
        assert [problem.argument for problem in self.target.problems({"allowedAccountIds": accounts})] == [
            "allowedAccountIds"
        ]
        with pytest.raises(WrongAccountError):
            self.target.require({"allowedAccountIds": accounts})

    def test_the_state_says_where_it_stands(self):
        pinned = self.target.pinned({"region": "eu-west-1"})
        assert pinned == {"region": "eu-west-1", "allowedAccountIds": json.dumps(["123456789012"])}
        with pytest.raises(WrongAccountError, match="scout aws serve --account 123456789012"):
            Target("210987654321", "eu-west-1").require(pinned)

    def test_a_region_is_optional(self):
        assert [region_of(values, "us-east-1") for values in ({}, {"region": ""}, {"region": "eu-west-1"})] == [
            "us-east-1",
            "us-east-1",
            "eu-west-1",
        ]

    def test_how_an_account_is_reached_does_not_matter_and_what_would_be_done_does(self):
        harmless = {"profile": "me", "skipCredentialsValidation": True, "endpoints": [], "version": "7.51.1"}
        assert self.target.problems(harmless) == []
        told = self.target.problems({"assumeRoles": [], "ignoreTags": {}, "nonsense": 1})
        assert [problem.argument for problem in told] == ["assumeRoles", "ignoreTags", "nonsense"]
