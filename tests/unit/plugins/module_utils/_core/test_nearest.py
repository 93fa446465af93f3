"""Which names a mistyped name may stand for."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.nearest import distance, nearest, there_are

NAMES = ("web-1", "web-2", "blog-app", "site_keep_container", "domain", "upstream", "apply")


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("web1", ["web-1"]),
        ("Web-1", ["web-1"]),
        ("web-3", ["web-1", "web-2"]),
        ("domian", ["domain"]),
        ("dommaian", ["domain"]),
        ("site_keep_containers", ["site_keep_container"]),
        ("appyl", ["apply"]),
        ("app", []),  # a short name allows one mistake
        ("web-1", ["web-2"]),
        ("", []),
        ("x" * 10_000, []),
    ],
)
def test_names_that_are_near(word: str, found: list[str]) -> None:
    assert nearest(word, NAMES) == found


def test_at_most_three_are_named() -> None:
    assert nearest("vps-0", [f"vps-{number}" for number in range(1, 9)]) == ["vps-1", "vps-2", "vps-3"]


def test_the_meant_name_comes_first_and_at_most_twenty_are_listed() -> None:
    many = [f"site-{number:02}.test" for number in range(40)] + ["renew.test"]
    listed = there_are("renwe.test", many)
    assert (listed[0], listed[1], len(listed)) == ("renew.test", "site-00.test", 20)
    assert there_are("other", ["b", "a", "b"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("first", "second", "away"),
    [
        ("a", "a", 0),
        ("ab", "ba", 1),
        ("abc", "ac", 1),
        ("abcd", "acbd", 1),
        ("abc", "xyz", 3),
        ("", "abc", 3),
        ("kitten", "sitting", 3),
        ("abcdef", "a", 3),  # too far apart to be counted
    ],
)
def test_distance(first: str, second: str, away: int) -> None:
    assert distance(first, second, most=2) == min(away, 3)
    assert distance(second, first, most=2) == min(away, 3)
