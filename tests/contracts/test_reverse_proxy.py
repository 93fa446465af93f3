"""Paths, names and numbers that the engine and the scripts of the reverse proxy both have are the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.files import File
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import parse_stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.mounted import (
    LABEL,
    label_services,
    mounted_parts,
    refuse_reloads,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert import certbot
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy import nginx
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import layout
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.key_group import key_trees
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

import vsa_tree

STACK = Path("stacks/reverse-proxy")
PATHS = Paths()
# Where the containers of NGINX and of certbot see directories of the stack's folder.
LETSENCRYPT = "/etc/letsencrypt"


def script(name: str) -> str:
    return vsa_tree.text(STACK / "bin" / name)


def services() -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load(vsa_tree.text(STACK / "compose.yml"))["services"])


def in_letsencrypt(path: Path) -> str:
    return f"{LETSENCRYPT}/{path.relative_to(PATHS.letsencrypt)}"


# Script, the text in it that has the value, and the engine's value.
SHARED = [
    ("nginx-reloader.sh", r"(?m)^lock=(\S+)$", f"{layout.CONTAINER_NGINX}/{PATHS.lock.relative_to(PATHS.nginx)}"),
    ("nginx-reloader.sh", r"(?m)^flag=(\S+)$", in_letsencrypt(PATHS.reload_flag)),
    ("nginx-reloader.sh", r"(?m)^logs=(\S+)$", layout.CONTAINER_LOGS),
    ("nginx-reloader.sh", r"(?m)^run=(\S+)$", str(Path(layout.CONTAINER_CONF).parent)),
    ("nginx-reloader.sh", r"(?m)^most_sets=(\d+)$", str(nginx._MOST_SETS)),
    ("nginx-reloader.sh", r"\$1 - last > (\d+)\)", str(nginx._SAME_RELOAD_TICKS)),
    ("nginx.sh", r"nginx\.conf\" (\S+)", layout.CONTAINER_CONF),
    ("nginx.sh", r"readlink (\S+)\)", f"{layout.CONTAINER_NGINX}/{PATHS.current.relative_to(PATHS.nginx)}"),
    ("nginx.sh", r"cat (\S+) >", in_letsencrypt(PATHS.reload_flag)),
    ("nginx-health.sh", r"--unix-socket (\S+)", layout.STATUS_SOCKET),
    ("nginx-health.sh", r"2>/dev/null <(\S+)", f"{Path(layout.CONTAINER_CONF).parent}/reloader"),
    ("certbot-deployed.sh", r"(?m)^\s*flag=(\S+)$", in_letsencrypt(PATHS.reload_flag)),
    ("certbot.sh", r"exec 9>(\S+)", in_letsencrypt(PATHS.certbot_lock)),
]


@pytest.mark.parametrize(("name", "pattern", "value"), SHARED, ids=[f"{row[0]} {row[2]}" for row in SHARED])
def test_a_script_has_the_engines_value(name: str, pattern: str, value: str) -> None:
    found = re.findall(pattern, script(name))
    assert found == [value], f"{name} has {found}, the engine has {value}"


@pytest.mark.parametrize(
    ("service", "name", "image"),
    [
        ("nginx", nginx.CONTAINER, nginx.DEFAULT_IMAGE),
        ("auth", nginx.AUTH_CONTAINER, nginx.DEFAULT_IMAGE),
        ("certbot", certbot.CONTAINER, certbot.DEFAULT_IMAGE),
    ],
)
def test_a_container_has_the_engines_name_and_image(service: str, name: str, image: str) -> None:
    found = services()[service]
    assert found["container_name"] == name
    assert re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", found["image"]) == image


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        (PATHS.nginx, layout.CONTAINER_NGINX),
        (PATHS.letsencrypt, str(Path(layout.CONTAINER_CERTS).parent)),
        (PATHS.selfsigned, layout.CONTAINER_SELFSIGNED),
        (PATHS.acme, layout.CONTAINER_ACME),
        (PATHS.htpasswd, layout.CONTAINER_HTPASSWD),
        (PATHS.logs, layout.CONTAINER_LOGS),
    ],
)
def test_a_directory_is_mounted_where_the_engine_expects_it(path: Path, inside: str) -> None:
    mounts = [volume.split(":")[:2] for volume in services()["nginx"]["volumes"]]
    assert [f"./{path.relative_to(PATHS.proxy)}", inside] in mounts


# A changed file of the stack, and whose container is recreated for it. The others read the file at each use, or never.
RECREATED = [
    ("bin/nginx.sh", {"nginx"}),
    ("etc/group", {"nginx"}),
    ("bin/auth.sh", {"auth"}),
    ("auth/nginx.conf", {"auth"}),
    ("bin/certbot-loop.sh", {"certbot"}),
    *((f"bin/{name}", set[str]()) for name in ("certbot.sh", "certbot-deployed.sh", "certbot-rights.sh")),
    *((f"bin/{name}", set[str]()) for name in ("nginx-reloader.sh", "lock.sh", "clock.sh")),
    *((f"bin/{name}-health.sh", set[str]()) for name in ("nginx", "auth", "certbot")),
]


def labels(files: dict[str, File]) -> dict[str, str]:
    """Return the hash of what it mounts for each service of the stack."""
    config: dict[str, Any] = {"services": services()}
    for service in config["services"].values():
        mounts = [volume.split(":")[0] for volume in service["volumes"]]
        service["volumes"] = [{"type": "bind", "source": mount.replace("./", "/stack/", 1)} for mount in mounts]
    stack = parse_stack(yaml.safe_load(vsa_tree.text(STACK / "stack.yml")), name="reverse-proxy")
    refuse_reloads(config, files, folder="/stack", reload=stack.reload, where="reload")
    labelled = label_services(config, mounted_parts(config, files, {}, folder="/stack"), reload=stack.reload)
    return {name: service["labels"][LABEL] for name, service in labelled["services"].items()}


def test_a_changed_file_recreates_exactly_the_containers_that_read_it_once() -> None:
    folder = vsa_tree.ROOT / STACK
    mounted = [path for name in ("bin", "auth", "etc") for path in (folder / name).iterdir()]
    files: dict[str, File] = {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in mounted}
    expected = dict(RECREATED)
    assert files.keys() - expected.keys() == {"auth/nobody"}, "say here what a change of this file recreates"
    before = labels(files)
    for name, services_of in expected.items():
        after = labels({**files, name: f"{files[name]}# new\n"})
        assert {service for service in before if before[service] != after[service]} == services_of, name


@pytest.mark.parametrize("service", ["nginx", "auth", "certbot"])
def test_a_container_starts_with_a_script_that_recreates_it(service: str) -> None:
    found = services()[service]
    assert found["entrypoint"] == ["/bin/sh", "/opt/vsa-start.sh"]
    (start,) = (volume.split(":")[0] for volume in found["volumes"] if ":/opt/vsa-start.sh:" in volume)
    once = re.findall(r"(?m)^\. (\S+)", vsa_tree.text(STACK / start))
    assert once == [], "a script that it reads once has to recreate the container too"


def test_the_reloader_starts_again_for_each_script_that_it_reads_once() -> None:
    text = script("nginx-reloader.sh")
    sourced = re.findall(r"(?m)^\. (\S+)$", text)
    assert f'find "$0" {" ".join(sourced)} -newer' in text


def test_the_groups_of_the_workers_are_the_engines() -> None:
    own, keys = str(layout.NGINX_GID), str(layout.KEYS_GID)
    assert services()["auth"]["user"] == f"{own}:{own}"
    assert services()["auth"]["group_add"] == [keys]
    assert "./etc/group:/etc/group:ro" in services()["nginx"]["volumes"]
    lines = vsa_tree.text(STACK / "etc/group").splitlines()
    assert lines == ["root:x:0:", f"nginx:x:{own}:", f"{layout.KEYS_GROUP}:x:{keys}:nginx"]


def test_the_directories_of_keys_have_the_engines_groups() -> None:
    directories = yaml.safe_load(vsa_tree.text(STACK / "stack.yml"))["directories"]
    found = {str(PATHS.proxy / entry["path"]): (entry["group"], entry.get("group_before")) for entry in directories}
    for path in key_trees(PATHS):
        assert found[str(path)] == (layout.KEYS_GID, layout.NGINX_GID)


def test_the_reloader_knows_workers_by_the_title_that_the_engine_reads() -> None:
    assert '"nginx: worker process is shutting down"*) kind=old' in script("nginx-reloader.sh")
    engine = vsa_tree.text(Path("plugins/module_utils/_host/proxy/nginx.py"))
    assert '"worker process"' in engine
    assert '"shutting down"' in engine
