# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`vsa` against a real host: what it prints, and that every document of --json is of the published schema."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

import rig

pytestmark = pytest.mark.rig

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/reference/json.schema.json").read_text())
DOMAIN = "wrapper.demo.test"
PROVISION = ("site", "provision", "--domain", DOMAIN, "--container", "web-1", "--port", "3000")
UUID7 = r"[0-9a-f-]{36}"

Vsa = Callable[..., object]


@pytest.fixture(scope="module")
def site(proxy_vps: rig.Vps) -> str:
    """The output of provisioning a site."""
    proxy_vps.add_dns(DOMAIN)
    done = rig.vsa(*PROVISION, vps=proxy_vps, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_provision_is_four_steps_and_a_last_line(site: str) -> None:
    lines = site.splitlines()
    assert lines[0].endswith(f"  {DOMAIN}")
    assert [line.split()[1] for line in lines if line.startswith("  ✔")] == [
        "preflight",
        "certificate",
        "proxy",
        "site",
    ]
    assert re.fullmatch(
        rf"changed in \d+\.\d s · audit {UUID7} · undo: vsa vhost rollback --to \d+", "".join(lines[-1:])
    ) or lines[-1].startswith("undo: ")


def test_the_same_again_changes_nothing(site: str, vsa: Vsa) -> None:
    assert re.match(r"unchanged in \d+\.\d s · audit ", vsa(*PROVISION, "--quiet").stdout)


def test_a_refusal_names_what_there_is(site: str, vsa: Vsa) -> None:
    done = vsa("site", "provision", "--domain", DOMAIN, "--container", "web-9", "--port", "3000")
    assert done.returncode == 3
    assert "  field      --container = web-9\n" in done.stderr
    assert re.search(r"  there are  .*web-1.*web-2", done.stderr)


def test_tables(site: str, vsa: Vsa) -> None:
    assert re.search(rf"{DOMAIN} +ok +/ → web-1:3000 +web +— +ok .* running +\d{{4}}-.*\n", vsa("site", "list").stdout)
    assert re.search(rf"{DOMAIN} +ok .* same ", vsa("cert", "status").stdout)
    assert re.search(r"reverse-proxy +vsa-nginx +running +healthy +nginx:", vsa("stack", "ps").stdout)
    assert re.search(r" live +\d{4}-.*site\.provision", vsa("vhost", "history").stdout)


@pytest.mark.parametrize(
    "words",
    [
        ("site", "list"),
        ("site", "show", DOMAIN),
        ("site", "show", "nowhere.demo.test"),
        (*PROVISION, "--check", "--diff"),
        ("vhost", "list"),
        ("vhost", "show", DOMAIN),
        ("vhost", "history"),
        ("vhost", "sync"),
        ("cert", "status"),
        ("cert", "issue", "--domain", DOMAIN),
        ("stack", "list"),
        ("stack", "ps", "reverse-proxy"),
        ("stack", "logs", "reverse-proxy", "--lines", "3"),
    ],
    ids=" ".join,
)
def test_documents_are_of_the_schema(site: str, vsa: Vsa, words: tuple[str, ...]) -> None:
    done = vsa(*words, "--json")
    document = json.loads(done.stdout)
    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert document["verb"] == ".".join(words[:2])
    assert document["exit_code"] == done.returncode == (3 if "nowhere.demo.test" in words else 0)
