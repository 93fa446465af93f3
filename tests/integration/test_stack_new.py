"""What `vsa stack new` makes comes up at once, on a real host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from subprocess import CompletedProcess

import pytest

import rig
from stackrun import Stacks

Vsa = Callable[..., CompletedProcess[str]]
DOMAIN = "new.vsa.test"
ASK = f"docker exec vsa-nginx curl -sk --resolve {DOMAIN}:443:127.0.0.1 https://{DOMAIN}/"


@pytest.fixture
def domain(proxy_vps: rig.Vps, vsa: Vsa) -> Iterator[str]:
    proxy_vps.add_dns(DOMAIN)
    yield DOMAIN
    vsa("site", "unprovision", "--domain", DOMAIN, "--keep-container", "--yes")


def _new_comes_up(vsa: Vsa, stacks: Stacks, template: str, *words: str) -> None:
    """Write a stack of a template, bring it up as it is, and bring it up again without a change."""
    folder = str(stacks.folder)
    written = vsa("stack", "new", "fresh", "--template", template, "--tenant", "acme", "--to", folder)
    assert written.returncode == 0, written.stdout + written.stderr
    stacks.used("fresh")
    for last in ("changed in", "unchanged in"):
        done = vsa("stack", "up", "fresh", "--from", folder, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.splitlines()[-1].startswith(last)


def test_a_static_stack_comes_up_at_once(vsa: Vsa, stacks: Stacks, domain: str) -> None:
    _new_comes_up(vsa, stacks, "static", "--set", f"DOMAIN={domain}")
    assert "fresh runs." in stacks.vps.run(ASK).stdout


# The image of a template, and what the rig has for it: only a shell of BusyBox, and Valkey beside other programs.
STAND_INS = {"busybox:1.37.0": "nginx:1.30.7", "postgres:17.6": "postgres:17", "valkey/valkey:8.1.4": "vsa-rig-apps:1"}
TEMPLATES = {
    "worker": "busybox:1.37.0",
    "web-postgres": "postgres:17.6",
    "postgres": "postgres:17.6",
    "redis": "valkey/valkey:8.1.4",
}


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("template", TEMPLATES)
def test_every_template_comes_up_at_once(vsa: Vsa, stacks: Stacks, domain: str, template: str) -> None:
    image = TEMPLATES[template]
    present = STAND_INS[image]
    stacks.vps.load_images(present)
    stacks.vps.run(["docker", "tag", present, image])
    words = ("--set", f"DOMAIN={domain}") if template == "web-postgres" else ()
    _new_comes_up(vsa, stacks, template, *words)
    if template == "web-postgres":
        assert "fresh runs." in stacks.vps.run(ASK).stdout
