"""The rollback of one site: which version comes back, what is refused, and what a kill leaves. The others stay."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint, parse_hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import manifest_file, site_file
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import OK, WARNING
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change

from hosttree import provide
from sitehost import SiteHost, texts

SHOP, BLOG = "shop.test", "blog.test"
WEB = {"container": "web-1", "port": 3000}
FIRST, BLOGGED, SECOND, LATER = 1, 2, 3, 4
STEPS = ("stage", "test", "finish", "journal", "effects", "switch", "reload", "prove", "keep", "manifests", "close")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SiteHost:
    """SHOP: made in generation 1 with a comment, changed in 3. BLOG: made in 2, changed in 4."""
    host = SiteHost(tmp_path, monkeypatch)
    host.manifest(SHOP, "schema: 1\ndomain: shop.test\n# by hand\nroutes:\n- {path: /, container: web-1, port: 3000}\n")
    host.provision(SHOP)
    host.provision(BLOG, **WEB)
    host.provision(SHOP, container="web-2", port=3000, aliases=["www.shop.test"])
    host.provision(BLOG, container="web-2", port=3000)
    return host


def test_one_site_comes_back_and_the_others_stay(host: SiteHost) -> None:
    conf, manifest = host.file(site_file(SHOP), FIRST).read_text(), host.file(manifest_file(SHOP), FIRST).read_text()
    blog = host.manifests()[BLOG]
    result = host.roll_back(SHOP)
    assert (result.changed, host.generations.live_number()) == (True, LATER + 1)
    assert host.manifests() == {BLOG: blog, SHOP: manifest}
    assert "# by hand" in manifest
    assert host.file(site_file(SHOP)).read_text() == conf
    assert result.data["rolled_back_to"] == BLOGGED
    assert parse_hint(result.data["undo_hint"]) == Hint("site.rollback", {"domain": SHOP, "generation": LATER})
    version = next(step for step in result.steps if step.name == "version")
    assert version.text.startswith(f"as in generation {BLOGGED}, made by site.provision of tester@here, ")
    assert version.notes == (
        "users, containers, data and certificates are as they are now: a rollback does not change them",
    )
    record = host.generations.record(LATER + 1)
    assert record is not None
    assert (record.verb, record.changed) == ("site.rollback", [SHOP])


def test_the_undo_of_a_rollback_brings_the_later_version_back(host: SiteHost) -> None:
    before = host.manifests()
    host.roll_back(SHOP)
    host.roll_back(SHOP, LATER)
    assert host.manifests() == before
    assert not host.roll_back(SHOP, LATER).changed, "twice changes nothing"


def test_a_check_says_what_would_change_and_changes_nothing(host: SiteHost) -> None:
    before = host.snapshot()
    result = host.roll_back(SHOP, FIRST, check=True)
    assert result.changed
    assert "generation 4 → 5" in texts(result)["proxy"]
    assert "-    server web-2" in str(result.diff).replace("-        server", "-    server")
    assert host.snapshot() == before


REFUSALS: dict[str, tuple[Callable[[SiteHost], Any], int | None, str]] = {
    "unknown generation": (lambda host: None, 99, "there is no such earlier generation"),
    "the live generation": (lambda host: None, LATER, "there is no such earlier generation"),
    "made later": (lambda host: None, FIRST, f"generation {FIRST} does not have {BLOG}"),
    "edited": (
        lambda host: (host.file(manifest_file(BLOG), BLOGGED).chmod(0o644), _edit(host)),
        BLOGGED,
        f"the manifest of {BLOG} in generation {BLOGGED} was edited by hand",
    ),
    "container gone": (lambda host: host.engine.remove("web-1"), BLOGGED, "no container is named web-1"),
    "container stopped": (lambda host: host.engine.stop("web-1"), BLOGGED, "the container is exited"),
}


def _edit(host: SiteHost) -> None:
    host.file(manifest_file(BLOG), BLOGGED).write_text("domain: other.test\n")


@pytest.mark.parametrize(("damage", "to", "message"), REFUSALS.values(), ids=list(REFUSALS))
def test_what_cannot_come_back_is_refused_and_changes_nothing(
    host: SiteHost, damage: Callable[[SiteHost], Any], to: int | None, message: str
) -> None:
    damage(host)
    before = host.snapshot()
    with pytest.raises(RefusedError) as caught:
        host.roll_back(BLOG, to)
    assert message in caught.value.message
    assert host.snapshot() == before
    if caught.value.field == "generation" and "edited" not in message:
        assert [line.split()[0] for line in caught.value.there_are] == [str(SECOND)]
        assert " (site.provision by tester@here, 20" in caught.value.there_are[0]


def test_a_name_that_another_site_took_since_is_refused(host: SiteHost) -> None:
    host.roll_back(SHOP)
    host.apply(provide("other.test", "web-1:3000", aliases=["www.shop.test"]))
    with pytest.raises(RefusedError, match="already belongs to the site other"):
        host.roll_back(SHOP, SECOND)


def test_a_site_with_one_version_alone_has_no_way_back(host: SiteHost) -> None:
    host.provision("new.test", **WEB)
    with pytest.raises(RefusedError) as caught:
        host.roll_back("new.test")
    assert caught.value.message == f"generation {LATER} does not have new.test"
    assert caught.value.hint == Hint("site.unprovision", {"domain": "new.test"})


def test_a_site_that_never_was_is_refused_by_name(host: SiteHost) -> None:
    with pytest.raises(RefusedError) as caught:
        host.roll_back("nobody.test")
    assert caught.value.field == "domain"
    assert caught.value.there_are == [BLOG, SHOP]


def test_a_site_that_went_comes_back(host: SiteHost) -> None:
    before = host.manifests()
    host.apply(Change(SHOP, absent=True))
    result = host.roll_back(SHOP)
    assert host.manifests() == before
    assert parse_hint(result.data["undo_hint"]) == Hint("site.unprovision", {"domain": SHOP})


def test_a_container_that_does_not_answer_is_a_warning(host: SiteHost) -> None:
    host.engine.run_container("web-1", "its-own")
    host.engine.run_container("web-1", "flowbiz_ext")
    host.silent.add("web-1")
    result = host.roll_back(BLOG)
    assert result.changed
    assert next(step for step in result.steps if step.name == "preflight").state == WARNING


def test_finding_6_a_version_that_does_not_answer_is_rolled_back_unless_forced(host: SiteHost) -> None:
    with host.state.change() as known:
        known["deaf"] = ["web-1"]
    before = host.manifests()
    with pytest.raises(RolledBackError, match="answers 502, and it answered before the change"):
        host.roll_back(BLOG)
    assert host.manifests() == before
    result = host.roll_back(BLOG, force=True)
    assert result.changed
    assert result.data["silent"] == [BLOG]
    live = host.generations.live_number()
    assert parse_hint(result.data["undo_hint"]) == Hint("site.rollback", {"domain": BLOG, "generation": LATER})
    assert live > LATER


def test_a_site_in_maintenance_needs_no_container(host: SiteHost) -> None:
    host.provision(BLOG, maintenance=True)
    host.provision(BLOG, unset=("maintenance",))
    host.engine.stop("web-2")
    result = host.roll_back(BLOG)
    assert result.changed
    assert "maintenance: true" in host.manifests()[BLOG]


def test_an_edit_by_hand_that_is_replaced_is_named(host: SiteHost) -> None:
    host.manifest(BLOG, host.manifests()[BLOG] + "timeout: 7s\n")
    result = host.roll_back(BLOG)
    version = next(step for step in result.steps if step.name == "version")
    assert version.state == OK
    assert version.notes[-1] == f"sites/{BLOG}.yml was edited by hand: the edit is replaced"
    assert "timeout" not in host.manifests()[BLOG]


def test_changed_templates_are_named(host: SiteHost) -> None:
    host.templates["site.conf.j2"] += "# new\n"
    host.apply(sync=True)
    result = host.roll_back(BLOG, BLOGGED)
    version = next(step for step in result.steps if step.name == "version")
    assert version.notes[-1].startswith("templates or settings changed since then")
    assert "# new" in host.file(site_file(BLOG)).read_text()


def test_a_generation_of_an_earlier_version_is_a_target_too(host: SiteHost) -> None:
    """It has plain copies and no list."""
    record = host.generations.record(BLOGGED)
    assert record is not None
    directory = host.generations.directory(BLOGGED)
    (directory / "manifests").mkdir()
    for name in (site_file(BLOG), manifest_file(BLOG), site_file(SHOP), manifest_file(SHOP)):
        (directory / name).write_bytes(host.file(name, BLOGGED).read_bytes())
    (directory / "sites/_all.conf").unlink()
    text = (directory / "generation.json").read_text().replace('"sites/_all.conf"', '"gone"')
    (directory / "generation.json").unlink()
    (directory / "generation.json").write_text(text)
    assert host.roll_back(BLOG, BLOGGED).changed
    assert "web-1" in host.manifests()[BLOG]


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_leaves_the_old_or_the_new_version_and_the_same_verb_converges(host: SiteHost, step: str) -> None:
    before = host.manifests()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_roll_back_and_die, args=(host, step))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert host.manifests()[SHOP] == before[SHOP] or step == "close"
    host.roll_back(SHOP, BLOGGED)
    live = host.generations.live_number()
    state = host.state.read()
    assert (state["served"], state["next"], host.generations.journal()) == (live, live, None)
    assert "# by hand" in host.manifests()[SHOP]
    assert host.manifests()[BLOG] == before[BLOG]
    assert not host.roll_back(SHOP, BLOGGED).changed


def _roll_back_and_die(host: SiteHost, at: str) -> None:
    def on_step(name: str) -> None:
        if name == at:
            os.kill(os.getpid(), signal.SIGKILL)

    host.roll_back(SHOP, on_step=on_step)
