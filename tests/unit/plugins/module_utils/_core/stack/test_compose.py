"""Variables of a Compose file, and what its containers mount."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.compose import (
    Sources,
    interpolate,
    sources,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$A", "1"),
        ("${A}", "1"),
        ("${B:-2}", "2"),
        ("${EMPTY:-2}", "2"),
        ("${EMPTY-2}", ""),
        ("${B-2}", "2"),
        ("${B}", ""),
        ("$$A", "$A"),
        ("nginx:${A:-9}.30", "nginx:1.30"),
        ("${A}${B:-x}", "1x"),
        ("${A:?set it}", "1"),
        ("${B:?set it}", ""),
        ("${A:+x}${B:+y}${EMPTY:+z}${EMPTY+w}", "xw"),
    ],
)
def test_interpolate(text: str, expected: str) -> None:
    assert interpolate(text, {"A": "1", "EMPTY": ""}) == expected


@pytest.mark.parametrize(
    ("compose", "places", "volumes"),
    [
        ({}, (), ()),
        ([], (), ()),
        ({"services": {"a": {"volumes": ["./x:/d", "/y:/d:ro", "named:/d", "/anonymous", 7]}}}, ("/f/x", "/y"), ()),
        (
            {"services": {"a": {"volumes": ["$D:/d", "${D}/b:/d", "${E:-/e}/c:/d:ro"]}}},
            ("/e/c", "/given", "/given/b"),
            (),
        ),
        ({"services": {"a": {"volumes": [{"type": "bind", "source": "../up"}, {"type": "volume"}]}}}, ("/up",), ()),
        ({"services": {"a": {"volumes": {"no": "list"}}, "b": None}}, (), ()),
        ({"volumes": {"a": None, "b": {"name": "$N"}, "c": {"external": True}}}, (), ("c", "given", "p_a")),
        ({"volumes": {"a": {"driver_opts": {"device": "$D/x"}}}}, ("/given/x",), ("p_a",)),
        (
            {"configs": {"a": {"file": "./c"}, "b": {"content": "x"}}, "secrets": {"s": {"file": "/s"}}},
            ("/f/c", "/s"),
            (),
        ),
    ],
)
def test_sources(compose: object, places: tuple[str, ...], volumes: tuple[str, ...]) -> None:
    env = {"D": "/given", "N": "given"}
    assert sources(compose, env, folder="/f", project="p") == Sources(places, volumes)
