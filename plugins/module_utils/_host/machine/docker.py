# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only way to the Docker engine: a thin, typed layer over the Docker SDK for Python.

It reads and changes, and decides nothing: that is the job of ``_core``. An error of the engine becomes a VsaError with
a hint. Source: https://docker-py.readthedocs.io/en/stable/
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import ipaddress
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..._core.errors import RefusedError, RolledBackError
from ..._core.hints import Hint
from ..._core.libraries import library
from ..._core.networks import is_loopback
from ..._core.site.visitor import ContainerState
from ..._core.words import Words, escaped, shortened

__all__ = (
    "FOLDER_LABEL",
    "PROJECT_LABEL",
    "SERVICE_LABEL",
    "Container",
    "Endpoint",
    "Engine",
    "ExecResult",
    "Published",
)

PROJECT_LABEL = "com.docker.compose.project"
FOLDER_LABEL = "com.docker.compose.project.working_dir"
SERVICE_LABEL = "com.docker.compose.service"
"""How Compose marks what it makes: with the project, the folder of the project, and the service of a container."""

# A busy engine sometimes loses the helper that starts a command in a container. The command itself has not run then.
_STARTS = 2
# Marks a connection that VSA made. Only such a connection may be removed again.
_JOINED = "vsa.joined"
# The option of a network that names its interface on the host.
_BRIDGE_NAME = "com.docker.network.bridge.name"


@dataclass(frozen=True)
class Endpoint:
    """The connection of a container to one network."""

    address: str
    address6: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Published:
    """A published port: ``host`` address and port, and the port inside."""

    host: str
    host_port: int
    port: int
    protocol: str


@dataclass(frozen=True)
class Container:
    """What VSA needs to know about a container.

    ``writes`` are the paths of the host that it mounts and can write.
    ``restarts`` counts how often the engine restarted it; ``exit_code`` is how its last process ended. ``probe`` is the
    last output of its health check, without control characters.
    """

    name: str
    id: str
    image: str
    image_id: str
    status: str
    health: str | None
    pid: int
    started_at: str
    networks: dict[str, Endpoint] = field(default_factory=dict)
    network_mode: str = ""
    published: tuple[Published, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    hostname: str = ""
    volumes: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    restart: str = "unless-stopped"
    exit_code: int = 0
    restarts: int = 0
    out_of_memory: bool = False
    probe: str = ""

    @property
    def running(self) -> bool:
        """Say whether its process runs now."""
        return self.status == "running"


@dataclass(frozen=True)
class ExecResult:
    """The result of a command in a container. Bytes that are not UTF-8 are replaced."""

    code: int
    stdout: str
    stderr: str

    def said(self, speaker: str) -> Words:
        """Return both streams as the words of a speaker, errors last."""
        return Words(speaker, self.output)

    @property
    def output(self) -> str:
        """Return both streams for a parser, errors last."""
        return "\n".join(part for part in (self.stdout.strip(), self.stderr.strip()) if part)


def _state(entry: Mapping[str, Any]) -> ContainerState:
    """Return the state of a container from its entry in the engine's list."""
    status, words = str(entry["State"]), str(entry.get("Status"))
    return ContainerState(
        status=status,
        unhealthy="(unhealthy)" in words,
        networks=frozenset((entry.get("NetworkSettings") or {}).get("Networks") or {}),
        # "Up 2 hours (healthy)", "Up 3 seconds (health: starting)"; without a check the engine says "Up 2 hours".
        checked=status != "running" or "health" in words,
        open_ports=_open_ports(entry),
    )


def _open_ports(entry: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the ports of the host that lead to a listed container from everywhere."""
    ports = entry.get("Ports") or ()
    published = {int(port["PublicPort"]) for port in ports if port.get("PublicPort") and not _is_private(port)}
    return tuple(sorted(published))


def _is_private(port: Mapping[str, Any]) -> bool:
    return is_loopback(str(port.get("IP") or ""))


def _container(attrs: dict[str, Any]) -> Container:
    state = attrs.get("State", {})
    settings = attrs.get("NetworkSettings", {})
    published = [
        Published(
            host=bind["HostIp"],
            host_port=int(bind["HostPort"]),
            port=int(port.split("/")[0]),
            protocol=port.split("/")[1],
        )
        for port, binds in (settings.get("Ports") or {}).items()
        for bind in binds or ()
    ]
    return Container(
        name=attrs["Name"].lstrip("/"),
        id=attrs["Id"],
        image=attrs["Config"]["Image"],
        image_id=attrs["Image"],
        status=state.get("Status", "unknown"),
        health=(state.get("Health") or {}).get("Status"),
        pid=int(state.get("Pid") or 0),
        started_at=state.get("StartedAt", ""),
        networks={
            name: Endpoint(
                address=end.get("IPAddress") or "",
                address6=end.get("GlobalIPv6Address") or "",
                aliases=tuple(end.get("Aliases") or ()),
            )
            for name, end in (settings.get("Networks") or {}).items()
        },
        network_mode=attrs.get("HostConfig", {}).get("NetworkMode", ""),
        restart=(attrs.get("HostConfig", {}).get("RestartPolicy") or {}).get("Name") or "no",
        published=tuple(published),
        labels=attrs["Config"].get("Labels") or {},
        hostname=attrs["Config"].get("Hostname") or "",
        volumes=tuple(mount["Name"] for mount in attrs.get("Mounts") or () if mount.get("Type") == "volume"),
        writes=tuple(
            mount["Source"] for mount in attrs.get("Mounts") or () if mount.get("Type") == "bind" and mount.get("RW")
        ),
        exit_code=int(state.get("ExitCode") or 0),
        restarts=int(attrs.get("RestartCount") or 0),
        out_of_memory=bool(state.get("OOMKilled")),
        probe=_last_probe(state.get("Health") or {}),
    )


def _last_probe(health: dict[str, Any]) -> str:
    """Return what the last health check of a container printed. A container may print what would move the cursor."""
    checks = health.get("Log") or [{}]
    printed = str(checks[-1].get("Output") or "")
    return "\n".join(escaped(line.rstrip("\r")) for line in printed.split("\n"))


def _refusal(what: str, said: Words) -> RolledBackError:
    """Return the error for something that the engine would not do, with the engine's words."""
    return RolledBackError(f"Docker would not {what} and says: {said.shown}")


class Engine:
    """The Docker engine of this host. Every call raises RefusedError if the engine does not answer."""

    def __init__(self, *, base_url: str = "unix:///var/run/docker.sock", timeout: int = 60) -> None:
        with library("docker"):
            import docker
            import docker.errors

        self._errors = docker.errors
        self._docker = docker
        with self._translated("connect to the Docker engine"):
            self._client = docker.DockerClient(base_url=base_url, timeout=timeout)
            self._api = self._client.api

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        with library("requests"):
            import requests.exceptions

        what = shortened(what)
        try:
            yield
        except self._errors.APIError as error:
            raise _refusal(what, Words("Docker", str(error.explanation or error))) from error
        except (self._errors.DockerException, requests.exceptions.RequestException, OSError) as error:
            raise RefusedError(
                "the Docker engine of this host does not answer",
                details=[f"to {what}: {Words('Docker', str(error)).shown}"],
                hint=Hint("bootstrap"),
            ) from error

    def container(self, name: str) -> Container | None:
        """Return a container by name or id, None if there is no such container."""
        with self._translated(f"inspect the container {name}"):
            try:
                attrs = self._api.inspect_container(name)
            except self._errors.NotFound:
                return None
        found = _container(attrs)
        # The API also accepts the beginning of an id. A site must never lead to a container by accident.
        return found if name in (found.name, found.id) else None

    def containers(self, *, everything: bool = True, labels: dict[str, str] | None = None) -> list[Container]:
        """Return containers sorted by name: also the stopped ones if ``everything``, and only those with ``labels``."""
        found = []
        wanted = {"label": [f"{key}={value}" for key, value in (labels or {}).items()]}
        with self._translated("list containers"):
            for entry in self._api.containers(all=everything, filters=wanted if labels else None):
                try:
                    found.append(_container(self._api.inspect_container(entry["Id"])))
                except self._errors.NotFound:
                    continue
        return sorted(found, key=lambda item: item.name)

    def inspections(self) -> list[dict[str, Any]]:
        """Return what the engine says of every container, in its own form, sorted by name."""
        found = []
        with self._translated("list containers"):
            for entry in self._api.containers(all=True):
                try:
                    found.append(self._api.inspect_container(entry["Id"]))
                except self._errors.NotFound:
                    continue
        return sorted(found, key=lambda attrs: str(attrs["Name"]))

    @staticmethod
    def as_container(attrs: dict[str, Any]) -> Container:
        """Return what the engine says of a container as a value."""
        return _container(attrs)

    def summaries(self) -> dict[str, str]:
        """Return the state of every container by name, in one call (``running``, ``exited`` …)."""
        with self._translated("list containers"):
            entries = self._api.containers(all=True)
        return {
            name.lstrip("/"): entry["State"] for entry in entries for name in entry["Names"] if name.count("/") == 1
        }

    def overview(self) -> dict[str, ContainerState]:
        """Return status, health and networks of every container by name, in one call."""
        with self._translated("list containers"):
            entries = self._api.containers(all=True)
        return {name.lstrip("/"): _state(entry) for entry in entries for name in entry["Names"] if name.count("/") == 1}

    def attached(self) -> dict[str, set[str]]:
        """Return the networks of every running container by name, in one call."""
        with self._translated("list containers"):
            entries = self._api.containers()
        return {
            name.lstrip("/"): set((entry.get("NetworkSettings") or {}).get("Networks") or {})
            for entry in entries
            for name in entry["Names"]
            if name.count("/") == 1
        }

    def remove_stopped(self, identity: str) -> None:
        """Remove a stopped container; its volumes stay. No error if it is gone; RolledBackError if it runs."""
        with self._translated(f"remove the container {identity[:12]}"):
            try:
                self._api.remove_container(identity, v=False)
            except self._errors.NotFound:
                return

    def image_id(self, reference: str) -> str | None:
        """Return the id of a local image, None if there is no such image."""
        with self._translated(f"inspect the image {reference}"):
            try:
                return str(self._api.inspect_image(reference)["Id"])  # type: ignore[no-untyped-call]
            except self._errors.ImageNotFound:
                return None

    def image_digests(self, reference: str) -> tuple[str, ...] | None:
        """Return the digests by which registries know a local image, None if there is no such image."""
        with self._translated(f"inspect the image {reference}"):
            try:
                found = self._api.inspect_image(reference)  # type: ignore[no-untyped-call]
            except self._errors.ImageNotFound:
                return None
        return tuple(str(entry).partition("@")[2] for entry in found.get("RepoDigests") or ())

    def registry_digest(self, reference: str) -> str | None:
        """Return the digest that the registry has for a reference now, None if the registry does not say."""
        try:
            with self._translated(f"ask the registry for {reference}"):
                found = self._api.inspect_distribution(reference)  # type: ignore[no-untyped-call]
        except RolledBackError:
            return None
        return str((found.get("Descriptor") or {}).get("digest") or "") or None

    def pull(self, reference: str) -> None:
        """Fetch an image from its registry. RefusedError with the engine's message if that fails."""
        error: Words | None = None
        try:
            with self._translated(f"pull the image {reference}"):
                # Read as a stream: no status code tells of an error that comes after the first line.
                for line in self._api.pull(reference, stream=True, decode=True):
                    error = Words("Docker", str(line["error"])) if line.get("error") else error
        except RolledBackError as problem:
            error = Words("Docker", problem.message)
        if error is not None:
            raise RefusedError(
                f"the image {reference} is neither on this host nor to be had from its registry",
                field="image",
                value=reference,
                details=[error],
                hint=f"docker pull {reference}",
            )

    def memory(self, name: str) -> int | None:
        """Return the memory of a running container in bytes, without the page cache, as ``docker stats`` counts it.

        None if the engine does not say.
        """
        with self._translated(f"read the memory of {name}"):
            try:
                found = self._api.stats(name, stream=False, one_shot=True)
            except (TypeError, self._errors.NotFound):  # an SDK before 5.0.3, or a container that is gone
                return None
        said = found.get("memory_stats") or {}
        parts = said.get("stats") or {}
        # Named by cgroup v2, and by v1.
        cache = parts.get("inactive_file", parts.get("total_inactive_file", 0))
        usage = said.get("usage")
        return None if usage is None else max(0, int(usage) - int(cache))

    def logs(self, name: str, *, tail: int = 100, since: float | None = None) -> str:
        """Return the newest lines of a container's log, each after its time (RFC 3339), both streams in order.

        ``since`` is a time of the epoch; older lines are left out.

        Control characters are escaped: a container may write what would move the cursor, or pass for another line.
        """
        with self._translated(f"read the log of {name}"):
            text = bytes(self._api.logs(name, tail=tail, timestamps=True, since=since)).decode(errors="replace")
        return "\n".join(escaped(line.rstrip("\r")) for line in text.split("\n"))

    def exec(
        self,
        name: str,
        argv: list[str],
        *,
        environment: dict[str, str] | None = None,
        user: str = "",
        timeout: int | None = None,
    ) -> ExecResult:
        """Run a command in a running container and wait. ``timeout`` is how many seconds may pass without output.

        RolledBackError if the engine cannot start the command, which is tried twice.
        """
        what = f"run {argv[0]} in {name}"
        with self._translated(what), self._patient(timeout):
            for _attempt in range(_STARTS):
                made = self._api.exec_create(name, argv, environment=environment, user=user)
                streams = self._api.exec_start(made["Id"], demux=True)
                stdout, stderr = ((stream or b"").decode(errors="replace") for stream in streams)
                code, ran = self._end_of(made["Id"])
                if ran:
                    return ExecResult(code, stdout, stderr)
        # There was no process. So the text is the engine's, and no verdict of the program.
        raise _refusal(shortened(what), Words("Docker", stdout or stderr))

    def _end_of(self, command: str) -> tuple[int, bool]:
        """Return the exit code of a command whose output has ended, and whether there ever was a process.

        RolledBackError if the command still runs.
        """
        for seconds in (0.0, 0.1, 0.5, 1.0, 3.0):
            # The engine may end the output a moment before it knows the exit code.
            time.sleep(seconds)
            found = self._api.exec_inspect(command)
            if found["ExitCode"] is not None:
                return int(found["ExitCode"]), bool(found["Pid"])
        raise RolledBackError(
            "Docker ended the output of a command that still runs", state="what the command did is not known"
        )

    @contextmanager
    def _patient(self, timeout: int | None) -> Iterator[None]:
        usual = self._api.timeout
        self._api.timeout = timeout or usual
        try:
            yield
        finally:
            self._api.timeout = usual

    def run_once(
        self,
        image: str,
        argv: list[str],
        *,
        binds: list[str],
        entrypoint: list[str] | None = None,
        environment: dict[str, str] | None = None,
        network: str = "none",
        tmpfs: dict[str, str] | None = None,
        cap_add: tuple[str, ...] = (),
        timeout: int = 120,
    ) -> ExecResult:
        """Run a command in a container of its own, and remove the container in any case.

        ``binds`` are ``HOST:CONTAINER:MODE``. The container has the capabilities ``cap_add`` and no other.
        RefusedError if the image is not on the host.
        """
        if self.image_id(image) is None:
            raise RefusedError(
                f"the image {image} is not on this host", field="image", value=image, hint=f"docker pull {image}"
            )
        config = self._api.create_host_config(
            binds=binds,
            network_mode=network,
            tmpfs=tmpfs,
            cap_drop=["ALL"],
            cap_add=list(cap_add),
            security_opt=["no-new-privileges:true"],
        )
        with self._translated(f"run {argv[0]} in {image}"):
            made = self._api.create_container(
                image,
                argv,
                entrypoint=entrypoint,
                environment=environment,
                host_config=config,
                name=f"vsa-once-{secrets.token_hex(6)}",
                labels={"vsa.once": "1"},
            )
            try:
                self._api.start(made["Id"])
                code = self._api.wait(made["Id"], timeout=timeout)["StatusCode"]
                stdout = self._api.logs(made["Id"], stdout=True, stderr=False)
                stderr = self._api.logs(made["Id"], stdout=False, stderr=True)
            finally:
                self._api.remove_container(made["Id"], force=True, v=True)
        return ExecResult(code=code, stdout=stdout.decode(errors="replace"), stderr=stderr.decode(errors="replace"))

    def network(self, name: str) -> dict[str, Any] | None:
        """Return what the engine knows about the network of exactly this name, or None."""
        with self._translated(f"inspect the network {name}"):
            found = [entry for entry in self._api.networks(names=[name]) if entry["Name"] == name]
        return found[0] if found else None

    def network_projects(self) -> dict[str, str]:
        """Return the Compose project of every network by name, "" if Compose did not make the network."""
        with self._translated("list networks"):
            found = self._api.networks()
        return {entry["Name"]: (entry.get("Labels") or {}).get(PROJECT_LABEL, "") for entry in found}

    def volume_projects(self) -> dict[str, str]:
        """Return the Compose project of every volume by name, "" if Compose did not make the volume."""
        with self._translated("list volumes"):
            found = self._api.volumes().get("Volumes") or []
        return {entry["Name"]: (entry.get("Labels") or {}).get(PROJECT_LABEL, "") for entry in found}

    def volume_devices(self) -> dict[str, str]:
        """Return the directory of the host to which a volume leads, by volume. A plain volume leads to none."""
        with self._translated("list volumes"):
            found = self._api.volumes().get("Volumes") or []
        devices = {entry["Name"]: str((entry.get("Options") or {}).get("device") or "") for entry in found}
        return {name: device for name, device in devices.items() if device.startswith("/")}

    def bridges(self) -> dict[str, str]:
        """Return the interface on the host of each bridge network, by the name of the network."""
        with self._translated("list networks"):
            entries = self._api.networks()
        return {
            entry["Name"]: (entry.get("Options") or {}).get(_BRIDGE_NAME) or f"br-{entry['Id'][:12]}"
            for entry in entries
            if entry.get("Driver") == "bridge"
        }

    def ensure_network(
        self,
        name: str,
        *,
        subnet6: str | None = None,
        labels: dict[str, str] | None = None,
        bridge: str | None = None,
        internal: bool = False,
    ) -> bool:
        """Create a bridge network unless it exists, with IPv6 if ``subnet6``. Returns whether it was created.

        ``internal``: nothing on it has a way out. ``bridge`` is the name of its interface on the host; without it the
        engine chooses a name.
        """
        if self.network(name) is not None:
            return False
        ipam = None
        if subnet6:
            ipaddress.IPv6Network(subnet6)
            ipam = self._docker.types.IPAMConfig(pool_configs=[self._docker.types.IPAMPool(subnet=subnet6)])
        with self._translated(f"create the network {name}"):
            self._api.create_network(
                name,
                driver="bridge",
                options={_BRIDGE_NAME: bridge} if bridge else None,
                check_duplicate=True,
                enable_ipv6=bool(subnet6),
                internal=internal,
                ipam=ipam,
                labels=labels or {},
            )
        return True

    def remove_network(self, name: str) -> None:
        """Remove a network. No error if it is gone."""
        with self._translated(f"remove the network {name}"):
            try:
                self._api.remove_network(name)
            except self._errors.NotFound:
                return

    def connect(self, network: str, container: str) -> None:
        """Connect a running container to a network, and mark the connection as made by VSA."""
        with self._translated(f"connect {container} to {network}"):
            self._api.connect_container_to_network(container, network, driver_opt={_JOINED: "1"})

    def joined(self, name: str, network: str) -> bool:
        """Say whether VSA connected a container to a network."""
        with self._translated(f"inspect the container {name}"):
            try:
                ends = self._api.inspect_container(name)["NetworkSettings"]["Networks"]
            except self._errors.NotFound:
                return False
        return _JOINED in ((ends.get(network) or {}).get("DriverOpts") or {})

    def members(self, network: str) -> list[str]:
        """Return the names of all containers on a network, also of stopped ones."""
        with self._translated(f"list the containers on {network}"):
            entries = self._api.containers(all=True, filters={"network": [network]})
        return sorted(
            name.lstrip("/")
            for entry in entries
            for name in entry["Names"]
            if name.count("/") == 1 and network in entry["NetworkSettings"]["Networks"]
        )

    def on_network(self, network: str) -> list[Container]:
        """Return all containers on a network, also the stopped ones, by name."""
        found = []
        with self._translated(f"list the containers on {network}"):
            for entry in self._api.containers(all=True, filters={"network": [network]}):
                # The filter also takes the beginning of an id.
                if network not in entry["NetworkSettings"]["Networks"]:
                    continue
                try:
                    found.append(_container(self._api.inspect_container(entry["Id"])))
                except self._errors.NotFound:
                    continue
        return sorted(found, key=lambda item: item.name)

    def remove_edge(self, network: str) -> list[str] | None:
        """Remove a network that VSA made, if no container is on it.

        Returns None if the network is gone, otherwise the names of the containers on it. The list is empty if nobody is
        on the network but somebody else made it: then it stays too.
        """
        found = self.network(network)
        if found is None:
            return None
        members = self.members(network)
        if members or "vsa.edge" not in (found.get("Labels") or {}):
            return members
        self.remove_network(network)
        return None

    def disconnect(self, network: str, container: str) -> None:
        """Disconnect a container from a network. No error if it is not connected."""
        with self._translated(f"disconnect {container} from {network}"):
            try:
                self._api.disconnect_container_from_network(container, network, force=True)
            except self._errors.NotFound:
                return

    def firewall_backend(self) -> str:
        """Return how the engine filters packets (``iptables``, ``nftables`` …), "" if an older engine does not say."""
        with self._translated("say how it filters packets"):
            found = self._api.info().get("FirewallBackend") or {}
        return str(found.get("Driver") or "")

    def version(self) -> str:
        """Return the engine's version."""
        with self._translated("say its version"):
            return str(self._api.version()["Version"])
