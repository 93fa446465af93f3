# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions of ``bootstrap``: what a host lacks, where its Docker engine comes from, and what is refused.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import RefusedError, shown

__all__ = (
    "COMPOSE_MINIMUM",
    "DaemonPlan",
    "DaemonRequest",
    "EngineRequest",
    "EngineSource",
    "Platform",
    "Policy",
    "check_source",
    "choose_source",
    "holds_only_certificates",
    "last_words",
    "log_warning",
    "network_warning",
    "parse_platform",
    "parse_policy",
    "plan_daemon",
    "refusal_text",
    "state_after_refusal",
)

COMPOSE_MINIMUM = "2.18"
# Since this version the engine filters IPv6 by default. An older engine needs `ip6tables` AND `experimental`: with
# `ip6tables` alone it does not start, and `dockerd --validate` does not notice.
_FILTERS_IPV6 = (27,)
# Since this version there is `dockerd --validate`.
_VALIDATES = (23,)
# The key of daemon.json for the way in which Docker filters packets, from Docker 29 on.
_BACKEND = "firewall-backend"

# The only log driver whose options bootstrap sets.
_JSON_FILE = "json-file"
# What Docker writes beside each line of a log: the name of the container, and its labels. With these a program that
# ships logs needs no access to Docker.
_LOG_TAG = "{{.Name}}"
_LOG_LABELS = ("com.docker.compose.project", "com.docker.compose.service")
_MOST_NAMED = 10

_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_POLICY = re.compile(r"(?m)^(\S+):\n  Installed: (\S+)\n  Candidate: (\S+)$")
_NO_VERSION = "(none)"
_EVERYDAY = re.compile(r"level=(?:info|debug|warning) ")
_LOG_PREFIX = re.compile(r"^time=\S+ level=\S+ msg=")
_INDENT = " " * 11


@dataclass(frozen=True)
class Platform:
    """The operating system of a host, as /etc/os-release and dpkg name it."""

    id: str
    version: str
    codename: str
    architecture: str

    @property
    def name(self) -> str:
        """Return the name for messages: Debian 13."""
        return f"{self.id.capitalize()} {self.version}"


@dataclass(frozen=True)
class Policy:
    """The versions of packages, by package: the installed one, and the one that apt would install."""

    installed: Mapping[str, str] = field(default_factory=dict)
    candidates: Mapping[str, str] = field(default_factory=dict)

    def missing(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the packages that are not installed."""
        return tuple(name for name in names if name not in self.installed)

    def version(self, name: str) -> str:
        """Return the version without epoch and revision that is installed or would be; ``0`` if there is none."""
        full = self.installed.get(name) or self.candidates.get(name) or "0"
        found = _VERSION.match(re.sub(r"^[0-9]+:", "", full))
        return found[0] if found else "0"


@dataclass(frozen=True)
class EngineRequest:
    """What the operator asked for, and the packages of the host's platform.

    ``source`` is ``auto``, ``distro`` or ``docker``. ``repository`` is the address of Docker's repository or of a copy.
    """

    source: str
    repository: str
    distro_packages: tuple[str, ...]
    distro_compose_package: str
    docker_packages: tuple[str, ...]


@dataclass(frozen=True)
class EngineSource:
    """Where the engine comes from: ``kind`` is ``distro`` or ``docker``.

    ``missing`` are the packages to install. ``repository`` is the address of the repository to add first; it is empty
    if none has to be added.
    """

    kind: str
    missing: tuple[str, ...]
    repository: str = ""


@dataclass(frozen=True)
class DaemonRequest:
    """What the operator asked for in daemon.json.

    ``options`` are further keys, as Docker names them. They win over the keys that follow from the other fields.
    """

    address_pools: Sequence[Mapping[str, Any]]
    live_restore: bool
    log_max_size: str
    log_max_file: int
    ipv6: bool
    options: Mapping[str, Any]


@dataclass(frozen=True)
class DaemonPlan:
    """The daemon.json that the host has (``before``) and the one that it should have (``text``).

    ``changed_keys`` are the keys that change, as JSON, for messages. ``validate`` is the engine's own check of a file
    ``%s``; it is empty if the engine has none.
    """

    change: bool
    before: str
    text: str
    changed_keys: str
    validate: str


def parse_platform(os_release: str, *, architecture: str) -> Platform:
    """Return the platform that the text of /etc/os-release names (os-release(5): lines of shell assignments)."""
    values = {}
    for line in os_release.splitlines():
        name, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            values[name] = "".join(shlex.split(value))
    return Platform(
        id=values.get("ID", "unknown"),
        version=values.get("VERSION_ID", "unknown"),
        codename=values.get("VERSION_CODENAME", ""),
        architecture=architecture,
    )


def parse_policy(text: str) -> Policy:
    """Return the versions in the output of ``apt-cache policy`` in the locale C. apt leaves out unknown packages."""
    rows = _POLICY.findall(text)
    return Policy(
        installed={name: installed for name, installed, _candidate in rows if installed != _NO_VERSION},
        candidates={name: candidate for name, _installed, candidate in rows if candidate != _NO_VERSION},
    )


def choose_source(request: EngineRequest, policy: Policy, platform: Platform) -> EngineSource:
    """Return where the engine comes from.

    ``auto`` keeps the kind that is installed. Without an engine it takes the distribution's packages if their Compose
    is new enough, else Docker's.
    """
    kind = request.source
    if kind == "auto":
        own_fits = _at_least(policy.version(request.distro_compose_package), COMPOSE_MINIMUM)
        kind = "distro" if own_fits and "docker-ce" not in policy.installed else "docker"
    if kind == "distro":
        return EngineSource(kind, policy.missing(request.distro_packages))
    # If apt knows the packages already, the repository must not be added again: two keys for one address stop apt.
    known = "docker-ce" in policy.candidates
    repository = "" if known else f"{request.repository.rstrip('/')}/{platform.id}"
    return EngineSource(kind, policy.missing(request.docker_packages), repository)


def check_source(
    request: EngineRequest,
    source: EngineSource,
    policy: Policy,
    platform: Platform,
    *,
    repository_error: str = "",
) -> None:
    """Raise RefusedError if the source would replace an engine unasked, or cannot give a Compose that is new enough.

    ``repository_error`` says why the repository to be added cannot be reached.
    """
    _check_replacement(request, source, policy)
    if source.kind == "distro":
        _check_own_compose(request, policy, platform)
        return
    docker_compose = policy.version("docker-compose-plugin")
    if not source.repository and not _at_least(docker_compose, COMPOSE_MINIMUM):
        raise RefusedError(
            f"docker-compose-plugin {docker_compose} is older than {COMPOSE_MINIMUM}",
            field="bootstrap_docker_source",
            value=request.source,
            hint="apt-get update && apt-get install --only-upgrade docker-compose-plugin (on the host)",
        )
    if repository_error:
        own = request.distro_compose_package
        raise RefusedError(
            f"{platform.name} has no Compose ≥ {COMPOSE_MINIMUM}, and Docker's repository is out of reach",
            field="bootstrap_docker_source",
            value=request.source,
            there_are=[f"{own} {policy.version(own)} (the distribution's)"],
            details=[repository_error],
            hint="a host with Debian 13 or Ubuntu 24.04, whose own Compose fits\n"
            "or let the host reach the repository, or name a copy of it: bootstrap_docker_repository=URL\n"
            "or do all but the engine: bootstrap_engine_enabled=false",
        )


def _check_replacement(request: EngineRequest, source: EngineSource, policy: Policy) -> None:
    """Refuse to replace an engine of the other kind, because its containers stop for a while.

    An operator who says ``docker`` asked for the replacement; ``auto`` did not.
    """
    has_docker_ce = "docker-ce" in policy.installed
    if source.kind == "distro" and has_docker_ce:
        engine, way_out = "docker-ce", "bootstrap_docker_source=auto, which keeps it"
    elif request.source == "auto" and source.kind == "docker" and "docker.io" in policy.installed and not has_docker_ce:
        engine, way_out = "docker.io", "bootstrap_docker_source=docker, if a pause of its containers is all right"
    else:
        return
    own_compose = policy.version(request.distro_compose_package)
    raise RefusedError(
        "an engine of the other kind is installed, and replacing it would stop its containers for a while",
        field="bootstrap_docker_source",
        value=request.source,
        there_are=[f"{engine} {policy.installed[engine]}", f"Compose {own_compose} of the distribution"],
        expected=f"Compose ≥ {COMPOSE_MINIMUM}",
        hint=way_out,
    )


def _check_own_compose(request: EngineRequest, policy: Policy, platform: Platform) -> None:
    own = request.distro_compose_package
    version = policy.version(own)
    if _at_least(version, COMPOSE_MINIMUM):
        return
    raise RefusedError(
        f"{platform.name} has no Compose ≥ {COMPOSE_MINIMUM}",
        field="bootstrap_docker_source",
        value="distro",
        there_are=[f"{own} {version}"],
        hint="bootstrap_docker_source=docker (Docker's own repository), or a host with Debian 13 or Ubuntu 24.04",
    )


def plan_daemon(
    request: DaemonRequest, before: str, *, path: str, engine_version: str, unfinished: bool = False
) -> DaemonPlan:
    """Return what daemon.json should say: the operator's file, then our keys, then the operator's options.

    ``before`` is the text of the operator's file, empty if there is none. ``engine_version`` is the version that will
    read the new file, empty if it is not known: then it is taken for a recent one. After an ``unfinished`` change the
    file is written again even if no key differs. Raises RefusedError if the text is not a JSON object.
    """
    there = _parse_daemon_json(before, path=path)
    wanted = _merged(there, _own_keys(request, there, engine_version))
    wanted = _merged(wanted, request.options)
    if wanted.get("log-driver") != _JSON_FILE:
        wanted = _without_own_attributes(wanted)
    _refuse_nftables(wanted, path=path)
    changed = {key: value for key, value in wanted.items() if key not in there or there[key] != value}
    can_validate = not engine_version or _numbers(engine_version) >= _VALIDATES
    return DaemonPlan(
        change=bool(changed) or unfinished,
        before=before,
        text=json.dumps(wanted, indent=4, sort_keys=True) + "\n",
        changed_keys=json.dumps(changed, sort_keys=True),
        validate="dockerd --validate --config-file %s" if can_validate else "",
    )


def _refuse_nftables(wanted: Mapping[str, Any], *, path: str) -> None:
    """Raise RefusedError if Docker would filter packets past the chain DOCKER-USER, in which VSA's rules are.

    Source: https://docs.docker.com/engine/network/firewall-nftables/
    """
    if wanted.get(_BACKEND) == "nftables":
        raise RefusedError(
            "with Docker's firewall backend nftables no container reaches a site of this host by its public name",
            field=_BACKEND,
            value="nftables",
            expected="iptables (Docker's default; its nft variant counts too)",
            there_are=[path, "bootstrap_daemon_options"],
            hint=f"remove {_BACKEND} there, then run the same again",
        )


def _parse_daemon_json(text: str, *, path: str) -> dict[str, Any]:
    hint = "put it right or move it away, then run the same again"
    try:
        found = json.loads(text) if text.strip() else {}
    except json.JSONDecodeError as error:
        raise RefusedError(
            "the daemon.json of this host is not JSON",
            field="file",
            value=path,
            details=[f"line {error.lineno}, column {error.colno}: {error.msg}"],
            hint=hint,
        ) from error
    if not isinstance(found, dict):
        raise RefusedError("the daemon.json of this host is not a JSON object", field="file", value=path, hint=hint)
    return found


def _own_keys(request: DaemonRequest, there: Mapping[str, Any], engine_version: str) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "live-restore": request.live_restore,
        "default-address-pools": [dict(pool) for pool in request.address_pools],
    }
    # Other log drivers have other options.
    driver = request.options.get("log-driver", there.get("log-driver", _JSON_FILE))
    if driver == _JSON_FILE:
        keys["log-driver"] = _JSON_FILE
        rotation = {"max-size": request.log_max_size, "max-file": str(request.log_max_file)}
        keys["log-opts"] = {**rotation, **_log_attributes(_options_of_logs(there))}
    if request.ipv6 and engine_version and _numbers(engine_version) < _FILTERS_IPV6:
        keys["ip6tables"] = True
        keys["experimental"] = True
    return keys


def _options_of_logs(configuration: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the log-opts of a daemon.json; empty if they are missing or no mapping."""
    options = configuration.get("log-opts")
    return options if isinstance(options, Mapping) else {}


def _log_attributes(there: Mapping[str, Any]) -> dict[str, str]:
    """Return tag and labels for log-opts: the operator's tag if there is one, and the operator's labels with ours."""
    named = [label.strip() for label in str(there.get("labels") or "").split(",")]
    labels = dict.fromkeys([*filter(None, named), *_LOG_LABELS])
    return {"tag": str(there.get("tag") or _LOG_TAG), "labels": ",".join(labels)}


def _without_own_attributes(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys without tag and labels that an earlier run wrote: not every log driver knows these options."""
    if "log-opts" not in wanted:
        return dict(wanted)
    own = _log_attributes({})
    options = {key: value for key, value in _options_of_logs(wanted).items() if own.get(key) != value}
    return {**wanted, "log-opts": options}


def log_warning(plan: DaemonPlan, containers: Sequence[Mapping[str, Any]]) -> str:
    """Return the warning about containers whose log options are not those of daemon.json; empty if there is none.

    ``containers`` are containers as the engine inspects them. The engine copies the options of daemon.json into a
    container when it makes the container, so a missing option means that the container is older than the option. A
    value that the container's own Compose file sets counts as wanted.
    """
    wanted = json.loads(plan.text)
    if wanted.get("log-driver") != _JSON_FILE:
        return ""
    before = _options_of_logs(json.loads(plan.before) if plan.before.strip() else {})
    names = sorted(
        str(container["Name"]).lstrip("/")
        for container in containers
        if _keeps_old_log_options(container, before, _options_of_logs(wanted))
    )
    if not names:
        return ""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return (
        "warning: these containers keep their log options until they are recreated: "
        f"{', '.join(names[:_MOST_NAMED])}{more}"
    )


def _keeps_old_log_options(container: Mapping[str, Any], before: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Say whether a container lacks a wanted option, or has the value of the daemon.json before this change."""
    configuration = (container.get("HostConfig") or {}).get("LogConfig") or {}
    if configuration.get("Type") != _JSON_FILE:
        return False
    there = configuration.get("Config") or {}
    return any(
        key not in there or (there[key] != value and there[key] == before.get(key)) for key, value in wanted.items()
    )


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with the values of ``over``; mappings are merged at every depth, lists are replaced."""
    result = dict(base)
    for key, value in over.items():
        there = result.get(key)
        if isinstance(there, Mapping) and isinstance(value, Mapping):
            result[key] = _merged(there, value)
        else:
            result[key] = value
    return result


def network_warning(name: str) -> str:
    """Return the warning about an edge network that has no IPv6."""
    return (
        f"warning: network {name} is there without IPv6, and is left as it is, for a change would cut its containers "
        f"off; to renew it: stop them, `docker network rm {name}` on the host, run the same again, start them"
    )


def last_words(journal: str) -> str:
    """Return why the engine does not start: the last line of its journal that is no everyday message."""
    lines = [line for line in journal.splitlines() if line.strip() and not _EVERYDAY.search(line)]
    return _LOG_PREFIX.sub("", lines[-1]) if lines else "nothing"


def holds_only_certificates(text: str) -> bool:
    """Say whether a text has at least one PEM block of a certificate, and no private key."""
    return "-----BEGIN CERTIFICATE-----" in text and "PRIVATE KEY" not in text


def state_after_refusal(*, python_installed: bool, host_changed: bool) -> str:
    """Return the state of a host that is refused: nothing was changed, except what this run did before."""
    if host_changed:
        return "what this run did before stays; the same again goes on from there"
    if python_installed:
        return "nothing was changed, but Python was installed"
    return "nothing was changed"


def refusal_text(errors: Sequence[RefusedError], *, state: str, message: str = "") -> str:
    """Return refusals as the lines that the operator reads: what is wrong, where, the state of the host, the way out.

    ``message`` stands for the errors' own messages if there are several. The first words are ``refused:``; the
    wrapper recognises them.
    """
    lines = [f"refused: {message or errors[0].message}"]
    for error in errors:
        if error.field:
            lines.append(f"field      {error.field} = {shown(error.value)}")
        if error.there_are:
            lines.append(f"there are  {', '.join(error.there_are)}")
        if error.expected:
            lines.append(f"expected   {error.expected}")
        lines += [f"it said    {words}" for words in error.details]
    lines.append(state)
    first, *others = _hint_lines(errors[0]) or [""]
    if first:
        lines.append(f"try        {first}")
    lines += [f"{_INDENT}{other}" for other in others]
    return "\n".join(lines)


def _hint_lines(error: RefusedError) -> list[str]:
    """Return the hint in the words of Ansible's door."""
    written: Any = error.as_result()["vsa_error"]
    return str(written.get("try", "")).splitlines()


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with: (26, 1, 5) for 26.1.5+dfsg1; (0,) if there are none."""
    found = _VERSION.search(version)
    return tuple(int(part) for part in found[0].split(".")) if found else (0,)


def _at_least(version: str, minimum: str) -> bool:
    return _numbers(version) >= _numbers(minimum)
