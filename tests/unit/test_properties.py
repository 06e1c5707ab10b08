"""Every property of pipelines has a test, and the table in the docs names them all."""

from __future__ import annotations

from tests import properties


def test_every_property_has_a_test_and_every_mark_a_property():
    assert set(properties.tests()) == set(properties.PROPERTIES) == set(range(1, 43))


def test_the_table_in_the_docs_is_fresh():
    assert properties.DOCUMENT.read_text(encoding="utf-8") == properties.document(), "run: make properties"
