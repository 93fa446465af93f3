"""Blocks as they are printed: on a wide screen, on sixty columns, where nobody watches."""

from __future__ import annotations

from typing import Any

import pytest

import rendered
from vsa.ansible.report import HostResult, Report
from vsa.output import blocks
from vsa.output.detail import detail
from vsa.output.table import table


def printed(renderable: Any, *, width: int = 100) -> str:
    return rendered.printed(renderable, width=width)


STEPS = [
    {"name": "preflight", "state": "ok", "text": "web-1:3000 answers · A 203.0.113.7 and AAAA 2001:db8::7 lead here"},
    {"name": "certificate", "state": "changed", "text": "issued by Let's Encrypt, ECDSA, 90 days"},
    {"name": "proxy", "state": "would_change", "text": "generation 41 → 42", "notes": ["web-1 joined to flowbiz_ext"]},
    {"name": "site", "state": "warning", "text": "[red]not markup[/red] :smile:"},
    {"name": "dns", "state": "failed", "text": ""},
    {"state": "skipped"},
]


def test_steps() -> None:
    assert printed(blocks.steps(STEPS)) == (
        "  ✔ preflight    web-1:3000 answers · A 203.0.113.7 and AAAA 2001:db8::7 lead here\n"
        "  ✔ certificate  issued by Let's Encrypt, ECDSA, 90 days\n"
        "  ~ proxy        generation 41 → 42\n"
        "                 web-1 joined to flowbiz_ext\n"
        "  ! site         [red]not markup[/red] :smile:\n"
        "  ✘ dns          failed\n"
        "  -              skipped"
    )


def test_steps_wrap_under_themselves() -> None:
    assert printed(blocks.steps(STEPS[:1]), width=49) == (
        "  ✔ preflight    web-1:3000 answers · A\n"
        "                 203.0.113.7 and AAAA 2001:db8::7\n"
        "                 lead here"
    )


ERROR = {
    "message": "no running container is named web-1",
    "field": "container",
    "value": "web-1",
    "expected": "one that runs",
    "there_are": ["web-2", "blog-app"],
    "details": ["nginx: [emerg] no"],
    "state": "nothing was changed",
    "try": "vsa site provision --domain shop.example.com --container web-2 --port 3000",
}


REFUSAL = """\
✘ vps-01  shop.example.com: no running container is named web-1
  field      container = web-1
  expected   one that runs
  there are  web-2, blog-app
             nginx: [emerg] no
  nothing was changed · audit 0193
  try        vsa site provision --domain shop.example.com --container web-2 --port 3000"""


@pytest.mark.parametrize(
    ("error", "host", "subject", "audit_id", "expected"),
    [
        (
            ERROR,
            "vps-01",
            "shop.example.com",
            "0193",
            REFUSAL,
        ),
        ({"message": "no host matches"}, None, None, None, "✘ no host matches"),
        ({"message": "lost"}, "vps-01", None, "0193", "✘ vps-01: lost\n  audit 0193"),
        (
            {"message": "x", "field": "routes/1/path", "state": "s"},
            None,
            None,
            None,
            "✘ x\n  field      routes/1/path\n  s",
        ),
        ({}, None, None, None, "✘ it failed"),
    ],
)
def test_errors(error: dict, host: str | None, subject: str | None, audit_id: str | None, expected: str) -> None:
    assert printed(blocks.error(error, host=host, subject=subject, audit_id=audit_id)) == expected


@pytest.mark.parametrize(
    "hostile", ["\x1b]0;title\x07", "\x1b[2J", "a\rb", "a\x08b", "\u202egnp.exe", "\x9b31m", "\x00", "\u200b"]
)
def test_the_words_of_others_do_not_act_on_the_terminal(hostile: str) -> None:
    step = {"name": hostile, "state": hostile, "text": hostile, "notes": [hostile]}
    error = {"message": hostile, "field": hostile, "value": hostile, "there_are": [hostile], "try": hostile}
    text = "".join(
        printed(part)
        for part in (
            blocks.head(hostile, hostile),
            blocks.steps([step]),
            blocks.diff([{"prepared": hostile}, {"before": hostile, "after": "x"}]),
            blocks.error(error, host=hostile, subject=hostile, audit_id="x"),
            detail(hostile, hostile, [(hostile, hostile), ("list", [hostile])]),
            table(["A"], [[hostile]]),
        )
    )
    assert not any(letter in text for letter in "\x1b\x07\x08\r\x9b\x00\u202e\u200b")


def test_diffs_of_both_kinds() -> None:
    prepared = {"prepared": "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n"}
    sides = {"before": "one\ntwo\n", "after": "one\n2\n", "before_header": "/etc/x", "after_header": "/etc/x"}
    facts = {"before": {"mode": "0644"}, "after": {"mode": "0600"}}
    assert printed(blocks.diff([prepared, sides, facts, {}])) == (
        "    --- a/x\n    +++ b/x\n    @@ -1 +1 @@\n    -old\n    +new\n"
        "    --- before  /etc/x\n    +++ after  /etc/x\n    @@ -1,2 +1,2 @@\n     one\n    -two\n    +2\n"
        "    --- before\n    +++ after\n    @@ -1 +1 @@\n    -mode: 0644\n    +mode: 0600"
    )


def test_nothing_is_no_diff() -> None:
    assert printed(blocks.diff([])) == ""


MOVED = {"base": 41, "generation": 42, "undo": "vsa vhost rollback --to 41"}


@pytest.mark.parametrize(
    ("hosts", "check", "expected"),
    [
        ({"a": HostResult(changed=True)}, False, "changed in 4.8 s · audit 0193"),
        ({"a": HostResult()}, False, "unchanged in 4.8 s · audit 0193"),
        ({"a": HostResult(changed=True)}, True, "would change · audit 0193"),
        ({"a": HostResult()}, True, "unchanged in 4.8 s · audit 0193"),
        (
            {"a": HostResult(changed=True, payload=MOVED)},
            False,
            "changed in 4.8 s · audit 0193 · undo: vsa vhost rollback --to 41",
        ),
        ({"a": HostResult(changed=True, payload={"generation": 42})}, False, "changed in 4.8 s · audit 0193"),
        ({"a": HostResult(changed=True, payload=MOVED)}, True, "would change · audit 0193"),
        ({"a": HostResult(changed=True), "b": HostResult()}, False, "changed in 4.8 s · 1 of 2 hosts · audit 0193"),
    ],
)  # fmt: skip
def test_the_last_line(hosts: dict, check: bool, expected: str) -> None:
    assert printed(blocks.last_line(Report(hosts=hosts), check=check, took=4.8, audit_id="0193")) == expected


def test_the_summary_of_a_fleet() -> None:
    hosts = {
        "vps-01": HostResult(changed=True, seconds=4.81),
        "vps-02": HostResult(seconds=12.0),
        "vps-03": HostResult(error={"message": "ssh: timed out\nmore"}, exit_code=5, seconds=0.1),
        "vps-04": HostResult(error={"message": "half done"}, exit_code=6, seconds=1),
    }
    assert printed(blocks.summary(hosts, check=False)) == (
        "HOST    RESULT        SECONDS\n"
        "vps-01  changed           4.8\n"
        "vps-02  unchanged        12.0\n"
        "vps-03  unreachable       0.1  ssh: timed out\n"
        "vps-04  not put back      1.0  half done"
    )
