# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the facts of a host for ``bootstrap``: distribution, packages, engine, users, settings.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..._core.bootstrap import (
    DaemonPlan,
    DaemonRequest,
    EngineRequest,
    EngineSource,
    Platform,
    Policy,
    refusal_text,
    state_after_refusal,
)
from ..._core.data_disk import DataDiskPlan
from ..._core.errors import RefusedError
from ..._core.result import OK, Result, Step
from ..._core.settings import setting_errors
from ..machine.apt import read_platform, read_policy
from ..machine.files import read_bytes
from ..store.layout import Paths
from ..store.settings import SettingsChange, plan_settings
from .data_disk import check_data_disk, plan_data_disk_of
from .engine import (
    EdgeNetwork,
    ExistingEngine,
    can_import,
    find_source,
    plan_daemon_change,
    read_edge_network,
    read_engine,
    read_log_warning,
    why_it_is_down,
    why_not_imported,
)

__all__ = ("BootstrapRequest", "Concerns", "DirectoryRequest", "look_at_host")

_CA_BUNDLE = "/etc/vsa/acme-ca.pem"


@dataclass(frozen=True)
class Concerns:
    """The parts of a host that this run takes care of."""

    packages: bool = False
    engine: bool = False
    daemon: bool = False
    network: bool = False
    directories: bool = False
    settings: bool = False


@dataclass(frozen=True)
class DirectoryRequest:
    """A directory that the host should have. The directory belongs to root."""

    path: str
    mode: int


@dataclass(frozen=True)
class BootstrapRequest:
    """What the operator asked for, and what this run did so far.

    * ``packages``: the libraries that the collection's modules import.
    * ``data_disk``: the disk for Docker, by its id; None if this run leaves the disks alone.
    * ``settings``: values for vsa.yml; the file keeps what it has if a value is None.
    * ``unset``: settings that go back to the built-in value.
    * ``ca_bundle``: a file on the controller. ``ca_bundle_text``: its text, empty if that is not only certificates.
    * ``python_installed``, ``host_changed``: what this run did before this look.
    * ``check``: nothing will be installed or started.
    """

    concerns: Concerns
    packages: tuple[str, ...]
    engine: EngineRequest
    daemon: DaemonRequest
    directories: tuple[DirectoryRequest, ...]
    data_disk: str | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    ca_bundle: str | None = None
    ca_bundle_text: str = ""
    python_installed: bool = False
    host_changed: bool = False
    check: bool = False


@dataclass(frozen=True)
class _Findings:
    """The state of the host. A field is None if this run does not take care of that concern."""

    platform: Platform
    packages: tuple[str, ...] | None
    engine: ExistingEngine
    source: EngineSource | None
    data_disk: DataDiskPlan | None
    daemon: DaemonPlan | None
    log_warning: str
    network: EdgeNetwork
    directories: tuple[DirectoryRequest, ...] | None
    settings: SettingsChange | None
    new_bundle: bool


def look_at_host(request: BootstrapRequest, *, paths: Paths = Paths()) -> Result:  # noqa: B008  a frozen value
    """Return what the host lacks, as the documentation of the module describes.

    A refusal is part of the result, as text: the role ends with that text. The steps name the concerns in which nothing
    has to be done.
    """
    state = state_after_refusal(python_installed=request.python_installed, host_changed=request.host_changed)
    wrong = _wrong_values(request)
    if wrong:
        return _refused(refusal_text(wrong, state=state, message="this is not a setting of a host"))
    try:
        found = _look(request, paths)
    except RefusedError as error:
        return _refused(refusal_text([error], state=state))
    return Result(steps=_steps(request, found), data={"bootstrap": _data(request, found)})


def _refused(text: str) -> Result:
    return Result(data={"bootstrap": {"refusal": text}})


def _look(request: BootstrapRequest, paths: Paths) -> _Findings:
    concerns = request.concerns
    platform = read_platform()
    policy = _read_policy(request)
    engine = read_engine(paths)
    packages = policy.missing(request.packages) if concerns.packages else None
    source = find_source(request.engine, policy, platform) if concerns.engine else None
    data_disk = _plan_data_disk(request, paths)
    _check_ca_bundle(request)
    _check_libraries(request, packages, engine)
    daemon = None
    there_will_be_an_engine = bool(engine.version) or concerns.engine
    if concerns.daemon and there_will_be_an_engine:
        daemon = plan_daemon_change(request.daemon, engine, source, policy, paths)
    network = EdgeNetwork()
    if concerns.network and there_will_be_an_engine:
        network = read_edge_network(engine, ipv6=request.daemon.ipv6, check=request.check)
    return _Findings(
        platform=platform,
        packages=packages,
        engine=engine,
        source=source,
        data_disk=data_disk,
        daemon=daemon,
        log_warning=read_log_warning(engine, daemon) if daemon else "",
        network=network,
        directories=_wrong_directories(request, paths),
        settings=_plan_settings(request, paths),
        new_bundle=_is_new_bundle(request, paths),
    )


def _plan_data_disk(request: BootstrapRequest, paths: Paths) -> DataDiskPlan | None:
    """Return what has to be done about the data disk that the operator names; None if none is named."""
    if request.data_disk:
        return plan_data_disk_of(request.data_disk, paths)
    if request.concerns.engine:
        check_data_disk(paths)
    return None


def _read_policy(request: BootstrapRequest) -> Policy:
    if not (request.concerns.packages or request.concerns.engine):
        return Policy()
    engine = request.engine
    names = [*request.packages, *engine.distro_packages, engine.distro_compose_package, *engine.docker_packages]
    return read_policy(list(dict.fromkeys(names)))


def _wrong_values(request: BootstrapRequest) -> list[RefusedError]:
    """Return an error for each value of a setting that does not have its form."""
    if not request.concerns.settings:
        return []
    requested = {name: value for name, value in request.settings.items() if value is not None}
    wrong = setting_errors(requested, request.unset, where="bootstrap_")
    if request.ca_bundle is not None and not request.ca_bundle.startswith("/"):
        expected = "an absolute path on the machine that runs Ansible"
        wrong.append(
            RefusedError("this is no path", field="bootstrap_ca_bundle", value=request.ca_bundle, expected=expected)
        )
    return wrong


def _check_ca_bundle(request: BootstrapRequest) -> None:
    if request.concerns.settings and request.ca_bundle is not None and not request.ca_bundle_text:
        raise RefusedError(
            "the CA bundle is not a PEM file of certificates alone",
            field="bootstrap_ca_bundle",
            value=request.ca_bundle,
            expected="a file on the machine that runs Ansible, with CERTIFICATE blocks and no key",
        )


def _check_libraries(request: BootstrapRequest, to_install: Sequence[str] | None, engine: ExistingEngine) -> None:
    """Refuse a host that lacks a library which this look needs, if no task of this run installs the library."""
    if to_install:
        return
    needed = {}
    if request.concerns.settings:
        needed["yaml"] = "python3-yaml"
    if request.concerns.network and engine.version:
        needed["docker"] = "python3-docker"
    lacks = [package for module, package in needed.items() if not can_import(module)]
    if lacks and request.concerns.packages:
        raise RefusedError(
            f"this host has {', '.join(lacks)}, and its Python cannot import what is in there",
            details=[why_not_imported(module) for module, package in needed.items() if package in lacks],
            hint=f"on the host: apt-get install --reinstall {' '.join(lacks)}; or a copy of pip's hides it",
        )
    if lacks:
        raise RefusedError(
            f"this host lacks {', '.join(lacks)}",
            field="bootstrap_packages_enabled",
            value=str(request.concerns.packages).lower(),
            hint="bootstrap_packages_enabled=true, or install them by hand",
        )


def _wrong_directories(request: BootstrapRequest, paths: Paths) -> tuple[DirectoryRequest, ...] | None:
    if not request.concerns.directories:
        return None
    return tuple(wanted for wanted in request.directories if not _is_there(wanted, paths))


def _is_there(wanted: DirectoryRequest, paths: Paths) -> bool:
    """Say whether a directory exists, belongs to root, and has its mode."""
    path = Path(paths.root, wanted.path.lstrip("/"))
    if not path.is_dir():
        return False
    found = path.stat()
    return (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (0, 0, wanted.mode)


def _plan_settings(request: BootstrapRequest, paths: Paths) -> SettingsChange | None:
    """Return the change of vsa.yml. None also as long as the YAML library is missing: a later look plans the change."""
    if not request.concerns.settings or not can_import("yaml"):
        return None
    requested = dict(request.settings)
    requested["ca_bundle"] = _CA_BUNDLE if request.ca_bundle else None
    return plan_settings(paths, requested, unset=request.unset, create=True)


def _is_new_bundle(request: BootstrapRequest, paths: Paths) -> bool:
    if not request.concerns.settings or request.ca_bundle is None:
        return False
    return read_bytes(Path(paths.root, _CA_BUNDLE.lstrip("/"))) != request.ca_bundle_text.encode()


def _steps(request: BootstrapRequest, found: _Findings) -> tuple[Step, ...]:
    # A second look would repeat the steps of the first look.
    if request.host_changed:
        return ()
    settings_fit = found.settings is not None and found.settings.after == found.settings.before
    ready = {
        "packages": found.packages == (),
        "data disk": found.data_disk is not None and not found.data_disk.change,
        "engine": found.source is not None and not found.source.missing and found.engine.ready,
        "daemon": found.daemon is not None and not found.daemon.change,
        "network": found.network.exists,
        "directories": found.directories == (),
        "settings": settings_fit and not found.new_bundle,
    }
    return tuple(Step(name, OK, "as it should be") for name, is_ready in ready.items() if is_ready)


def _data(request: BootstrapRequest, found: _Findings) -> dict[str, Any]:
    return {
        "refusal": "",
        "platform": asdict(found.platform),
        "packages": list(found.packages or ()),
        "data_disk": _data_disk_data(found),
        "engine": _engine_data(request, found),
        "daemon": _daemon_data(found),
        "network": asdict(found.network),
        "directories": [{"path": wanted.path, "mode": f"{wanted.mode:04o}"} for wanted in found.directories or ()],
        "settings": _settings_data(request, found),
    }


def _data_disk_data(found: _Findings) -> dict[str, Any]:
    if found.data_disk is None:
        return {"change": False}
    files = [{"path": path, "text": text} for path, text in found.data_disk.files]
    return {**asdict(found.data_disk), "files": files}


def _engine_data(request: BootstrapRequest, found: _Findings) -> dict[str, Any]:
    engine = found.engine
    source = found.source or EngineSource(kind="", missing=())
    # After an unfinished change of daemon.json the tasks of that concern bring the engine up.
    start = request.concerns.engine and not engine.ready and not (engine.unfinished and request.concerns.daemon)
    can_start = bool(engine.version) or not request.check
    return {
        "version": engine.version,
        "source": source.kind,
        "missing": list(source.missing),
        "repository": source.repository,
        "start": start and can_start,
        "words": why_it_is_down(engine),
    }


def _daemon_data(found: _Findings) -> dict[str, Any]:
    if found.daemon is None:
        return {"change": False, "warning": ""}
    return {**asdict(found.daemon), "unfinished": found.engine.unfinished, "warning": found.log_warning}


def _settings_data(request: BootstrapRequest, found: _Findings) -> dict[str, Any]:
    change = found.settings
    return {
        "known": change is not None or not request.concerns.settings,
        "change": change is not None and (bool(change.words) or change.after != change.before),
        "text": "" if change is None else change.after,
        "bundle": found.new_bundle,
    }
