"""A host's tree in a directory, and the real transaction on it: only NGINX and the engine are fakes."""

from __future__ import annotations

import datetime
import functools
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import Plan, text_hash
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.files import dump_yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.transaction import Proxy
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change, Desired, Request
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.generations import Generations, Record
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from certs import Pair, make_pair, put_pair
from fakeproxy import FakeEngine, FakeNginx, State
from making import TEMPLATE_TEXTS

__all__ = ("AUDIT_ID", "RUN", "HostTree", "make_record", "provide")

AUDIT_ID = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
RUN = RunContext(AUDIT_ID, Actor("tester", controller="here"), "site.provision")


def provide(domain: str, upstream: str | None = "web-1:3000", **said: Any) -> Change:
    """Return the change that provisions a site; ``upstream`` is its container and port, None requests neither."""
    if upstream is not None and "routes" not in said:
        container, _colon, port = upstream.partition(":")
        said |= {"container": container, "port": int(port)}
    unset = said.pop("unset", ())
    return Change(domain, requested=said, unset=unset)


@functools.cache
def _any_pair() -> Pair:
    """Return a certificate that lasts; the transaction does not compare names."""
    now = datetime.datetime.now(datetime.UTC)
    return make_pair(["any.example"], start=now - datetime.timedelta(days=1), end=now + datetime.timedelta(days=80))


class HostTree:
    """The tree of one host below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = Paths(str(root))
        self.generations = Generations(self.paths)
        self.templates = dict(TEMPLATE_TEXTS)
        for path in (self.paths.sites, self.paths.generations, self.paths.logs):
            path.mkdir(parents=True, exist_ok=True)
        self.state = State(root / "fakes.json")
        self.engine = FakeEngine(self.state)
        self.nginx = FakeNginx(self.state, self.engine, self.paths)

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
        self.paths.vsa_yml.chmod(0o640)

    def proxy(self, on_step: Callable[[str], None] = lambda step: None) -> Proxy:
        """Return the transaction engine of this host."""
        return Proxy(self.engine, self.paths, nginx=self.nginx, on_step=on_step)

    def request(self, *changes: Change, sync: bool = False, **more: Any) -> Request:
        """Return a request."""
        return Request(run=RUN, templates=self.templates, changes=changes, sync=sync, **more)

    def desired(self, *changes: Change, sync: bool = False) -> tuple[Plan, Desired]:
        """Return the plan of a request and the generation that it leads to."""
        return self.proxy().plan(self.request(*changes, sync=sync))

    def apply(self, *changes: Change, sync: bool = False) -> Desired:
        """Make a request live. The changed sites have a certificate meanwhile."""
        self.paths.htpasswd.mkdir(parents=True, exist_ok=True)
        with self.certificates(*(change.domain for change in changes)):
            return self.proxy().apply(self.request(*changes, sync=sync))[0].desired

    def kill(self, step: str, *changes: Change, die_at: int = 0) -> None:
        """Run a transaction in a process that dies by SIGKILL before a step: no handler and no clean-up runs.

        With ``die_at`` it dies before that change of the engine instead, 1 is the first.
        """
        if die_at:
            with self.state.change() as known:
                known["die_at"] = die_at
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        process = context.Process(target=_apply_and_die, args=(self.root, self.templates, step, changes))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, f"the step {step} was not reached"

    @contextmanager
    def certificates(self, *domains: str) -> Iterator[None]:
        """Give sites a certificate by Let's Encrypt and a self-signed one unless they have them; remove these again."""
        made = []
        for domain in domains:
            for folder in (self.paths.letsencrypt / "live", self.paths.selfsigned):
                if not (folder / domain).exists():
                    made.append(folder / domain)
                    put_pair(folder / domain, chain=_any_pair().chain, key=_any_pair().key_pem)
        try:
            yield
        finally:
            for folder in made:
                for path in folder.iterdir():
                    path.unlink()
                folder.rmdir()

    @property
    def live(self) -> Path:
        """Return the directory of the live generation."""
        return self.generations.directory(self.generations.live_number())

    def file(self, name: str, number: int = 0) -> Path:
        """Return the path of a file of a generation, by default of the live one."""
        number = number or self.generations.live_number()
        record = self.generations.record(number)
        if record is None or name not in record.files:
            return self.generations.directory(number) / name
        return Path(self.generations.path(number, name, record.files))

    def break_open(self, name: str, text: str | None) -> None:
        """Change a file of the live generation by hand, as root can; None removes it."""
        path = self.file(name)
        path.unlink()
        if text is not None:
            path.write_text(text, encoding="utf-8")

    def read_record(self) -> dict[str, Any]:
        """Return the JSON of the live generation's record."""
        return dict(json.loads((self.live / "generation.json").read_text(encoding="utf-8")))


def _apply_and_die(root: Path, templates: dict[str, str], step: str, changes: tuple[Change, ...]) -> None:
    def on_step(name: str) -> None:
        if name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    host = HostTree(root)
    host.templates = templates
    host.proxy(on_step).apply(host.request(*changes))


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
