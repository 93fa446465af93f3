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
    refused: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        return f"{self.stack}/{self.name}"


# What one service has that no other service may have, and why.
ROOT = {
    "docker-api/list": "Docker's socket belongs to root, and its group has another number on each host",
    "docker-api/inspect": "Docker's socket belongs to root, and its group has another number on each host",
    "dify/storage_owner": "gives a fresh volume, which belongs to root, to the user of the API, and ends",
    "dify/sandbox": "makes a root and a user for each program that it runs",
    "dify/plugin_daemon": "its image has no other user, and installs programs for plugins",
    "dify/local_sandbox": "its image has a user that is not root; the number is not known without the image",
    "observability/shipper": "the logs of containers and of the proxy belong to root, and are closed for others",
    "observability/shipper-node": "the logs of containers and of the proxy belong to root, and are closed for others",
    "observability/cadvisor": "the directories of Docker's image store belong to root",
    "reverse-proxy/nginx": "the master binds 80 and 443, opens the logs, and starts its workers as another user",
    "reverse-proxy/certbot": "only root may read and write the keys of all certificates",
}
WRITABLE = {
    "dify/sandbox": "puts the root of each program below /var/sandbox",
    "dify/plugin_daemon": "makes a Python environment for each plugin, with caches in its root",
    "dify/local_sandbox": "agents install programs there",
    "observability/grafana": "Compose puts the files of secrets into the root file system",
}
# Services that end after they did their work: they have no restart policy and no health check.
ONCE = {"dify/storage_owner": "nothing remains to be done once the files have their owner"}
EDGE = {
    "observability/cadvisor": "it reads Docker on the network of the stack docker-api, which has no way out",
    "observability/loki": "the hub asks it on the network vsa_loki, which VSA makes without a way out",
    "reverse-proxy/nginx": "it is the proxy: the only container that meets all tenants' networks",
}
SOCKET = {
    "docker-api/list": "it is an allow-list before the socket, so that no other container has the socket",
    "docker-api/inspect": "it is an allow-list before the socket, so that no other container has the socket",
}
PUBLISHED = {"reverse-proxy/nginx": {80, 443}}
# Images whose project was compromised before, and the versions that were published then. Such an image needs its digest
# besides the tag. If no digest could be had, a comment beside the image says so. In both cases stack.yml refuses these
# versions.
COMPROMISED = {"litellm": {"1.82.7", "1.82.8", "1.107"}}


def _plain(value: object) -> str:
    """Return a Compose value in which each variable is replaced by its default."""
    return re.sub(r"\$\{\w+:?-([^}]*)\}", r"\1", str(value))


def pinned_image(service: Service) -> str:
    image = _plain(service.said.get("image", ""))
    reference, _at, digest = image.partition("@")
    repository, _, tag = reference.rpartition(":")
    # llama.cpp numbers its builds: server-b11206.
    if not repository or not re.search(r"\d+\.\d+|b\d{4,}", tag):
        return f"{image or 'no image'} has no tag with a version"
    unknown = re.search(r"(?m)^\s*# The digest is not known", service.text)
    if compromised(service) and not unknown and not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        return f"{image} has no digest, and its project was compromised before"
    return ""


def compromised(service: Service) -> set[str]:
    """Return the versions of a service's image that an intruder published."""
    name = _plain(service.said.get("image", "")).partition(":")[0].rpartition("/")[2]
    return {version for project, known in COMPROMISED.items() if name.startswith(project) for version in known}


def compromised_versions_are_refused(service: Service) -> str:
    missing = compromised(service) - service.refused
    return f"stack.yml does not refuse {sorted(missing)}: refused_images" if missing else ""


def health_check(service: Service) -> str:
    if service.key in ONCE:
        return "" if service.said.get("healthcheck") == {"disable": True} else "it ends: healthcheck: {disable: true}"
    return "" if service.said.get("healthcheck", {}).get("test") else "a container without one cannot be waited for"


def restart_policy(service: Service) -> str:
    found = service.said.get("restart")
    if service.key in ONCE:
        return "" if found == "no" else f"restart is {found}, and it ends: no"
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
    without = "docker.sock" not in str(service.said.get("volumes", ""))
    return _with_reason(service, SOCKET, without, "no socket of Docker")


def _with_reason(service: Service, reasons: dict[str, str], fits: bool, wanted: str) -> str:
    if fits:
        return f"the table of exceptions has a row that {service.key} does not need" if service.key in reasons else ""
    return "" if reasons.get(service.key) else f"it needs {wanted}, or a reason in the table of exceptions"


RULES: tuple[Callable[[Service], str], ...] = (
    pinned_image,
    compromised_versions_are_refused,
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
        manifest = manifest_of(stack)
        served = {end.get("service") for site in manifest.get("sites") or () for end in (site, *site.get("routes", ()))}
        refused = {version for entry in manifest.get("refused_images") or () for version in entry["versions"]}
        for name, said in compose["services"].items():
            block = re.search(rf"(?ms)^  {re.escape(name)}:\n(.*?)(?=^(?:  )?\w|\Z)", text[text.index("\nservices:") :])
            assert block, f"{stack}: the service {name} is not written as its own block"
            networks = compose.get("networks") or {}
            found.append(Service(stack, name, said, block[1], networks, name in served, frozenset(refused)))
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
    assert {*ROOT, *WRITABLE, *EDGE, *SOCKET, *PUBLISHED, *ONCE} <= known


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
    ({"image": "llama.cpp:server-b1"}, pinned_image),
    ({"image": "ghcr.io/berriai/litellm-non_root:v1.108.7"}, pinned_image),
    ({"image": f"ghcr.io/berriai/litellm:v1.108.7@sha256:{'0' * 64}"}, compromised_versions_are_refused),
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
# A rolling update is a transaction of the proxy: the sites move to the new containers, and the old workers drain.
ROLLING = Path("plugins/module_utils/_host/stack/rolling")
GENERIC = [
    path
    for folder, ending in (
        ("plugins/module_utils/_core/stack", ".py"),
        ("plugins/module_utils/_host/stack", ".py"),
        ("roles/stack/tasks", ".yml"),
    )
    for path in vsa_tree.below(folder, ending)
    if path.name not in PROXY_FILES and path.parent != ROLLING
]


@pytest.mark.parametrize("path", GENERIC, ids=str)
def test_the_code_for_all_stacks_knows_no_proxy(path: Path) -> None:
    found = re.findall(r"(?i)nginx|certbot|reverse.?proxy|_host\.proxy|\.\.proxy", vsa_tree.text(path))
    assert not found, f"{path} mentions {sorted(set(found))}: it belongs into the hooks of the reverse proxy"


# The keys that stand in Dify's own files, so everybody knows them; and how Compose would fall back to a key.
PUBLIC = r"difyai123456|lYkiYYT6owG|QaHbTe77Ctu|token-for-dev-only|MDEyMzQ1Njc4OWFi|WVF5YThaHlkYwh|sk-9f73s3ljTX"


@pytest.mark.parametrize("stack", STACKS)
def test_no_secret_of_a_stack_has_a_default(stack: str) -> None:
    """A key that stands in a file is a key that everybody knows: the host makes each one."""
    compose = (FOLDERS[stack] / "compose.yml").read_text(encoding="utf-8")
    assert not re.findall(PUBLIC, compose)
    secrets = {entry["name"] for entry in manifest_of(stack).get("secrets") or ()}
    words = re.findall(r"\$\{(\w*(?:PASSWORD|_KEY|TOKEN|SECRET)\w*)(:?-?)", compose)
    # The path of a file is no secret.
    words = [(name, default) for name, default in words if not name.endswith("_FILE")]
    assert {name for name, _default in words} <= secrets
    assert [name for name, default in words if default] == []
