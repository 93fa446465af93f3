"""Stacks, containers and log lines."""

from __future__ import annotations

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.shown import (
    CONTAINERS,
    STACKS,
    log_lines,
    with_containers,
)

PAYLOAD = {
    "stacks": [
        {
            "name": "reverse-proxy",
            "state": "running",
            "tenant": "platform",
            "source": "the collection",
            "containers": [
                {"name": "vsa-nginx", "started_at": "2026-11-24T10:00:00.123456789Z", "memory": 5 << 20, "restarts": 2}
            ],
        }
    ]
}


def test_rows() -> None:
    assert STACKS.cells(PAYLOAD["stacks"][0]) == [
        "reverse-proxy",
        "running",
        "platform",
        "the collection",
        ["vsa-nginx"],
    ]


def test_finding_18_times_have_no_nanoseconds() -> None:
    # Finding 18.
    (container,) = with_containers(PAYLOAD)["containers"]
    cells = dict(zip(CONTAINERS.titles(), CONTAINERS.cells(container), strict=True))
    assert cells["STARTED"] == "2026-11-24T10:00:00Z"
    assert cells["STACK"] == "reverse-proxy"
    assert (cells["MEMORY"], cells["RESTARTS"]) == ("5 MiB", 2)
    lines = {
        "logs": [{"container": "web-1", "lines": ["2026-11-24T10:00:00.123456789Z took 0.123456789 s", "no time"]}]
    }
    assert list(log_lines(lines)) == [
        ("web-1", "2026-11-24T10:00:00Z took 0.123456789 s"),
        ("web-1", "no time"),
    ]
