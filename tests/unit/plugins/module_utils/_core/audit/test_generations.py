# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a record says about sites: which ones, their masked diffs, and what was cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.generations import (
    DIFF_BYTES,
    PROXY,
    GenerationChange,
    describe,
    from_result,
    with_fewer_sites,
    without_diffs,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.mask import Masker
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import (
    GENESIS,
    MAX_LINE,
    parse_line,
    seal,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import FileChange

from audit_records import record

CANARY = "cAnArY-31d0c2aa"
FILES = (
    FileChange("auth.js", "old\n", "new\n"),
    FileChange("manifests/a.example.yml", None, "domain: a.example\n"),
    FileChange("sites/a.example.conf", None, "listen 443;\n"),
    FileChange("manifests/b.example.yml", "hsts: true\n", "hsts: false\n"),
    FileChange("sites/b.example.conf", "on\n", "off\n"),
    FileChange("manifests/c.example.yml", "a: 1\n", "a: 2\n"),
    FileChange("manifests/d.example.yml", "domain: d.example\n", None),
    FileChange("sites/d.example.conf", "listen 443;\n", None),
)


def made(*files: FileChange, **said: Any) -> GenerationChange:
    return describe(7, 8, files, masker=Masker(), **said)


def test_which_sites_come_change_and_go() -> None:
    found = made(*FILES, joined=["b.example", "e.example"])
    assert (found.before, found.after, found.outcome) == (7, 8, "live")
    assert found.added == ("a.example",)
    assert found.changed == ("b.example", "c.example", "e.example")
    assert found.removed == ("d.example",)
    assert list(found.diffs) == ["a.example", "b.example", "c.example", "d.example", PROXY]
    assert found.diffs["b.example"].splitlines() == [
        "--- before/manifests/b.example.yml",
        "+++ after/manifests/b.example.yml",
        "@@ -1 +1 @@",
        "-hsts: true",
        "+hsts: false",
        "--- before/sites/b.example.conf",
        "+++ after/sites/b.example.conf",
        "@@ -1 +1 @@",
        "-on",
        "+off",
    ]
    assert (found.cut_bytes, found.cut_diffs, found.cut_sites) == (0, 0, 0)
    assert GenerationChange.from_dict(json.loads(json.dumps(found.as_dict()))) == found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"password: {CANARY}\n", "password: other\n"),
        ("x\n", f"Authorization: Bearer {CANARY}{CANARY}\n"),
        ("x\n", f"proxy_pass http://user:{CANARY}@web-1;\n"),
        ("-----BEGIN PRIVATE KEY-----\nMIIB\n" + f"{CANARY}\n" * 3 + "-----END PRIVATE KEY-----\n", "x\n"),
        (
            "-----BEGIN PRIVATE KEY-----\n" + "A\n" * 50 + f"{CANARY}\n" + "B\n" * 50 + "-----END PRIVATE KEY-----\n",
            "-----BEGIN PRIVATE KEY-----\n" + "A\n" * 50 + "C\n" + "B\n" * 50 + "-----END PRIVATE KEY-----\n",
        ),
    ],
)
def test_no_secret_is_in_a_diff(before: str, after: str) -> None:
    for change in (FileChange("sites/a.example.conf", before, after), FileChange("nginx.conf", before, after)):
        found = made(change)
        assert list(found.diffs)
        assert CANARY not in json.dumps(found.as_dict())


def test_a_diff_is_cut_after_8_kib_and_the_rest_is_counted() -> None:
    found = made(FileChange("sites/a.example.conf", None, "x" * 20_000 + "\n"))
    assert len(found.diffs["a.example"].encode()) == DIFF_BYTES
    assert 20_000 < DIFF_BYTES + found.cut_bytes < 20_200


def test_letters_of_several_bytes_are_cut_whole() -> None:
    found = made(FileChange("sites/a.example.conf", None, "é" * 20_000 + "\n"))
    assert set(found.diffs["a.example"][-100:]) == {"é"}


def many(count: int, size: int) -> list[FileChange]:
    return [FileChange(f"sites/s{n:05}.example.com.conf", None, "listen 443;\n" * (size // 12)) for n in range(count)]


@pytest.mark.parametrize(("count", "size"), [(1, 100), (40, 20_000), (1000, 1200), (1000, 20_000), (6000, 40)])
def test_a_record_has_at_most_256_kib_and_every_name(count: int, size: int) -> None:
    found = made(*many(count, size))
    assert len(found.diffs) + found.cut_diffs == count
    line = seal(record(kind="change", generations=(found, found)), GENESIS)
    assert len(line) <= MAX_LINE == 256 * 1024
    for kept in parse_line(line).generations:
        assert kept.cut_sites == 0 or count > 1000
        assert len(kept.sites) + kept.cut_sites == count
        assert len(kept.diffs) + kept.cut_diffs == count
    assert parse_line(seal(record(generations=(found,)), GENESIS)).generations[0].cut_sites == 0


def test_a_line_that_is_too_long_loses_its_last_diffs_first() -> None:
    one, two = made(*many(3, 500)), made(FileChange("sites/z.example.conf", "a\n", "b\n"))
    assert without_diffs((one, two), 0) == (one, two)
    first, second = without_diffs((one, two), 300)
    assert (len(first.diffs), first.cut_diffs) == (2, 1)
    assert (second.diffs, second.cut_diffs) == ({}, 1)
    (half,) = with_fewer_sites((one,))
    assert (len(half.added), half.cut_sites) == (1, 2)


def test_what_a_module_returned_is_masked_with_the_arguments_of_the_run() -> None:
    masker = Masker({"some_password": CANARY})
    sent = made(FileChange("sites/a.example.conf", None, f"# {CANARY}\n")).as_dict()
    (found,) = from_result([sent], host="vps-01", masker=masker)
    assert (found.host, found.added) == ("vps-01", ("a.example",))
    assert CANARY not in json.dumps(found.as_dict())


@pytest.mark.parametrize(
    "result",
    [
        None,
        "text",
        [1],
        [{}],
        [{"before": "1", "after": 2, "outcome": "live"}],
        [{"before": 1, "after": 2, "outcome": "live", "added": "a"}],
        [{"before": 1, "after": 2, "outcome": "live", "added": ["a" * 300]}],
    ],
)
def test_what_a_host_makes_up_is_left_out(result: Any) -> None:
    assert from_result(result, host="vps-01", masker=Masker()) == []


def test_a_host_s_diff_of_a_site_that_it_does_not_name_is_left_out() -> None:
    sent = {"before": 1, "after": 2, "outcome": "live", "added": ["a.example"], "diffs": {"b.example": "x" * 100_000}}
    (found,) = from_result([sent], host="vps-01", masker=Masker())
    assert found.diffs == {}


def test_a_record_of_an_earlier_version_has_no_sites() -> None:
    values = {name: value for name, value in record().as_dict().items() if name != "generations"}
    line = json.dumps({"prev_hash": GENESIS, **values, "hash": "0" * 64})
    assert parse_line(line).generations == ()
    assert parse_line(line).sites == ()


def test_a_field_of_a_later_version_hides_no_record() -> None:
    assert parse_line(json.dumps({**record().as_dict(), "later": 1})).id == record().id
