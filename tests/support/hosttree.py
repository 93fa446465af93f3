"""A host's tree in a directory: manifests, settings, generations; and the steps of a transaction without an engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import Plan, make_plan, text_hash
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.files import dump_yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.desired import build_generation
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change, Desired, Request
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.generations import Generations, Record
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from making import MARKER, TEMPLATE_TEXTS, make_renderer

__all__ = ("AUDIT_ID", "HostTree", "provide")

AUDIT_ID = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


def provide(domain: str, upstream: str | None = "web-1:3000", **said: Any) -> Change:
    """Return the words that provision a site; ``upstream`` is its container and port, None says nothing of it."""
    if upstream is not None and "routes" not in said:
        container, _colon, port = upstream.partition(":")
        said |= {"container": container, "port": int(port)}
    unset = said.pop("unset", ())
    return Change(domain, requested=said, unset=unset)


class HostTree:
    """The tree of one host below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = Paths(str(root))
        self.generations = Generations(self.paths)
        self.templates = dict(TEMPLATE_TEXTS)
        for path in (self.paths.sites, self.paths.generations, self.paths.logs):
            path.mkdir(parents=True)

    def manifest(self, domain: str, content: Mapping[str, Any] | str | bytes) -> Path:
        """Write a manifest by hand."""
        path = self.paths.sites / f"{domain}.yml"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else dump_yaml(dict(content)), encoding="utf-8")
        return path

    def manifests(self) -> dict[str, str]:
        """Return the manifests on disk by domain."""
        return {path.stem: path.read_text(encoding="utf-8") for path in sorted(self.paths.sites.glob("*.yml"))}

    def settings(self, text: str) -> None:
        """Write the host's settings."""
        self.paths.vsa_yml.write_text(text, encoding="utf-8")

    def desired(self, *changes: Change, sync: bool = False) -> tuple[Plan, Desired]:
        """Return the plan of a request and what it was made of."""
        host = read_host(self.paths)
        live = host.live
        renderer = make_renderer(templates=self.templates, settings=host.settings, marker=live.marker or MARKER)
        run = RunContext(AUDIT_ID, Actor("tester", controller="here"), "site.provision")
        request = Request(run=run, templates=self.templates, changes=changes, sync=sync)
        desired = build_generation(host, request, renderer)
        plan = make_plan(
            live, desired.files, inputs=renderer.inputs, marker=live.marker or MARKER, networks=desired.networks
        )
        return plan, desired

    def stage(self, plan: Plan, desired: Desired) -> int:
        """Stage and finish a plan, and return its number."""
        number = self.generations.next_number()
        self.generations.open(number)
        hashes = self.generations.write(number, plan.files)
        self.generations.finish(make_record(number, plan, hashes=hashes, sites=desired.sites))
        return number

    def apply(self, *changes: Change, sync: bool = False) -> Desired:
        """Make a request live as a transaction does, NGINX apart."""
        plan, desired = self.desired(*changes, sync=sync)
        if plan.changed:
            number = self.stage(plan, desired)
            self.generations.switch(number)
            for name, text in self.generations.read(number).files.items():
                if name.startswith("manifests/"):
                    (self.paths.sites / name.removeprefix("manifests/")).write_text(text, encoding="utf-8")
            for domain in plan.sites_removed:
                (self.paths.sites / f"{domain}.yml").unlink(missing_ok=True)
        return desired

    @property
    def live(self) -> Path:
        """Return the directory of the live generation."""
        return self.generations.directory(self.generations.live_number())

    def break_open(self, name: str, text: str | None) -> None:
        """Change a file of the live generation by hand, as root can; None removes it."""
        path = self.live / name
        path.unlink()
        if text is not None:
            path.write_text(text, encoding="utf-8")

    def read_record(self) -> dict[str, Any]:
        """Return the JSON of the live generation's record."""
        return dict(json.loads((self.live / "generation.json").read_text(encoding="utf-8")))


def make_record(
    number: int, plan: Plan, *, hashes: dict[str, str] | None = None, sites: dict[str, dict[str, Any]] | None = None
) -> Record:
    """Return the record of a plan's generation."""
    return Record(
        number=number,
        base=plan.base,
        time="2026-11-24T10:00:00Z",
        audit_id=AUDIT_ID,
        actor="tester@here",
        verb="site.provision",
        plan=plan.hash,
        inputs=plan.inputs,
        marker=plan.marker,
        files=hashes if hashes is not None else {name: text_hash(text) for name, text in plan.files.items()},
        sites=sites or {},
        changed=list(plan.sites_changed),
        removed=list(plan.sites_removed),
        networks=list(plan.networks),
        summary=plan.summary(),
    )
