# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a rolling stack and its site: the real transaction, a fake engine, and a Compose that only counts.

Everything that the engine knows is in one file, so a test may kill the process that rolls.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import parse_stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.words import Words
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Container
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.folder import Folder
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.rolling.run import RollRequest, roll
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.stacks import Version

from fakeproxy import FakeEngine, State
from hosttree import RUN, HostTree, provide
from stackhost import fake_compose

__all__ = ("DOMAIN", "NETWORK", "RollHost")

DOMAIN, NETWORK = "shop.example.com", "flowbiz_ext_acme"
STACK = {
    "schema": 1,
    "description": "A shop",
    "tenant": "acme",
    "deploy": "rolling",
    "drain": 5,
    "health": {"timeout": 5},
    "sites": [{"domain": DOMAIN, "service": "web", "port": 3000}],
}
SERVICE = {
    "image": "app:1",
    "healthcheck": {"test": ["CMD", "true"]},
    "networks": {"edge": {}},
}
COMPOSE = {
    "services": {"web": SERVICE, "db": {"image": "db:1"}},
    "networks": {"edge": {"external": True, "name": NETWORK}},
}


class RollEngine(FakeEngine):
    """The engine of the proxy's fakes, with labels, health, and what a rolling update asks besides."""

    folder = ""

    def container(self, name: str) -> Container | None:
        """Return a container by its name or id."""
        known = self._state.read()["containers"]
        name = name.removeprefix("id of ")
        found = super().container(name)
        if found is None:
            return None
        values = known[name]
        return dataclasses.replace(
            found,
            labels={**values.get("labels", {}), "com.docker.compose.project.working_dir": self.folder},
            health=values.get("health"),
            image_id="sha256:image",
            status=values.get("status", found.status),
            restarts=values.get("restarts", 0),
        )

    def containers(self, *, everything: bool = True, labels: dict[str, str] | None = None) -> list[Container]:
        """Return all containers with these labels."""
        del everything
        found = [self.container(name) for name in sorted(self._state.read()["containers"])]
        return [one for one in found if one and (labels or {}).items() <= one.labels.items()]

    def image_id(self, reference: str) -> str:
        """Return the same image for every reference: the hash of a container tells its version."""
        assert reference
        return "sha256:image"

    def logs(self, name: str, *, tail: int = 100) -> str:
        """Return the log of a container."""
        return f"2026-01-01T00:00:00Z {name} is out of order\n"[-tail * 1000 :]

    def stop(self, identity: str) -> None:  # type: ignore[override]
        """Stop a container by its id. None is fine."""
        with self._state.change() as known:
            found = known["containers"].get(identity.removeprefix("id of "))
            if found:
                found["running"] = False

    def remove_stopped(self, identity: str) -> None:
        """Remove a stopped container."""
        with self._state.change() as known:
            found = known["containers"].pop(identity.removeprefix("id of "), None)
            assert not (found and found["running"])


class FakeComposeRun:
    """Compose's ``up``: makes containers with the next number, or one in the place of another."""

    def __init__(self, state: State) -> None:
        self._state = state

    def run(self, *words: str, seconds: float) -> Words | None:
        """Do what ``up`` does with these words."""
        assert seconds > 0
        if words[0] != "up":
            return None
        scales = dict(words[number + 1].split("=") for number, word in enumerate(words) if word == "--scale")
        with self._state.change() as known:
            known.setdefault("composed", []).append(" ".join(words))
            if known.get("complains"):
                return Words("Compose", "no space left on device")
            for service in [word for word in words if word in known["wanted"]]:
                _bring(known, service, int(scales.get(service, 1)), keep=service in scales)
        return None


def _bring(known: dict[str, Any], service: str, scale: int, *, keep: bool) -> None:
    wanted = known["wanted"][service]
    mine = [name for name in known["containers"] if name.startswith(f"acme-shop-{service}-")]
    if not keep:
        for name in mine:
            known["containers"][name] |= _made(known, service, wanted)
    for name in mine:
        known["containers"][name]["running"] = True
    highest = max((int(name.rpartition("-")[2]) for name in mine), default=0)
    for number in range(scale - len(mine)):
        known["containers"][f"acme-shop-{service}-{highest + number + 1}"] = _made(known, service, wanted)


def _made(known: dict[str, Any], service: str, wanted: str) -> dict[str, Any]:
    return {
        "running": True,
        "networks": {NETWORK: False},
        "health": known.get("health", {}).get(wanted, "healthy"),
        "labels": {
            "com.docker.compose.project": "acme-shop",
            "com.docker.compose.service": service,
            "com.docker.compose.config-hash": wanted,
        },
    }


class RollHost(HostTree):
    """A host on which version ``one`` of the stack acme/shop runs, and its site is live."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.engine: RollEngine = RollEngine(self.state)
        self.engine.folder = str(root / "srv/acme/shop")
        self.nginx._engine = self.engine
        self.compose = FakeComposeRun(self.state)
        stack = parse_stack(STACK, name="shop")
        self.folder = Folder(self.paths, stack)

    def prepare(self) -> None:
        """Bring version ``one`` up."""
        config = fake_compose_of(self.root)
        files = {"stack.yml": yaml.safe_dump(STACK), "compose.yml": yaml.safe_dump(COMPOSE)}
        self.folder.write(Version(files, "", own_config=config))
        with self.state.change() as known:
            known["networks"][NETWORK] = True
            known["wanted"] = {"web": "one", "db": "d"}
            _bring(known, "web", 1, keep=False)
            _bring(known, "db", 1, keep=False)
        self.apply(provide(DOMAIN, "acme-shop-web-1:3000", tenant="acme"))

    def want(self, version: str, *, health: str = "healthy") -> None:
        """Write another version into the folder, whose containers become ``health``."""
        with self.state.change() as known:
            known["wanted"]["web"] = version
            known.setdefault("health", {})[version] = health

    def roll(self, on_step: Callable[[str], None] = lambda step: None) -> Result:
        """Roll."""
        request = RollRequest("shop", RUN, self.templates, tenant="acme")
        with self.certificates(DOMAIN):
            return roll(
                request,
                paths=self.paths,
                engine=self.engine,  # type: ignore[arg-type]
                proxy=self.proxy(on_step),
                compose=self.compose,  # type: ignore[arg-type]
                hashes=lambda _folder, _stack: self.state.read()["wanted"],
                on_step=on_step,
            )

    def kill(self, step: str, *_changes: Any, die_at: int = 0, times: int = 1) -> None:
        """Roll in a process that dies by SIGKILL before a step, at the first time that it comes, or a later one."""
        assert not die_at
        process = multiprocessing.get_context("fork").Process(target=_roll_and_die, args=(self, step, times))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, f"the step {step} was not reached"

    def replicas(self) -> dict[str, str]:
        """Return the version of each running container of the service that rolls."""
        known = self.state.read()["containers"]
        return {
            name: values["labels"]["com.docker.compose.config-hash"]
            for name, values in sorted(known.items())
            if name.startswith("acme-shop-web-") and values["running"]
        }

    def led_to(self) -> str:
        """Return the container that the generation which NGINX serves leads the site to."""
        record = self.generations.record(self.state.read()["served"])
        assert record is not None
        # While the next container is made known, the site's own route still comes first.
        return str(record.sites[DOMAIN]["containers"][0])


def fake_compose_of(root: Path) -> str:
    """Return what Compose says of the stack."""
    import json

    folder = root / "asked"
    folder.mkdir(exist_ok=True)
    (folder / "compose.yml").write_text(yaml.safe_dump(COMPOSE), encoding="utf-8")
    (folder / "env").write_text("", encoding="utf-8")
    return json.dumps(fake_compose(folder, ("compose.yml",), name="acme-shop", env_file="env"))


def _roll_and_die(host: RollHost, step: str, times: int) -> None:
    seen = []

    def on_step(name: str) -> None:
        seen.append(name)
        if seen.count(step) == times:
            os.kill(os.getpid(), signal.SIGKILL)

    host.roll(on_step)
