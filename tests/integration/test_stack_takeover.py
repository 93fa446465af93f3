# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack with data that somebody started without VSA is taken over, or the commands of the refusal hand it over."""

from __future__ import annotations

import re
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest
import yaml

from stackrun import Stacks, service

Vsa = Callable[..., CompletedProcess[str]]

COMPOSE = {**service(user="0:0", volumes=["files:/files"]), "volumes": {"files": {}}}
DATA = "echo precious >/files/data; chown 1234:1234 /files; chmod 2750 /files"
LOOK = "cat /files/data; stat -c '%u:%g %a' /files"
KEPT = "precious\n1234:1234 2750\n"


def start_by_hand(stacks: Stacks, folder: str, words: str) -> None:
    """Bring the stack up as an operator does who has no VSA, and let its container write."""
    stacks.used("hand")
    stacks.vps.run(f"mkdir -p {folder}")
    stacks.vps.put(f"{folder}/compose.yml", yaml.safe_dump(COMPOSE))
    stacks.vps.run(f"cd {folder} && docker compose {words} up --detach --wait --pull never")
    stacks.vps.run(["sh", "-c", f'cd {folder} && docker compose {words} exec -T web sh -c "{DATA}"'])


def up(stacks: Stacks, vsa: Vsa) -> CompletedProcess[str]:
    stacks.write("hand", COMPOSE, tenant="acme")
    return vsa("stack", "up", "hand", "--from", str(stacks.folder))


def inside(stacks: Stacks, container: str) -> str:
    return str(stacks.vps.run(["docker", "exec", container, "sh", "-c", LOOK]).stdout)


def test_containers_and_volumes_under_the_bare_name_are_taken_over(stacks: Stacks, vsa: Vsa) -> None:
    start_by_hand(stacks, "/srv/acme/hand", "")
    done = up(stacks, vsa)
    assert done.returncode == 0, done.stdout + done.stderr
    assert stacks.vps.run("docker ps --format '{{.Names}}' | grep -- -web-1").stdout == "hand-web-1\n"
    assert inside(stacks, "hand-web-1") == KEPT


@pytest.mark.long
@pytest.mark.parametrize(
    ("folder", "words", "ended"),
    [("/srv/acme/hand", "-p other", False), ("/srv/acme/hand", "", True), ("/opt/hand", "", False)],
    ids=["another project", "only its volumes are left", "another folder"],
)
def test_the_printed_commands_hand_the_data_over(
    stacks: Stacks, vsa: Vsa, folder: str, words: str, ended: bool
) -> None:
    vps = stacks.vps
    start_by_hand(stacks, folder, words)
    if ended:
        vps.run(f"cd {folder} && docker compose down")
    before = stacks.state()
    refused = up(stacks, vsa)
    try:
        assert refused.returncode == 3, refused.stdout + refused.stderr
        assert stacks.state() == before
        commands = re.findall(r"^ +(docker (?:compose|volume) .*|cp .*)$", refused.stderr, re.MULTILINE)
        assert len(commands) == (2 if ended else 3), refused.stderr
        vps.run("set -e\n" + "\n".join(commands))
        done = up(stacks, vsa)
        assert done.returncode == 0, done.stdout + done.stderr
        assert vps.run("docker ps --format '{{.Names}}' | grep -- -web-1").stdout == "acme-hand-web-1\n"
        assert inside(stacks, "acme-hand-web-1") == KEPT
        assert "unchanged in" in up(stacks, vsa).stdout
    finally:
        project = words.rpartition(" ")[2] or "hand"
        vps.run(f"docker compose -p {project} down --volumes; docker volume rm {project}_files", check=False)
        vps.run("rm -rf /opt/hand", check=False)
