"""Findings: their order, and their form in a module's result."""

from __future__ import annotations

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.finding import (
    DOWN,
    NOT_CHECKED,
    WARNING,
    Finding,
    as_mapping,
    worst_first,
)


def test_the_worst_finding_comes_first_and_equal_ones_by_name_and_subject() -> None:
    late = Finding("stack-port", NOT_CHECKED, "shop", "Docker did not answer")
    second = Finding("privileged", WARNING, "b", "the container is privileged")
    first = Finding("privileged", WARNING, "a", "the container is privileged")
    worst = Finding("proxy", DOWN, "host", "NGINX does not run")
    assert worst_first([late, second, worst, first]) == [worst, first, second, late]


def test_a_finding_is_a_mapping_of_texts() -> None:
    assert as_mapping(Finding("proxy", DOWN, "host", "NGINX does not run", "docker start vsa-nginx")) == {
        "name": "proxy",
        "level": "down",
        "subject": "host",
        "text": "NGINX does not run",
        "remedy": "docker start vsa-nginx",
    }
