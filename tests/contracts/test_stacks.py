"""A stack is a folder with plain Compose. Each container restarts, has a health check, limits and a pinned image."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import vsa_tree

STACKS = vsa_tree.stacks()
# The proxy is the only stack that the Internet may reach: 80 and 443 on every address.
PUBLIC_PORTS = {"reverse-proxy": {80, 443}}


def services() -> list[tuple[str, str, dict[str, Any]]]:
    found = []
    for stack in STACKS:
        # Merge keys and anchors are plain YAML, so this reader sees what Compose sees, except for ${VARIABLES}.
        compose = yaml.safe_load(vsa_tree.text(Path("stacks") / stack / "compose.yml"))
        found += [(stack, name, service) for name, service in compose["services"].items()]
    return found


SERVICES = [pytest.param(*row, id=f"{row[0]}/{row[1]}") for row in services()]


def plain(value: object) -> str:
    """Return a Compose value in which each variable is replaced by its default."""
    return re.sub(r"\$\{\w+:?-([^}]*)\}", r"\1", str(value))


def test_there_are_stacks() -> None:
    assert "reverse-proxy" in STACKS


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_has_its_files(stack: str) -> None:
    for name in ("compose.yml", ".env.example", "stack.yml", "README.md"):
        assert Path("stacks") / stack / name in vsa_tree.files(), f"stacks/{stack} has no {name}"


@pytest.mark.parametrize("stack", STACKS)
def test_every_variable_is_in_the_example(stack: str) -> None:
    used = set(re.findall(r"\$\{(\w+)", vsa_tree.text(Path("stacks") / stack / "compose.yml")))
    shown = set(re.findall(r"(?m)^#?\s*([A-Z][A-Z0-9_]*)=", vsa_tree.text(Path("stacks") / stack / ".env.example")))
    assert used <= shown, f"not in .env.example: {sorted(used - shown)}"


@pytest.mark.parametrize(("stack", "name", "service"), SERVICES)
def test_a_service_is_watched_and_bounded(stack: str, name: str, service: dict[str, Any]) -> None:
    assert service.get("restart") == "unless-stopped"
    assert service.get("healthcheck", {}).get("test"), "a container without a health check cannot be waited for"
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    assert service.get("mem_limit") or limits.get("memory"), "one container must not take the host's memory"
    logging = service.get("logging", {}).get("options", {})
    assert logging.get("max-size"), "its log must rotate"
    assert logging.get("max-file")


@pytest.mark.parametrize(("stack", "name", "service"), SERVICES)
def test_an_image_is_pinned(stack: str, name: str, service: dict[str, Any]) -> None:
    repository, _, tag = plain(service["image"]).rpartition(":")
    assert repository, f"{service['image']} has no tag"
    assert re.search(r"\d+\.\d+", tag), f"{tag} is not a version"


@pytest.mark.parametrize(("stack", "name", "service"), SERVICES)
def test_a_service_is_contained(stack: str, name: str, service: dict[str, Any]) -> None:
    assert "privileged" not in service
    assert "docker.sock" not in str(service.get("volumes", "")), "no container holds the keys of the host"
    assert service.get("network_mode") != "host"
    for port in service.get("ports", []):
        assert isinstance(port, str), "ports in the short form"
        published = plain(port).split("/")[0].split(":")
        if int(published[-1]) in PUBLIC_PORTS.get(stack, set()):
            continue
        assert published[0] == "127.0.0.1", f"{port} is published to the world"


# The files that may know the reverse proxy: its hooks, the registry of hooks, and the tasks that it adds.
PROXY_FILES = {"hooks.py", "reverse_proxy.py", "reverse_proxy.yml"}
GENERIC = [
    path
    for folder, ending in (
        ("plugins/module_utils/_core/stack", ".py"),
        ("plugins/module_utils/_host/stack", ".py"),
        ("roles/stack/tasks", ".yml"),
    )
    for path in vsa_tree.below(folder, ending)
    if path.name not in PROXY_FILES
]


@pytest.mark.parametrize("path", GENERIC, ids=str)
def test_the_code_for_all_stacks_knows_no_proxy(path: Path) -> None:
    found = re.findall(r"(?i)nginx|certbot|reverse.?proxy|_host\.proxy|\.\.proxy", vsa_tree.text(path))
    assert not found, f"{path} mentions {sorted(set(found))}: it belongs into the hooks of the reverse proxy"
