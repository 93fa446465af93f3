# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fakes of what the transaction needs: an engine and an NGINX that live in one JSON file.

Both keep their whole state in that file and read it again at each call. So a test may kill the process that runs the
transaction, as it may kill one on a real host: what NGINX and the engine had done by then is still there.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.networks import EDGE
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import MAIN
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Container, Endpoint, ExecResult
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.nginx import (
    AUTH_CONTAINER,
    CONTAINER,
    ConfigTest,
    Worker,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Answer
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import CONTAINER_NGINX, Paths

__all__ = ("FakeEngine", "FakeNginx", "State")

_MASTER = 100
_TRAP = re.compile(r"limit_req_zone (\S+) zone=trap")
_INCLUDE = re.compile(rf"include {re.escape(CONTAINER_NGINX)}/generations/(\d+)/sites/(\S+)\.conf;")
_STORED = re.compile(rf"include {re.escape(CONTAINER_NGINX)}/(store/([^/\s]+)/\w+\.conf);")


class State:
    """What the engine and NGINX know, in a file.

    * ``containers``: by name, each with ``running`` and its ``networks`` (name to whether VSA connected it).
    * ``networks``: by name, whether VSA made it.
    * ``next``, ``served``, ``reloads``: the generation that a reload reads, the one served, and how many reloads ran.
    * ``errors``: the lines of NGINX's error log.
    * ``dead``: sites that do not answer; ``open``: (name, path) pairs that ask for no password; ``status``: what a
      site's backend answers; ``deaf``: upstreams that answer nobody through NGINX; ``broken``: calls of the engine that
      fail.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            self._write(
                {
                    "containers": {
                        CONTAINER: {"running": True, "networks": {EDGE: False}},
                        AUTH_CONTAINER: {"running": True, "networks": {}},
                    },
                    "networks": {EDGE: False},
                    "next": 0,
                    "served": 0,
                    "reloads": 0,
                    "errors": [],
                    "dead": [],
                    "open": [],
                    "status": {},
                    "deaf": [],
                    "broken": [],
                }
            )

    def _write(self, values: Mapping[str, Any]) -> None:
        self._path.write_text(json.dumps(values), encoding="utf-8")

    def read(self) -> dict[str, Any]:
        """Return the state."""
        return dict(json.loads(self._path.read_text(encoding="utf-8")))

    @contextmanager
    def change(self) -> Iterator[dict[str, Any]]:
        """Change the state: it is written afterwards."""
        values = self.read()
        yield values
        self._write(values)


class FakeEngine:
    """The Docker engine: see ProxyEngine. It refuses what Docker refuses.

    The process dies before its change number ``die_at``, if the state has that.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def run_container(self, name: str, *networks: str) -> None:
        """Start a container on some networks, which are made if they are missing: Compose does that, not VSA."""
        with self._state.change() as known:
            known["containers"][name] = {"running": True, "networks": dict.fromkeys(networks, False)}
            for network in networks:
                known["networks"].setdefault(network, False)

    def stop(self, name: str) -> None:
        """Stop a container."""
        with self._state.change() as known:
            known["containers"][name]["running"] = False

    def _refuse(self, call: str, reason: str = "") -> None:
        if reason or call in self._state.read()["broken"]:
            raise RolledBackError(f"Docker would not {call}: {reason}")

    def _change(self, call: str) -> None:
        """Count a change; die at the wanted one."""
        self._refuse(call)
        if "die_at" not in self._state.read():
            return
        with self._state.change() as known:
            known["die_at"] -= 1
            left = known["die_at"]
            if not left:
                del known["die_at"]
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    def remove(self, name: str) -> None:
        """Remove a container, as an operator can."""
        with self._state.change() as known:
            del known["containers"][name]

    def rename(self, name: str, other: str) -> None:
        """Rename a container, as an operator can."""
        with self._state.change() as known:
            known["containers"][other] = known["containers"].pop(name)

    def container(self, name: str) -> Container | None:
        """Return a container, or None."""
        found = self._state.read()["containers"].get(name)
        if found is None:
            return None
        return Container(
            name=name,
            id=f"id of {name}",
            image="image",
            image_id="sha256:image",
            status="running" if found["running"] else "exited",
            health="healthy",
            pid=_MASTER if found["running"] else 0,
            started_at="",
            networks={network: Endpoint("192.0.2.1", "") for network in found["networks"]},
        )

    def exec(self, name: str, argv: list[str]) -> ExecResult:
        """The fake NGINX runs no commands."""
        raise AssertionError((name, argv))

    def run_once(self, image: str, argv: list[str], **options: Any) -> ExecResult:
        """The fake NGINX runs no commands."""
        raise AssertionError((image, argv, options))

    def network(self, name: str) -> dict[str, Any] | None:
        """Return a network, or None."""
        return {"Name": name} if name in self._state.read()["networks"] else None

    def ensure_network(self, name: str, *, subnet6: str | None, labels: dict[str, str] | None) -> bool:
        """Make a network unless there is one."""
        assert (subnet6, labels) != (None, None)
        self._change("ensure_network")
        with self._state.change() as known:
            missing = name not in known["networks"]
            known["networks"].setdefault(name, True)
        return missing

    def remove_network(self, name: str) -> None:
        """Remove a network; nothing may be connected to it. No network is fine."""
        self._change("remove_network")
        with self._state.change() as known:
            members = [key for key, value in known["containers"].items() if name in value["networks"]]
            if members:
                self._refuse("remove_network", f"network {name} has active endpoints")
            known["networks"].pop(name, None)

    def connect(self, network: str, container: str) -> None:
        """Connect a container."""
        self._change("connect")
        with self._state.change() as known:
            found = known["containers"].get(container)
            if found is None or network not in known["networks"]:
                self._refuse("connect", f"no such container or network: {container}, {network}")
            elif network in found["networks"]:
                self._refuse("connect", f"endpoint with name {container} already exists in network {network}")
            else:
                found["networks"][network] = True

    def disconnect(self, network: str, container: str) -> None:
        """Disconnect a container. No network is fine."""
        self._change("disconnect")
        with self._state.change() as known:
            found = known["containers"].get(container)
            if network not in known["networks"]:
                return
            if found is None or network not in found["networks"]:
                self._refuse("disconnect", f"container {container} is not connected to the network {network}")
            else:
                del found["networks"][network]

    def joined(self, name: str, network: str) -> bool:
        """Say whether VSA connected a container."""
        return bool(self._state.read()["containers"].get(name, {"networks": {}})["networks"].get(network))

    def members(self, network: str) -> list[str]:
        """Return the containers on a network."""
        self._refuse("members")
        containers = self._state.read()["containers"]
        return sorted(name for name, found in containers.items() if network in found["networks"])

    def on_network(self, network: str) -> list[Container]:
        """Return the containers on a network."""
        return [found for name in self.members(network) if (found := self.container(name))]

    def containers(self, *, everything: bool = True) -> list[Container]:
        """Return all containers."""
        assert not everything
        return [found for name in self._state.read()["containers"] if (found := self.container(name))]

    def firewall_backend(self) -> str:
        return "iptables"

    def remove_edge(self, network: str) -> list[str] | None:
        """Remove a network that VSA made and that no container is on."""
        members = self.members(network)
        if members or not self._state.read()["networks"].get(network, True):
            return members
        self.remove_network(network)
        return None


class FakeNginx:
    """NGINX: see ProxyNginx.

    A configuration is refused if it says ``no_such_directive``, or if it has two upstreams named ``clash``. A reload
    is refused if the zone named ``trap`` has another key than before.
    """

    def __init__(self, state: State, engine: FakeEngine, paths: Paths) -> None:
        self._state = state
        self._engine = engine
        self._paths = paths

    def restart(self) -> None:
        """Start anew, as after a crash or a reboot: with the generation that ``current`` points to."""
        number = int(self._paths.current.readlink().name) if self._paths.current.is_symlink() else 0
        with self._state.change() as known:
            known["containers"][CONTAINER]["running"] = True
            known["next"] = known["served"] = number

    # -- what it reads ------------------------------------------------------------------------------------------------

    def _files(self, number: int, main: str = MAIN) -> dict[str, str]:
        """Return the texts that a main file leads to."""
        directory = self._paths.generations / str(number)
        text = (directory / main).read_text(encoding="utf-8")
        files = {main: text}
        included = [text]
        for generation, name in _INCLUDE.findall(text):
            folder = self._paths.generations / generation / "sites"
            for path in folder.glob(f"{name}.conf"):
                if path.name == "_all.conf":
                    included.append(path.read_text(encoding="utf-8"))
                else:
                    files[f"sites/{path.name}"] = path.read_text(encoding="utf-8")
        for stored, domain in _STORED.findall("".join(included)):
            files[f"sites/{domain}.conf"] = (self._paths.nginx / stored).read_text(encoding="utf-8")
        return files

    def _refusal(self, number: int, main: str = MAIN) -> str | None:
        clash = ""
        for name, text in self._files(number, main).items():
            place = f"{CONTAINER_NGINX}/generations/{number}/{name}"
            for line, words in enumerate(text.splitlines(), 1):
                if "no_such_directive" in words:
                    return f'unknown directive "no_such_directive" in {place}:{line}'
                if "upstream clash" in words:
                    if clash:
                        return f'duplicate upstream "clash" in {place}:{line}'
                    clash = name
        return None

    def _served_names(self) -> dict[str, str]:
        """Return each name that NGINX answers to, with the domain of its file."""
        served = self._state.read()["served"]
        names = {}
        for name, text in self._files(served).items() if served else ():
            if name.startswith("sites/"):
                domain = name.removeprefix("sites/").removesuffix(".conf")
                for words in re.findall(r"server_name ([^;]+);", text):
                    names |= dict.fromkeys(words.split(), domain)
        return names

    # -- its processes ------------------------------------------------------------------------------------------------

    def container(self) -> Container | None:
        """Return NGINX's container."""
        return self._engine.container(CONTAINER)

    def master(self) -> int | None:
        """Return the pid of the master, None if NGINX does not run."""
        found = self.container()
        return found.pid if found and found.running else None

    def test(self, generation: int, *, main: str = MAIN) -> ConfigTest:
        """Test a configuration."""
        refusal = self._refusal(generation, main)
        return ConfigTest(refusal is None, f"nginx: [emerg] 1#1: {refusal}" if refusal else "")

    def addresses(self, names: Collection[str]) -> dict[str, frozenset[str]]:
        """Return the addresses that a test wrote down."""
        answers = self._state.read().get("answers", {})
        return {name: frozenset(answers.get(name, ())) for name in names}

    def workers(self, master: int) -> list[Worker]:
        """Return the workers of the last reload; older ones end at once."""
        assert master == _MASTER
        reloads = self._state.read()["reloads"]
        return [Worker(1000 + reloads, reloads * 100, accepting=True)]

    def end_oldest_workers(self, master: int) -> int:
        """There are none."""
        assert master == _MASTER
        return 0

    def next_generation(self, master: int) -> int:
        """Return the generation that the next reload reads."""
        assert master == _MASTER
        return int(self._state.read()["next"])

    def set_next(self, master: int, number: int) -> bool:
        """Say which generation the next reload reads; False in a container from before there was such a link."""
        assert master == _MASTER
        with self._state.change() as known:
            if known.get("old"):
                return False
            known["next"] = number
        return True

    def reload(self, master: int) -> None:
        """Read the next generation, or refuse it and keep the one served."""
        assert master == _MASTER
        if self.master() is None:
            raise RefusedError("NGINX went away before it could be reloaded")
        known = self._state.read()
        number = int(self._paths.current.readlink().name) if known.get("old") else known["next"]
        refusal = self._refusal(number) or self._trap(known["served"], number)
        with self._state.change() as known:
            if refusal:
                known["errors"].append(refusal)
            else:
                known["served"] = number
                known["reloads"] += 1

    def _trap(self, served: int, number: int) -> str | None:
        before = _TRAP.search(self._files(served)[MAIN]) if served else None
        after = _TRAP.search(self._files(number)[MAIN])
        if before and after and before[1] != after[1]:
            return f'limit_req "trap" uses the "{after[1]}" key while previously it used the "{before[1]}" key'
        return None

    def generation(self, master: int) -> int | None:
        """Return the generation served."""
        assert master == _MASTER
        return self._state.read()["served"] or None

    def error_log_size(self) -> int:
        """Return where the error log ends."""
        return len(self._state.read()["errors"])

    def wait_for_generation(
        self, master: int, number: int, *, before: set[int], log_offset: int, timeout: float
    ) -> list[str]:
        """A reload is done at once."""
        assert timeout > 0
        known = self._state.read()
        if known["errors"][log_offset:]:
            return list(known["errors"][log_offset:])
        assert not before & {worker.pid for worker in self.workers(master)}
        return [] if known["served"] == number else [f"generation {known['served']} is served, not {number}"]

    # -- probes -------------------------------------------------------------------------------------------------------

    def serving(
        self, domains: Collection[str], *, marker: str, generation: int, sites: Mapping[str, Mapping[str, Any]]
    ) -> list[str]:
        """Return the domains that are served."""
        proof: dict[str, Any] = {"marker": marker, "generation": generation, "sites": sites}
        return [domain for domain in domains if not self.prove_sites({domain: None}, **proof)]

    def prove_sites(
        self,
        wanted: Mapping[str, str | None],
        *,
        marker: str,
        generation: int,
        sites: Mapping[str, Mapping[str, Any]],
    ) -> list[str]:
        """Return a line for each site that is not served by this generation."""
        known, names = self._state.read(), self._served_names()
        problems = []
        for domain in wanted:
            name = sites[domain].get("served", domain)
            right = known["served"] == generation and names.get(name) == domain and domain not in known["dead"]
            if not right or marker not in self._files(generation)[MAIN]:
                problems.append(f"{domain} does not answer on TLS")
        return problems

    def prove_refused(self, names: Collection[str]) -> list[str]:
        """Return a line for each name that is answered."""
        return [f"{name} is still answered on TLS" for name in names if name in self._served_names()]

    def prove_closed(self, places: Collection[tuple[str, str]]) -> list[str]:
        """Return a line for each path that is open."""
        opened = self._state.read()["open"]
        return [f"{name}{path} answers 200" for name, path in places if [name, path] in opened]

    def answering(self, sites: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Return the sites whose backend answers."""
        return [domain for domain in sites if self._status(domain) not in (502, 504)]

    def fetch(self, domain: str, entry: Mapping[str, Any], *, settings: Settings) -> Answer:
        """Answer as the site's backend does."""
        assert entry["path"]
        assert settings
        return Answer(self._status(domain), 1, self._state.read().get("chain"))

    def _status(self, domain: str) -> int:
        known = self._state.read()
        if known["deaf"] and known["served"]:
            text = self._files(known["served"]).get(f"sites/{domain}.conf", "")
            if any(f"server {name}." in text for name in known["deaf"]):
                return 502
        return int(known["status"].get(domain, 200))
