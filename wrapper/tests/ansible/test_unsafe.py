"""Strings are handed over as data."""

from __future__ import annotations

import pytest

from vsa.ansible.unsafe import marked_unsafe


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{{ x }}", {"__ansible_unsafe": "{{ x }}"}),
        (3000, 3000),
        (True, True),
        (None, None),
        (("a", 1), [{"__ansible_unsafe": "a"}, 1]),
        ({"path": "/", "port": 80}, {"path": {"__ansible_unsafe": "/"}, "port": 80}),
        ([{"a": ["b"]}], [{"a": [{"__ansible_unsafe": "b"}]}]),
    ],
)
def test_every_string_is_marked(value: object, expected: object) -> None:
    assert marked_unsafe(value) == expected
