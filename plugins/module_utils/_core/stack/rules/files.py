# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stack may not mount or read: files of the host outside its folder, the engine's socket, others' volumes.

Mappings are as ``docker compose config --format json`` writes them.
Source: https://docs.docker.com/reference/compose-file/volumes/
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...finding import Finding
from .catalogue import violation
from .facts import Facts

__all__ = ("judge_builds", "judge_mounts", "judge_sources", "judge_volumes", "paths_of")

Config = Mapping[str, Any]

# The sockets of engines: whoever has one is root on the host.
_SOCKETS = ("/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman/podman.sock")
# The options of a tmpfs that stay inside the volume, and those of a bind mount. Source: mount(8).
_TMPFS_OPTIONS = frozenset("size mode uid gid nr_inodes nr_blocks noexec nosuid nodev ro rw".split())
_BIND_OPTIONS = frozenset("bind rbind ro rw".split())
_PRIVATE = (None, "", "private", "rprivate")


@dataclass(frozen=True)
class _Bind:
    """A directory or file of the host that a service mounts; ``subject`` names service and source."""

    subject: str
    source: str
    writable: bool


def judge_mounts(config: Config, facts: Facts) -> Iterator[Finding]:
    """Yield what the services mount from outside the stack's folder, and what a container can replace by a link."""
    binds = list(_binds(config))
    for bind in binds:
        yield from _judge_bind(bind.subject, bind.source, facts)
    yield from _judge_replaceable(config, binds, facts)
    for name, service in _services(config):
        yield from _mount_options(name, service)


def _judge_replaceable(config: Config, binds: list[_Bind], facts: Facts) -> Iterator[Finding]:
    """Yield what Docker looks for below a folder that a container can write, this version's or another one.

    Docker resolves links in a path again at each start of a container, so a link may come after this look: a container
    that runs meanwhile makes the link when it is told to stop.
    """
    resolved = [*((bind.subject, bind.source) for bind in binds), *_read_by_docker(config)]
    for subject, source in resolved:
        above = _folder_above(source, _written(binds), facts)
        if above is not None:
            text = f"another mount, {above}, lets a container replace {source} by a link"
            yield violation("bind-nested", subject, text)
            continue
        for container in facts.containers:
            above = _folder_above(source, container.writes, facts)
            if above is not None:
                can = f"mounts {above} and can replace {source} by a link before the start"
                text = f"the container {container.name} {can}"
                yield violation("bind-nested", subject, text)
                break
    for bind in _binds(facts.good):
        above = _folder_above(bind.source, _written(binds), facts)
        if above is not None:
            text = f"the mount {above} lets a container replace {bind.source}, which the last good version mounts"
            yield violation("bind-nested", bind.subject, text)


def _written(binds: list[_Bind]) -> list[str]:
    return [bind.source for bind in binds if bind.writable]


def _read_by_docker(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the files and folders besides mounts that Compose or Docker looks for by their paths, with the subject."""
    for kind in ("configs", "secrets"):
        for key, entry in (config.get(kind) or {}).items():
            path = str((entry or {}).get("file") or "")
            if path:
                yield f"{key} {path}", path
    for name, service in _services(config):
        build = service.get("build")
        for place in _contexts(build) if isinstance(build, Mapping) else ():
            yield f"{name} {place}", place


def _services(config: Config) -> list[tuple[str, Mapping[str, Any]]]:
    return [(str(name), service or {}) for name, service in (config.get("services") or {}).items()]


def _mounts(service: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for mount in service.get("volumes") or ():
        yield mount if isinstance(mount, Mapping) else {"type": "bind", "source": str(mount)}


def _binds(config: Config) -> Iterator[_Bind]:
    for name, service in _services(config):
        for mount in _mounts(service):
            if mount.get("type") == "bind":
                source = str(mount.get("source") or "")
                yield _Bind(f"{name} {source}", source, not mount.get("read_only"))
    for key, volume in (config.get("volumes") or {}).items():
        options = (volume or {}).get("driver_opts") or {}
        if _is_bind(options):
            source = str(options.get("device") or "")
            yield _Bind(f"{key} {source}", source, "ro" not in _option_names(options))


def _judge_bind(subject: str, source: str, facts: Facts) -> Iterator[Finding]:
    real = facts.resolved(source)
    if any(real == socket or socket.startswith(f"{real.rstrip('/')}/") for socket in _SOCKETS):
        yield violation("docker-socket", subject, f"a mount of {source} leads to the engine's socket")
        if real.endswith(".sock"):
            return
    if not facts.is_inside(source):
        where = "" if real == source else f", which is {real}"
        yield violation("bind-outside", subject, f"a mount of {source}{where} is outside the stack's folder")


def _folder_above(path: str, written: Iterable[str], facts: Facts) -> str | None:
    """Return the first of some folders of the tenant that contains a path of the stack, None if none does.

    Who can write above the tenant's folder is root on the host, and needs no link.
    """
    tenant = posixpath.dirname(facts.resolved(facts.folder))
    for folder in written if facts.is_inside(path) else ():
        real = facts.resolved(folder)
        pairs = ((path, folder), (facts.resolved(path), real))
        below = any(found.rstrip("/").startswith(f"{above.rstrip('/')}/") for found, above in pairs)
        if below and (real == tenant or real.startswith(f"{tenant}/")):
            return folder
    return None


def _mount_options(name: str, service: Mapping[str, Any]) -> Iterator[Finding]:
    for mount in _mounts(service):
        source = str(mount.get("source") or mount.get("target") or "")
        propagation = (mount.get("bind") or {}).get("propagation")
        if propagation not in _PRIVATE:
            yield violation("bind-propagation", f"{name} {source}", f"the mount of {source} is {propagation}")
        if mount.get("type") not in ("bind", "volume", "tmpfs", "image"):
            yield violation("unknown-key", f"{name} {source}", f"a mount has the type {mount.get('type')}")


# Volumes


def judge_volumes(config: Config, facts: Facts) -> Iterator[Finding]:
    """Yield volumes with a driver that reaches the host, and volumes that belong to somebody else."""
    for key, entry in (config.get("volumes") or {}).items():
        volume = entry or {}
        name = str(volume.get("name") or key)
        options = volume.get("driver_opts") or {}
        driver = volume.get("driver")
        if driver not in (None, "", "local"):
            yield violation("volume-driver", f"{key} {driver}", f"the volume {key} has the driver {driver}")
        elif options and not _harmless(options):
            shown = ", ".join(f"{option}={value}" for option, value in sorted(options.items()))
            yield violation("volume-driver", f"{key} {shown}", f"the volume {key} has the options {shown}")
        if name in facts.volumes and not facts.has_volume(name):
            yield violation("foreign-volume", name, f"the volume {name} is there and belongs to somebody else")


def _option_names(driver_opts: Mapping[str, Any]) -> list[str]:
    return [
        part.strip().partition("=")[0].lower() for part in str(driver_opts.get("o") or "").split(",") if part.strip()
    ]


def _is_bind(driver_opts: Mapping[str, Any]) -> bool:
    kinds = {*_option_names(driver_opts), str(driver_opts.get("type") or "").lower()}
    return bool(kinds & {"bind", "rbind"})


def _harmless(driver_opts: Mapping[str, Any]) -> bool:
    """Say whether the driver_opts of a volume make a tmpfs, or a plain bind mount, whose source is judged elsewhere."""
    if not set(driver_opts) <= {"type", "device", "o"}:
        return False
    names = set(_option_names(driver_opts))
    if _is_bind(driver_opts):
        return names <= _BIND_OPTIONS
    return str(driver_opts.get("type")) == "tmpfs" and names <= _TMPFS_OPTIONS


# Files that Compose or Docker reads


def judge_sources(config: Config, facts: Facts) -> Iterator[Finding]:
    """Yield configs and secrets that are files outside the stack's folder."""
    for kind in ("configs", "secrets"):
        for key, entry in (config.get(kind) or {}).items():
            path = (entry or {}).get("file")
            if path and not facts.is_inside(str(path)):
                yield violation("file-outside", f"{key} {path}", f"{kind} {key} is the file {path}")


def judge_builds(config: Config, facts: Facts, images: frozenset[str]) -> Iterator[Finding]:
    """Yield what a build takes from the host. ``images`` are the images that containers of other stacks run."""
    for name, service in _services(config):
        build = service.get("build")
        if not build:
            continue
        build = build if isinstance(build, Mapping) else {"context": build}
        yield from _build_places(name, build, facts)
        for key in ("ssh", "privileged", "entitlements"):
            if build.get(key):
                yield violation("build", f"{name} {key}", f"the build sets {key}")
        if build.get("network") not in (None, "", "none", "default"):
            yield violation("build", f"{name} network", f"the build uses the network {build['network']}")
        for key in ("cache_from", "cache_to"):
            for entry in build.get(key) or ():
                if "=" in str(entry):
                    yield violation("build", f"{name} {entry}", f"{key} of the build is {entry}")
        for tag in (service.get("image"), *(build.get("tags") or ())):
            if tag in images:
                yield violation("foreign-image", f"{name} {tag}", f"the build would replace the image {tag} of others")


def _build_places(name: str, build: Mapping[str, Any], facts: Facts) -> Iterator[Finding]:
    for place in _places(build):
        if not facts.is_inside(place):
            yield violation("build", f"{name} {place}", f"the build reads {place}")


def _places(build: Mapping[str, Any]) -> list[str]:
    """Return the directories and files that a build reads."""
    places = _contexts(build)
    if build.get("dockerfile"):
        places.append(posixpath.join(str(build.get("context") or ""), str(build["dockerfile"])))
    return places


def _contexts(build: Mapping[str, Any]) -> list[str]:
    """Return the directories that a build reads."""
    context = str(build.get("context") or "")
    others = _values(build.get("additional_contexts"))
    return [path for path in (context, *others) if path and not path.startswith(("docker-image://", "service:"))]


def _values(found: object) -> list[str]:
    if isinstance(found, Mapping):
        return [str(value) for value in found.values()]
    return [str(entry).partition("=")[2] for entry in found] if isinstance(found, list) else []


def paths_of(config: Config) -> set[str]:
    """Return every path of the host that a Compose file names, so that the host resolves their links."""
    found = {bind.source for bind in _binds(config)}
    for kind in ("configs", "secrets"):
        found |= {str((entry or {}).get("file") or "") for entry in (config.get(kind) or {}).values()}
    for _name, service in _services(config):
        build = service.get("build")
        if isinstance(build, Mapping):
            found |= set(_places(build))
    return {path for path in found if path.startswith("/")}
