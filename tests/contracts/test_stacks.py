"""A stack is a folder with plain Compose. One table of rules judges every service; one table holds the exceptions."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import parse_stack

import vsa_tree
from vsa.stack_template import TEMPLATES, write_stack

STACKS = vsa_tree.stacks()
# What `vsa stack new` makes of each template keeps the same rules.
_MADE = tempfile.TemporaryDirectory(prefix="vsa-new-")
for _template in TEMPLATES:
    write_stack(_template, name=f"new-{_template}", to=Path(_MADE.name), tenant="acme")
FOLDERS = {stack: vsa_tree.ROOT / "stacks" / stack for stack in STACKS}
FOLDERS |= {f"new-{template}": Path(_MADE.name, f"new-{template}") for template in TEMPLATES}
# The sections of the README of a stack, in this order.
SECTIONS = ("What", "Needs", "Licence", "Settings", "Backup", "Upgrade", "What is not tested here")


@dataclass(frozen=True)
class Service:
    """A service of a stack: what its Compose file says, and the lines of the file, which have the comments."""

    stack: str
    name: str
    said: dict[str, Any]
    text: str = ""
    networks: dict[str, Any] = field(default_factory=dict)
    has_site: bool = False

    @property
    def key(self) -> str:
        return f"{self.stack}/{self.name}"


# What one service has that no other service may have, and why.
ROOT = {
    "reverse-proxy/nginx": "the master binds 80 and 443, opens the logs, and starts its workers as another user",
    "reverse-proxy/certbot": "only root may read and write the keys of all certificates",
}
WRITABLE: dict[str, str] = {}
EDGE = {"reverse-proxy/nginx": "it is the proxy: the only container that meets all tenants' networks"}
PUBLISHED = {"reverse-proxy/nginx": {80, 443}}
# Stacks whose project was compromised before: their images need a digest besides the tag.
DIGESTS: set[str] = set()


def _plain(value: object) -> str:
    """Return a Compose value in which each variable is replaced by its default."""
    return re.sub(r"\$\{\w+:?-([^}]*)\}", r"\1", str(value))


def pinned_image(service: Service) -> str:
    image = _plain(service.said.get("image", ""))
    reference, _at, digest = image.partition("@")
    repository, _, tag = reference.rpartition(":")
    if not repository or not re.search(r"\d+\.\d+", tag):
        return f"{image or 'no image'} has no tag with a version"
    if service.stack in DIGESTS and not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        return f"{image} has no digest, and its project was compromised before"
    return ""


def health_check(service: Service) -> str:
    return "" if service.said.get("healthcheck", {}).get("test") else "a container without one cannot be waited for"


def restart_policy(service: Service) -> str:
    found = service.said.get("restart")
    return "" if found == "unless-stopped" else f"restart is {found}, and must be unless-stopped"


def memory_limit(service: Service) -> str:
    limits = service.said.get("deploy", {}).get("resources", {}).get("limits", {})
    return "" if service.said.get("mem_limit") or limits.get("memory") else "one container must not take all memory"


def log_rotation(service: Service) -> str:
    options = service.said.get("logging", {}).get("options", {})
    return "" if options.get("max-size") and options.get("max-file") else "its log must rotate: max-size and max-file"


def no_new_privileges(service: Service) -> str:
    found = [str(option).replace("=", ":") for option in service.said.get("security_opt", [])]
    return (
        "" if {"no-new-privileges:true", "no-new-privileges"} & set(found) else "security_opt lacks no-new-privileges"
    )


def dropped_capabilities(service: Service) -> str:
    return "" if service.said.get("cap_drop") == ["ALL"] else "cap_drop must be ALL"


def explained_capabilities(service: Service) -> str:
    """Each added capability stands on a line of its own, with a comment that says what needs it."""
    added = service.said.get("cap_add", [])
    bare = [name for name in added if not re.search(rf"(?m)^\s*- {name} +# \S", service.text)]
    return f"cap_add without a comment that says why: {bare}" if bare else ""


def read_only_root(service: Service) -> str:
    return _with_reason(service, WRITABLE, bool(service.said.get("read_only")), "read_only: true")


def other_user_than_root(service: Service) -> str:
    user = str(service.said.get("user", "")).split(":")[0]
    return _with_reason(service, ROOT, user not in ("", "0", "root"), "a user that is not root")


def internal_networks(service: Service) -> str:
    """Only what visitors or other stacks must reach is on a network from outside of the stack."""
    if service.said.get("network_mode") == "none":
        return ""
    named = service.said.get("networks") or {"default": {}}
    outside = [name for name in named if (service.networks.get(name) or {}).get("external")]
    if service.has_site:
        return ""
    return _with_reason(service, EDGE, not outside, "networks of the stack alone")


def published_ports(service: Service) -> str:
    for port in service.said.get("ports", []):
        if not isinstance(port, str):
            return "ports are written in the short form"
        number = int(_plain(port).split("/")[0].split(":")[-1])
        if number not in PUBLISHED.get(service.key, set()):
            return f"{port} is published: a site reaches a container without that"
    return ""


def no_keys_of_the_host(service: Service) -> str:
    if service.said.get("privileged") or service.said.get("network_mode") == "host" or service.said.get("pid"):
        return "privileged, or a namespace of the host"
    return "the socket of Docker" if "docker.sock" in str(service.said.get("volumes", "")) else ""


def _with_reason(service: Service, reasons: dict[str, str], fits: bool, wanted: str) -> str:
    if fits:
        return f"the table of exceptions has a row that {service.key} does not need" if service.key in reasons else ""
    return "" if reasons.get(service.key) else f"it needs {wanted}, or a reason in the table of exceptions"


RULES: tuple[Callable[[Service], str], ...] = (
    pinned_image,
    health_check,
    restart_policy,
    memory_limit,
    log_rotation,
    no_new_privileges,
    dropped_capabilities,
    explained_capabilities,
    read_only_root,
    other_user_than_root,
    internal_networks,
    published_ports,
    no_keys_of_the_host,
)


def manifest_of(stack: str) -> dict[str, Any]:
    """Return the stack.yml of a stack, which the host's own reader takes."""
    data = yaml.safe_load((FOLDERS[stack] / "stack.yml").read_text(encoding="utf-8"))
    parse_stack(data, name=stack)
    return dict(data)


def services() -> list[Service]:
    found = []
    for stack, folder in FOLDERS.items():
        # Merge keys and anchors are plain YAML, so this reader sees what Compose sees, except for ${VARIABLES}.
        text = (folder / "compose.yml").read_text(encoding="utf-8")
        compose = yaml.safe_load(text)
        served = {site.get("service") for site in manifest_of(stack).get("sites") or ()}
        for name, said in compose["services"].items():
            block = re.search(rf"(?ms)^  {re.escape(name)}:\n(.*?)(?=^(?:  )?\w|\Z)", text[text.index("\nservices:") :])
            assert block, f"{stack}: the service {name} is not written as its own block"
            networks = compose.get("networks") or {}
            found.append(Service(stack, name, said, block[1], networks, has_site=name in served))
    return found


SERVICES = services()


def test_there_are_stacks() -> None:
    assert "reverse-proxy" in STACKS


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.key)
def test_a_service_keeps_the_rules(service: Service, rule: Callable[[Service], str]) -> None:
    problem = rule(service)
    assert not problem, f"{service.key}: {problem}"


def test_the_exceptions_are_of_services_that_exist() -> None:
    known = {service.key for service in SERVICES}
    assert {*ROOT, *WRITABLE, *EDGE, *PUBLISHED} <= known
    assert set(STACKS) >= DIGESTS


GOOD: dict[str, Any] = {
    "image": "${APP_IMAGE:-registry.example.com/app:1.2.3}",
    "restart": "unless-stopped",
    "user": "1000:1000",
    "read_only": True,
    "security_opt": ["no-new-privileges:true"],
    "cap_drop": ["ALL"],
    "mem_limit": "64m",
    "logging": {"options": {"max-size": "10m", "max-file": "3"}},
    "healthcheck": {"test": ["CMD", "true"]},
    "networks": {"internal": {}},
}
# A change of a good service, and the rule that must find it.
BROKEN: list[tuple[dict[str, Any], Callable[[Service], str]]] = [
    ({"image": "app"}, pinned_image),
    ({"image": "app:latest"}, pinned_image),
    ({"image": "registry.example.com:5000/app"}, pinned_image),
    ({"restart": "always"}, restart_policy),
    ({"restart": None}, restart_policy),
    ({"user": None}, other_user_than_root),
    ({"user": "0:1000"}, other_user_than_root),
    ({"read_only": None}, read_only_root),
    ({"security_opt": ["seccomp:unconfined"]}, no_new_privileges),
    ({"cap_drop": ["NET_RAW"]}, dropped_capabilities),
    ({"cap_add": ["CHOWN"]}, explained_capabilities),
    ({"mem_limit": None}, memory_limit),
    ({"logging": {"options": {"max-size": "10m"}}}, log_rotation),
    ({"healthcheck": None}, health_check),
    ({"networks": {"edge": {}}}, internal_networks),
    ({"networks": {"internal": {}, "edge": {}}}, internal_networks),
    ({"ports": ["8080:80"]}, published_ports),
    ({"ports": ["127.0.0.1:8080:80"]}, published_ports),
    ({"ports": [{"target": 80}]}, published_ports),
    ({"volumes": ["/var/run/docker.sock:/var/run/docker.sock:ro"]}, no_keys_of_the_host),
    ({"privileged": True}, no_keys_of_the_host),
    ({"network_mode": "host"}, no_keys_of_the_host),
]


def made_up(change: dict[str, Any], text: str = "") -> Service:
    said = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    return Service("made-up", "app", said, text, {"internal": {}, "edge": {"external": True}})


@pytest.mark.parametrize(
    ("change", "rule"), BROKEN, ids=[f"{rule.__name__}-{n}" for n, (_c, rule) in enumerate(BROKEN)]
)
def test_each_rule_finds_what_it_is_for(change: dict[str, Any], rule: Callable[[Service], str]) -> None:
    assert [other.__name__ for other in RULES if other(made_up({}))] == []
    assert rule(made_up(change))


def test_a_capability_needs_its_comment() -> None:
    added = {"cap_add": ["CHOWN", "KILL"]}
    assert explained_capabilities(made_up(added, "    cap_add:\n      - CHOWN # why\n      - KILL\n")).endswith(
        "['KILL']"
    )
    assert not explained_capabilities(made_up(added, "      - CHOWN # why\n      - KILL # why\n"))


def test_what_a_site_leads_to_may_be_on_an_edge_network() -> None:
    found = made_up({"networks": {"internal": {}, "edge": {}}})
    assert not internal_networks(dataclasses.replace(found, has_site=True))


@pytest.mark.parametrize("stack", FOLDERS)
def test_a_stack_has_its_files(stack: str) -> None:
    for name in ("compose.yml", ".env.example", "stack.yml", "README.md"):
        assert (FOLDERS[stack] / name).is_file(), f"stacks/{stack} has no {name}"


def test_the_templates_share_one_block() -> None:
    """Every template has the same rules for its services, so a change of one is a change of all."""
    blocks = set()
    for template in TEMPLATES:
        text = (FOLDERS[f"new-{template}"] / "compose.yml").read_text(encoding="utf-8")
        blocks.add(text[text.index("x-service:") : text.index("\nservices:")])
    assert len(blocks) == 1


# Images of others that are larger than what we build (300 MB), and why nobody can change that.
LARGE = {
    "n8n": "2.9 GB of node_modules",
    "LiteLLM": "581 MB",
    "Dify": "several images of its makers",
    "Grafana": "one image of its makers",
}


@pytest.mark.parametrize("name", LARGE)
def test_an_image_that_is_too_large_is_written_down(name: str) -> None:
    assert name in vsa_tree.text(Path("CONTRIBUTING.md")), "the exceptions stand in 'Add a stack'"
    for stack in STACKS:
        if name.lower() in stack:
            needs = vsa_tree.text(Path("stacks") / stack / "README.md").split("## Needs")[1].split("\n## ")[0]
            assert re.search(r"\d (?:MB|GB)\b", needs), f"stacks/{stack}/README.md says no size"


@pytest.mark.parametrize("stack", FOLDERS)
def test_the_readme_has_its_sections(stack: str) -> None:
    text = (FOLDERS[stack] / "README.md").read_text(encoding="utf-8")
    parts = re.split(r"(?m)^## (.+)$", text)
    assert tuple(parts[1::2]) == SECTIONS
    for title, body in zip(parts[1::2], parts[2::2], strict=True):
        assert len(body.split()) >= 5, f"stacks/{stack}/README.md says nothing about: {title}"


@pytest.mark.parametrize("stack", FOLDERS)
def test_every_variable_is_in_the_example(stack: str) -> None:
    compose, example = ((FOLDERS[stack] / name).read_text(encoding="utf-8") for name in ("compose.yml", ".env.example"))
    # VSA itself says whose the stack is.
    used = set(re.findall(r"\$\{(\w+)", compose)) - {"VSA_TENANT", "VSA_STACK"}
    shown = set(re.findall(r"(?m)^#?\s*([A-Z][A-Z0-9_]*)=", example))
    assert used <= shown, f"not in .env.example: {sorted(used - shown)}"


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
