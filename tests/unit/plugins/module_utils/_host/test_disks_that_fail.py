"""Every file that a verb writes × every error of a disk: never a crash, and never half a change that nobody tells.

Each case fails one write after the other. Afterwards nothing has changed, or the message says what is live; the same
verb again completes the change. What the transaction writes below data/nginx has a table of its own:
proxy/test_write_errors.py.
"""

from __future__ import annotations

import datetime
import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.chain import verify
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import (
    EXIT_NOT_ROLLED_BACK,
    EXIT_REFUSED,
    EXIT_ROLLED_BACK,
    NOTHING_CHANGED,
    RefusedError,
    VsaError,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import CHANGED, Result, Step
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.host_record import record_change
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.places import Places
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.audit.trail import Trail
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.auth.users import UserRequest, add_user, remove_user
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert import issue, renew
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.issue import ensure_certificate
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.renew import RenewRequest, renew_certificates
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.revoke import RevokeRequest, revoke_certificate
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.selfsigned import LIFETIME, make_pair
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.timer import install
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.timer.install import TimerRequest, set_timer
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.wanted import IssueRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.resolver import Names
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.module import RESTORE, VhostRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.module import run as change_proxy
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.removal.run import (
    RemovalRequest,
    remove_site_from_host,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack import finish, health
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.down import StackDownRequest, report_down
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.finish import StackVerifyRequest, restore
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.finish import verify as verify_stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.up import StackUpRequest, prepare
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import _UNKNOWN_STATE, _with_disk_errors_told

from certbotengine import CertbotEngine, put_lineage
from certs import Pair
from certs import make_pair as make_chain
from failingdisk import CREATES, FailingDisk, failing_disk
from hosttree import RUN, HostTree
from often import rows
from removing import RemovalEngine, container_info
from sitehost import SiteHost
from stackhost import StackHost, fake_compose, make_container

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another group: needs root")

SHOP, NEW = "shop.test", "new.test"
HASH = "$2y$10$" + "a" * 53
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
SERVER = "https://127.0.0.1:1/dir"
ROUTES = [{"path": "/", "container": "web-1", "port": 3000}]
# More than a verb writes: a table that ends here has not seen the end.
MOST = 400
# Not part of what a host serves: locks, the fakes' own state, generations that are not live, numbers and journals.
ASIDE = ("generations/", "store/", "last.json", ".lock", "fakes.json", "journal.json", ".vsadraft", ".vsabefor")

ERRORS: dict[str, dict[str, Any]] = {
    "full": {"code": errno.ENOSPC, "lasting": True},
    "full for a moment": {"code": errno.ENOSPC, "lasting": False},
    "no inodes": {"code": errno.ENOSPC, "lasting": True, "calls": CREATES},
    "read-only": {"code": errno.EROFS, "lasting": True},
    "directory gone": {"code": errno.ENOENT, "lasting": False, "calls": ("open",)},
    "broken": {"code": errno.EIO, "lasting": False},
}


class Host:
    """A host below ``root``, which a verb changes. ``disk`` is the disk that fails meanwhile."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.patch = patch
        self.disk: FailingDisk | None = None
        self.tree = HostTree(root)
        self.paths = self.tree.paths

    def site(self) -> SiteHost:
        """Return the host of the verbs of sites."""
        return SiteHost(self.root, self.patch)


@dataclass(frozen=True)
class Verb:
    """A verb: how its host begins, the call, and whether the host is as the verb wants it.

    * ``twice``: the same verb once more changes nothing.
    * ``exact``: what is rolled back leaves nothing behind, not even a certificate.
    * ``writes``: the verb writes. A verb that only removes works on a full disk.
    """

    begin: Callable[[Host], None]
    call: Callable[[Host], Result]
    met: Callable[[Host], bool]
    twice: bool = True
    exact: bool = False
    writes: bool = True


# Users


def _with_site(host: Host, **more: Any) -> None:
    host.paths.htpasswd.mkdir(parents=True)
    host.paths.letsencrypt.mkdir(parents=True)
    make_pair(host.paths.selfsigned, (SHOP,), now=NOW)
    host.tree.apply(Change(SHOP, {"routes": ROUTES, "ca": "selfsigned", **more}))


def _with_users(host: Host) -> None:
    _with_site(host)
    for route in ("/admin/", "/api/"):
        for user in ("alice", "bob"):
            _users(host, add_user, user=user, route=route, hashed=HASH)


def _users(host: Host, verb: Callable[..., Result], **more: Any) -> Result:
    request = UserRequest(RUN, SHOP, templates=host.tree.templates, **more)
    return verb(request, check=False, diff=False, paths=host.paths, proxy=host.tree.proxy())


def _files(host: Host) -> dict[str, str]:
    return {str(path.relative_to(host.paths.htpasswd)): path.read_text() for path in host.paths.htpasswd.rglob(",*")}


# Certificates


def _ca(host: Host) -> CertbotEngine:
    """Return the engine whose certbot writes on a disk of its own."""
    engine = CertbotEngine(host.paths, _CA)
    real = engine.exec

    def run(*words: Any, **named: Any) -> Any:
        disk = host.disk or FailingDisk(host.root, at=MOST, code=0, lasting=False)
        disk.paused = True
        try:
            return real(*words, **named)
        finally:
            disk.paused = False

    engine.exec = run  # type: ignore[method-assign]
    return engine


_CA: Pair = make_chain(["A CA"])


def _with_lineage(host: Host, left: int = 20) -> None:
    host.paths.sites.mkdir(parents=True, exist_ok=True)
    host.paths.letsencrypt.mkdir(parents=True)
    pair = make_chain([SHOP], issuer=_CA, start=NOW - (90 - left) * DAY, end=NOW + left * DAY)
    put_lineage(host.paths, SHOP, pair)


def _with_old_pairs(host: Host) -> None:
    _with_lineage(host)
    for domain in ("a.test", "b.test"):
        make_pair(host.paths.selfsigned, (domain,), now=NOW - LIFETIME * 0.7)


def _issue(host: Host, **more: Any) -> Result:
    request = IssueRequest(SHOP, **{"ca": SERVER, "prove": False, **more})
    return ensure_certificate(read_host(host.paths), request, check=False, engine=_ca(host))  # type: ignore[arg-type]


def _renew(host: Host) -> Result:
    return renew_certificates(read_host(host.paths), RenewRequest(prove=False), check=False, engine=_ca(host))  # type: ignore[arg-type]


def _revoke(host: Host) -> Result:
    try:
        return revoke_certificate(read_host(host.paths), RevokeRequest(SHOP), check=False, engine=_ca(host))  # type: ignore[arg-type]
    except RefusedError as error:
        # The way out that the error names, if the lineage is half removed or gone.
        if host.disk is None and (error.there_are == [] or "cannot be revoked" in error.message):
            return _remove(host)
        raise


# Removal


def _with_remains(host: Host) -> None:
    host.tree.manifest(SHOP, {"schema": 1, "domain": SHOP, "tenant": "acme", "routes": ROUTES})
    for path in (
        host.paths.logs / f"{SHOP}.access.log",
        host.paths.htpasswd / SHOP / ",",
        host.paths.letsencrypt / f"renewal/{SHOP}.conf",
        host.paths.certs / f"{SHOP}.yml",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


def _remove(host: Host) -> Result:
    request = RemovalRequest(RUN, SHOP, {})
    engine = RemovalEngine(container_info("web-1"))
    return remove_site_from_host(request, check=False, diff=False, paths=host.paths, engine=engine)  # type: ignore[arg-type]


def _named(host: Host) -> list[str]:
    return [str(path) for path in host.root.rglob(f"*{SHOP}*") if "audit" not in path.parts]


# Sites


def _provisioned(host: Host) -> None:
    site = host.site()
    site.provision(SHOP, container="web-1", port=3000)
    _users(host, add_user, user="alice", route="/admin/", hashed=HASH)
    (host.paths.logs / f"{SHOP}.access.log").write_text("x")


def _declared(host: Host) -> Result:
    fields = {"routes": ROUTES, "ca": "selfsigned"}
    entries = [(SHOP, fields), (NEW, {**fields, "routes": [{"path": "/", "container": "web-2", "port": 3000}]})]
    return _kept_settings(host).declare(entries, settings={"email": "ops@example.com", "rate_limit": None})


def _kept_settings(host: Host) -> SiteHost:
    """Return the host of the verbs of sites with the settings that lie on its disk."""
    there = host.paths.vsa_yml.read_text() if host.paths.vsa_yml.exists() else "ca: selfsigned\n"
    disk, host.disk = host.disk, None
    if disk is not None:
        disk.paused = True
    site = host.site()
    site.settings(there)
    if disk is not None:
        disk.paused = False
    host.disk = disk
    return site


def _paused(host: Host, call: Callable[[SiteHost], Result]) -> Result:
    return call(_kept_settings(host))


# Stacks


def _stack(host: Host) -> StackHost:
    stack = StackHost(host.root)
    stack.engine.running = [make_container("app", "web", project="acme-app")] if (host.root / "runs").exists() else []
    host.patch.setattr(finish, "_SETTLE_SECONDS", 0.0)
    host.patch.setattr(health, "PAUSE_SECONDS", 0.0)
    return stack


def _stack_up(host: Host, *, note: str = "An application") -> Result:
    stack = _stack(host)
    files = {**stack.files, "stack.yml": stack.files["stack.yml"].replace("An application", note)}
    request = StackUpRequest("app", files, {"APP_DOMAIN": "app.example.com"})
    made = prepare(request, check=False, diff=False, paths=host.paths, engine=stack.engine, compose=fake_compose)  # type: ignore[arg-type]
    # Compose starts the containers here.
    stack.engine.running = [make_container("app", "web", project="acme-app")]
    verify_stack(StackVerifyRequest("app", started=True), paths=host.paths, engine=stack.engine)  # type: ignore[arg-type]
    return made


def _with_stack(host: Host) -> None:
    (host.root / "proc").mkdir()
    _stack_up(host)
    (host.root / "runs").write_text("")


def _failed_stack(host: Host) -> None:
    _with_stack(host)
    stack = _stack(host)
    files = {**stack.files, "compose.yml": stack.files["compose.yml"].replace("app:1", "app:2")}
    stack.engine.images.add("app:2")
    request = StackUpRequest("app", files, {"APP_IMAGE": "app:2"})
    prepare(request, check=False, diff=False, paths=host.paths, engine=stack.engine, compose=fake_compose)  # type: ignore[arg-type]


def _stack_restore(host: Host) -> Result:
    return restore("app", paths=host.paths, engine=_stack(host).engine)  # type: ignore[arg-type]


def _env(host: Host) -> str:
    return (host.root / "srv/acme/app/env/.env").read_text()


def _should_run(host: Host) -> bool:
    return '"down": true' not in (host.paths.stack_state("acme", "app") / "stack.json").read_text()


# The timer


def _cron(host: Host) -> Result:
    host.patch.setattr(install, "_systemctl", lambda *_words, **_named: "")
    # Two of the 60 files, each of which is written in the same way.
    host.patch.setattr(install, "imported_sources", lambda: {"a.py": "a", "below/b.py": "b"})
    return set_timer(read_host(host.paths), TimerRequest(cron=True), check=False)


VERBS: dict[str, Verb] = {
    "auth add: the first user of a path": Verb(
        _with_site,
        lambda host: _users(host, add_user, user="alice", route="/admin/", hashed=HASH),
        lambda host: _files(host) == {f"{SHOP}/,admin,": f"alice:{HASH}\n"},
        exact=True,
    ),
    "auth add: another user": Verb(
        _with_users,
        lambda host: _users(host, add_user, user="carol", route="/admin/", hashed=HASH),
        lambda host: f"carol:{HASH}" in _files(host)[f"{SHOP}/,admin,"],
    ),
    "auth remove: a user of two paths": Verb(
        _with_users,
        lambda host: _users(host, remove_user, user="bob"),
        lambda host: [*_files(host).values()] == [f"alice:{HASH}\n"] * 2,
    ),
    "auth remove: all": Verb(
        _with_users, lambda host: _users(host, remove_user), lambda host: _files(host) == {}, writes=False
    ),
    "cert issue: by a CA": Verb(
        lambda host: host.paths.letsencrypt.mkdir(parents=True),
        lambda host: _issue(host, san=["api.shop.test"]),
        lambda host: "api.shop.test" in (host.paths.certs / f"{SHOP}.yml").read_text(),
    ),
    "cert issue: self-signed": Verb(
        lambda host: host.paths.letsencrypt.mkdir(parents=True),
        lambda host: _issue(host, ca="selfsigned"),
        lambda host: (host.paths.selfsigned / SHOP / "privkey.pem").exists(),
    ),
    "cert renew": Verb(
        _with_old_pairs,
        _renew,
        lambda host: len(list((host.paths.letsencrypt / "archive" / SHOP).glob("cert*.pem"))) > 1,
        # The fake renews whatever certbot is asked for.
        twice=False,
    ),
    "cert revoke": Verb(_with_lineage, _revoke, lambda host: _named(host) == [], twice=False, writes=False),
    "cert install-cron": Verb(
        lambda host: (host.root / "etc/cron.d").mkdir(parents=True),
        _cron,
        lambda host: (host.root / "etc/cron.d/vsa-cert-renew").exists(),
    ),
    "site unprovision": Verb(_with_remains, _remove, lambda host: _named(host) == []),
    "site rename": Verb(
        _provisioned,
        lambda host: _paused(host, lambda site: site.rename(SHOP, NEW)),
        lambda host: [*host.tree.manifests()] == [NEW] and [*_files(host)] == [f"{NEW}/,admin,"],
    ),
    "site apply, with settings": Verb(
        _provisioned,
        _declared,
        lambda host: [*host.tree.manifests()] == [NEW, SHOP] and "ops@example.com" in host.paths.vsa_yml.read_text(),
    ),
    "vhost restore": Verb(
        lambda host: (_provisioned(host), [path.unlink() for path in host.paths.sites.glob("*.yml")])[0],
        lambda host: change_proxy(
            VhostRequest(RUN, host.tree.templates, phase=RESTORE),
            check=False,
            diff=False,
            paths=host.paths,
            proxy=host.tree.proxy(),
        ),
        lambda host: [*host.tree.manifests()] == [SHOP],
    ),
    "stack up: new": Verb(
        lambda host: (host.root / "proc").mkdir(), _stack_up, lambda host: "APP_DOMAIN=app.example.com" in _env(host)
    ),
    "stack up: changed": Verb(
        _with_stack,
        lambda host: _stack_up(host, note="Another text"),
        lambda host: "Another text" in (host.root / "srv/acme/app/stack.yml").read_text(),
    ),
    "stack up: back to the last good version": Verb(
        _failed_stack, _stack_restore, lambda host: "APP_IMAGE" not in _env(host)
    ),
    "stack down": Verb(
        _with_stack,
        lambda host: report_down(StackDownRequest("app", removed=True), check=False, paths=host.paths),
        lambda host: not _should_run(host),
        # Compose says what it removed.
        twice=False,
    ),
}


def visible(host: Host) -> dict[str, Any]:
    """Return what a visitor and an operator see: the files that count, and what NGINX serves."""
    found: dict[str, Any] = {}
    for path in sorted(host.root.rglob("*")):
        name = str(path.relative_to(host.root))
        if any(part in name for part in ASIDE):
            continue
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = (path.stat().st_mode, path.read_bytes())
    # Which directory a link leads to counts, not how often a generation was tried.
    return {name: value for name, value in found.items() if not name.endswith("nginx/current")}


@pytest.fixture(scope="module", params=VERBS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Verb, Path]:
    """A verb, and the tree of the host on which it begins."""
    verb = VERBS[request.param]
    root = tmp_path_factory.mktemp("base")
    with pytest.MonkeyPatch.context() as patch:
        quiet(patch)
        verb.begin(Host(root, patch))
    return verb, root


def quiet(patch: pytest.MonkeyPatch) -> None:
    """Ask nobody for CAA records."""
    patch.setattr(issue, "Names", lambda: Names([]))
    patch.setattr(renew, "resolver_names", lambda: None)


def copied(base: Path, root: Path, patch: pytest.MonkeyPatch) -> Host:
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(base, root, symlinks=True)
    return Host(root, patch)


def told(host: Host, verb: Verb) -> VsaError | None:
    """Return the error with which the module ends. Anything else but a VsaError would end with exit code 1."""
    try:
        _with_disk_errors_told(lambda: verb.call(host), changes=True)
    except VsaError as error:
        return error
    return None


@pytest.mark.parametrize("name", rows(ERRORS, often=("full", "broken")))
def test_finding_12_a_write_error_at_each_write_of_a_verb(
    case: tuple[Verb, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    verb, base = case
    quiet(monkeypatch)
    # Nobody cuts the power, and thousands of writes are faster without.
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
    begun = copied(base, tmp_path / "host", monkeypatch)
    before = visible(begun)
    failed = []
    for at in range(MOST):
        host = copied(base, tmp_path / "host", monkeypatch)
        with failing_disk(
            tmp_path / "host", at=at, spared=("fakes.json",), apart=(host.paths.nginx,), **ERRORS[name]
        ) as disk:
            host.disk = disk
            error = told(host, verb)
        host.disk = None
        where = f"write {at + 1}: {disk.failed[:1]}: {error} ({error and error.state})"
        if error is not None:
            failed.append(error)
            assert error.exit_code in (EXIT_REFUSED, EXIT_ROLLED_BACK, EXIT_NOT_ROLLED_BACK), where
            assert error.state != _UNKNOWN_STATE, f"nobody knows what is live: {where}"
        rolled_back = error is not None and verb.exact and error.exit_code == EXIT_ROLLED_BACK
        if rolled_back or (error is not None and error.state == NOTHING_CHANGED):
            after = visible(host)
            changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
            # From a disk that becomes read-only in the middle nobody can remove a draft, or take back a rename.
            late = name == "read-only" and disk.failed[0].startswith("fsync ")
            drafts = {key for key in changed if "/." in key and name == "read-only"}
            assert late or changed - drafts == set(), where
        again = verb.call(host)
        assert verb.met(host), where
        assert again is not None
        if not disk.failed:
            assert not (verb.twice and verb.call(host).changed)
            break
    else:
        pytest.fail("the table has not seen the end of the verb")
    assert failed or not verb.writes, "no write failed"


# The trail of the host


@pytest.mark.parametrize("name", ERRORS)
def test_finding_12_a_write_error_at_each_write_of_the_trail_fails_no_change(tmp_path: Path, name: str) -> None:
    for at in range(MOST):
        folder = tmp_path / str(at)
        places = Places(folder / "log", folder / "state", folder / "spool")
        folder.mkdir()
        _record(places, "017f22e2-79b0-7cc3-98c4-dc0c0c073900")
        with failing_disk(folder, at=at, **ERRORS[name]) as disk:
            _record(places, "017f22e2-79b0-7cc3-98c4-dc0c0c073901")
        _record(places, "017f22e2-79b0-7cc3-98c4-dc0c0c073902")
        trail = Trail(places)
        assert verify(trail.lines()).problems == [], f"write {at + 1}: {disk.failed}"
        kept = [line for _file, _number, line in trail.lines()]
        assert b"073900" in kept[0]
        assert b"073902" in kept[-1], f"write {at + 1}: {disk.failed}"
        if not disk.failed:
            assert len(kept) == 3
            break
    else:
        pytest.fail("the table has not seen the end")


def _record(places: Places, audit_id: str) -> None:
    run = replace(RUN, audit_id=audit_id, generations=[])
    assert isinstance(run, RunContext)
    result = Result(changed=True, steps=(Step("proxy", CHANGED, "generation 1 → 2"),))
    record_change(run, action="flowbiz.vsa.site", target=SHOP, took=1.0, result=result, places=places)
