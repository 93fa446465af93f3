"""What a host's proxy should be: manifests by hand, words typed and the live generation, made into texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import MAIN, manifest_file, site_file
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.render import PAGES, Renderer
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import parse
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.settings import read_settings

from hosttree import HostTree, provide
from nginx_text import meaning

SYNC = "ansible-playbook flowbiz.vsa.vhost.sync"
A, B, C = "a.example", "b.example", "c.example"


@pytest.fixture
def host(tmp_path: Path) -> HostTree:
    """A host with two sites, as two runs made them."""
    host = HostTree(tmp_path)
    host.apply(provide(A, "web-a:3000"))
    host.apply(provide(B, "web-b:3000", aliases=["www.b.example"]))
    return host


def least(domain: str, upstream: str = "web-1:3000", **fields: Any) -> dict[str, Any]:
    """Return a manifest's mapping."""
    container, _colon, port = upstream.partition(":")
    return {"domain": domain, "routes": [{"path": "/", "container": container, "port": int(port)}], **fields}


def backend(text: str) -> str:
    """Return what a site's route / leads to."""
    return meaning(text).routes["/"]


def kinds(host: HostTree, *changes: Change, sync: bool = False) -> dict[str, str]:
    """Return the files that a request would change, and how."""
    plan, _desired = host.desired(*changes, sync=sync)
    return {change.name: change.kind for change in plan.changes}


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The domains that were rendered, in order; they are rendered all the same."""
    seen: list[str] = []
    original = Renderer.site

    def spy(self: Renderer, site: Any) -> str:
        seen.append(site.domain)
        return original(self, site)

    monkeypatch.setattr(Renderer, "site", spy)
    return seen


# -- words about a site --------------------------------------------------------------------------------------------


def test_the_first_site_of_a_host(tmp_path: Path) -> None:
    host = HostTree(tmp_path)
    plan, desired = host.desired(provide(A))
    assert {change.name: change.kind for change in plan.changes} == {
        **dict.fromkeys((MAIN, *PAGES), "add"),
        site_file(A): "add",
        manifest_file(A): "add",
    }
    assert desired.networks == ("flowbiz_ext",)
    assert desired.warnings == ()
    assert backend(desired.files[site_file(A)]) == "web-1.flowbiz_ext:3000"


def test_a_host_without_sites_has_its_main_file(tmp_path: Path) -> None:
    assert set(HostTree(tmp_path).desired(sync=True)[1].files) == {MAIN, *PAGES}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (provide(A, "web-a:3000"), {}),
        (provide(A, None), {}),
        (provide(A, None, unset=("tenant",)), {}),
        (provide(A, "web-a:3001"), {site_file(A): "change", manifest_file(A): "change"}),
        (provide(A, None, tenant="acme"), {site_file(A): "change", manifest_file(A): "change"}),
        # A contact is in the manifest, and not in what NGINX reads.
        (provide(A, None, email="ops@example.com"), {manifest_file(A): "change"}),
        (provide(A, None, http3=True), {MAIN: "change", site_file(A): "change", manifest_file(A): "change"}),
        (provide(C), {site_file(C): "add", manifest_file(C): "add"}),
        (Change(B, absent=True), {site_file(B): "remove", manifest_file(B): "remove"}),
        (Change(C, absent=True), {}),
    ],
)
def test_words_change_just_what_they_say(host: HostTree, change: Change, expected: dict[str, str]) -> None:
    assert kinds(host, change) == expected


def test_the_same_words_twice_change_nothing(host: HostTree) -> None:
    change = provide(C, routes=[{"path": "/x", "container": "x", "port": 1}], tenant="acme", rate_limit="1r/s")
    host.apply(change)
    assert kinds(host, change) == {}
    assert host.generations.live_number() == 3


def test_a_manifest_that_means_the_same_is_left_as_somebody_wrote_it(host: HostTree) -> None:
    text = f"# ours\nroutes: [{{port: 3000, container: web-a, path: /}}]\ndomain: {A}\n"
    host.manifest(A, text)
    host.apply(sync=True)
    assert host.manifests()[A] == text
    assert kinds(host, provide(A, "web-a:3000")) == {}
    host.apply(provide(A, "web-a:4000"))
    assert yaml.safe_load(host.manifests()[A]) == {"schema": 1, **least(A, "web-a:4000")}


def test_issue_14_item_13_comments_in_a_manifest_survive_a_change_by_words_and_by_a_declaration(host: HostTree) -> None:
    routes = "routes:\n  - path: /\n    container: web-a\n    port: 3000  # http\n"
    text = f"# the shop, ticket 77\nschema: 1\ndomain: '{A}'\n# one container\n{routes}"
    host.manifest(A, text)
    host.apply(sync=True)
    host.apply(provide(A, "web-a:4000"))
    assert host.manifests()[A] == text.replace("3000", "4000")
    host.apply(Change(A, site=parse({"schema": 1, **least(A, "web-a:5000"), "tenant": "acme"})))
    assert host.manifests()[A] == text.replace("3000", "5000") + "tenant: acme\n"
    assert host.file(manifest_file(A)).read_text() == host.manifests()[A]


def test_the_networks_are_those_of_every_site(host: HostTree) -> None:
    _plan, desired = host.desired(provide(C, tenant="acme"))
    assert desired.networks == ("flowbiz_ext", "flowbiz_ext_acme")
    host.apply(provide(C, tenant="acme"))
    assert host.desired(Change(C, absent=True))[1].networks == ("flowbiz_ext",)


def test_words_that_do_not_fit_are_refused_and_named(host: HostTree) -> None:
    with pytest.raises(RefusedError) as caught:
        host.desired(provide(A, "web-1:0"))
    assert caught.value.field == "routes/0/port"


def test_words_about_a_site_whose_manifest_is_broken_are_refused(host: HostTree) -> None:
    host.manifest(A, least(A, tenant="../x"))
    with pytest.raises(RefusedError) as caught:
        host.desired(provide(A, "web-a:3001"))
    assert caught.value.field == f"sites/{A}/tenant"


# -- what is taken over ----------------------------------------------------------------------------------------------


def test_only_what_changed_is_rendered(host: HostTree, rendered: list[str]) -> None:
    before = host.desired()[1]
    assert rendered == []
    host.desired(provide(A, "web-a:3001"))
    assert rendered == [A]
    assert host.desired(provide(C))[1].files[site_file(B)] == before.files[site_file(B)]
    assert rendered == [A, C]


@pytest.mark.parametrize("what", ["templates", "settings"])
def test_all_is_rendered_again_when_templates_or_settings_change(
    host: HostTree, rendered: list[str], what: str
) -> None:
    if what == "templates":
        host.templates["site.conf.j2"] = "# ours\n" + host.templates["site.conf.j2"]
    else:
        host.settings("ca: staging\n")
    plan, desired = host.desired(provide(C))
    assert sorted(rendered) == [A, B, C]
    assert set(plan.sites_changed) == {A, B, C}
    if what == "settings":
        assert {entry["ca"] for entry in desired.sites.values()} == {"staging"}


@pytest.mark.parametrize("damage", ["", "# by hand\n", None], ids=["emptied", "edited", "removed"])
@pytest.mark.parametrize("sync", [False, True])
def test_drift_of_a_sites_file_is_rendered_away(host: HostTree, damage: str | None, sync: bool) -> None:
    good = host.desired()[1].files[site_file(A)]
    host.break_open(f"sites/{A}.conf", damage)
    plan, desired = host.desired(sync=sync)
    assert [change.name for change in plan.changes] == [site_file(A)]
    assert desired.files[site_file(A)] == good
    host.apply(sync=sync)
    assert kinds(host, sync=sync) == {}


def test_drift_of_the_main_file_is_rendered_away(host: HostTree) -> None:
    host.break_open("nginx.conf", "events {}\n")
    assert kinds(host) == {MAIN: "change"}


def test_a_foreign_file_is_taken_out(host: HostTree) -> None:
    (host.live / "sites/foreign.example.conf").write_text("# not ours\n")
    assert kinds(host) == {"sites/foreign.example.conf": "remove"}


# -- manifests by hand -----------------------------------------------------------------------------------------------


def test_an_edit_by_hand_waits_for_a_sync(host: HostTree) -> None:
    host.manifest(A, least(A, "web-a:4000"))
    plan, desired = host.desired(provide(B, None, email="ops@example.com"))
    assert {change.name for change in plan.changes} == {manifest_file(B)}
    assert desired.warnings == (f"sites/{A}.yml is not what is live. To apply it: {SYNC}",)
    plan, desired = host.desired(sync=True)
    assert {change.name for change in plan.changes} == {site_file(A), manifest_file(A)}
    assert desired.warnings == ()
    assert backend(desired.files[site_file(A)]) == "web-a.flowbiz_ext:4000"


def test_a_new_manifest_waits_for_a_sync(host: HostTree) -> None:
    host.manifest(C, least(C))
    plan, desired = host.desired()
    assert not plan.changed
    assert desired.warnings == (f"sites/{C}.yml is not what is live. To apply it: {SYNC}",)
    assert kinds(host, sync=True) == {site_file(C): "add", manifest_file(C): "add"}


def test_sync_takes_out_what_has_no_manifest_any_more(host: HostTree) -> None:
    (host.paths.sites / f"{B}.yml").unlink()
    assert kinds(host) == {}
    plan, desired = host.desired(sync=True)
    assert plan.sites_removed == (B,)
    assert set(desired.sites) == {A}


INVALID: dict[str, str | bytes] = {
    "empty": "",
    "no mapping": "- a\n",
    "no YAML": "domain: [\n",
    "no text": b"\xff\xfe\x00",
    "NUL": "domain: a.example\x00\n",
    "unknown field": yaml.safe_dump({**least(A), "server": "x"}),
    "another schema": yaml.safe_dump({**least(A), "schema": 2}),
    "an injection": yaml.safe_dump(least(A, tenant="x; include /etc/passwd")),
    "another domain": yaml.safe_dump(least(C)),
    "no route": f"domain: {A}\n",
    "a date": f"domain: {A}\nemail: 2026-01-01\nroutes: [{{path: /, container: web-a, port: 3000}}]\n",
    "a tag": "domain: !!python/object/apply:os.system [id]\n",
    "a template": yaml.safe_dump(least("{{ lookup('pipe', 'id') }}")),
    "recursion": "domain: &a [*a]\n",
}


@pytest.mark.parametrize("content", INVALID.values(), ids=list(INVALID))
def test_an_invalid_edit_is_named_and_the_last_good_version_stays(host: HostTree, content: str | bytes) -> None:
    before = host.desired()[1].files
    host.manifest(A, content)
    host.manifest(B, least(B, "web-b:4000"))
    plan, desired = host.desired(sync=True)
    assert desired.invalid == (A,)
    assert len(desired.warnings) == 1
    assert desired.warnings[0].startswith(f"sites/{A}.yml: ")
    assert desired.warnings[0].endswith("its last good version stays live")
    assert "\n" not in desired.warnings[0]
    assert desired.files[site_file(A)] == before[site_file(A)]
    assert desired.files[manifest_file(A)] == before[manifest_file(A)]
    assert plan.sites_changed == (B,), "the other edit goes through"


@pytest.mark.parametrize("content", INVALID.values(), ids=list(INVALID))
def test_an_invalid_new_manifest_is_named_and_left_out(host: HostTree, content: str | bytes) -> None:
    host.manifest("new.example", content)
    plan, desired = host.desired(sync=True)
    assert not plan.changed
    assert desired.invalid == ("new.example",)
    assert desired.warnings[0].endswith("it is left out")


def test_an_invalid_edit_stays_named_after_templates_changed(host: HostTree, rendered: list[str]) -> None:
    host.manifest(A, "")
    host.templates["site.conf.j2"] = "# ours\n" + host.templates["site.conf.j2"]
    desired = host.desired(sync=True)[1]
    assert sorted(rendered) == [A, B]
    assert desired.invalid == (A,)
    assert backend(desired.files[site_file(A)]) == "web-a.flowbiz_ext:3000"


def test_other_files_beside_the_manifests_are_nobodys(host: HostTree) -> None:
    for name in (".a.example.yml.swp", ".new.example.yml", "README", "a.example.yml~", "a.example.yaml"):
        (host.paths.sites / name).write_text("rubbish")
    plan, desired = host.desired(sync=True)
    assert (plan.changed, desired.invalid) == (False, ())


@pytest.mark.parametrize("name", ["A.example", "a b.example", "a;b.example", "\udcff.example", "x"], ids=ascii)
def test_a_file_whose_name_is_no_domain_is_named(host: HostTree, name: str) -> None:
    host.manifest(name, least("other.example"))
    _plan, desired = host.desired(sync=True)
    assert desired.invalid == (name,)
    assert set(desired.sites) == {A, B}


def test_without_the_directory_of_manifests_a_sync_takes_all_out(host: HostTree) -> None:
    for path in host.paths.sites.iterdir():
        path.unlink()
    host.paths.sites.rmdir()
    assert host.desired(sync=True)[0].sites_removed == (A, B)


# -- names that two sites claim --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (provide("www.b.example"), "domain"),
        (provide(C, aliases=[A]), "aliases"),
        (provide(C, aliases=["x.example", "www.b.example"]), "aliases"),
        (provide(A, None, aliases=[B]), "aliases"),
    ],
)
def test_a_name_that_belongs_to_another_site_is_refused(host: HostTree, change: Change, field: str) -> None:
    with pytest.raises(RefusedError, match="already belongs to the site") as caught:
        host.desired(change)
    assert caught.value.field == field
    assert caught.value.hint in (Hint("site.show", {"domain": A}), Hint("site.show", {"domain": B}))


def test_a_name_may_move_in_one_request(host: HostTree) -> None:
    desired = host.desired(provide(B, None, unset=("aliases",)), provide(C, aliases=["www.b.example"]))[1]
    assert desired.sites[C]["names"] == [C, "www.b.example"]


def test_of_two_manifests_the_edited_one_loses_and_keeps_its_last_good_version(host: HostTree) -> None:
    # a.example sorts first: that it loses shows that the edit decides, not the alphabet.
    host.manifest(A, least(A, "web-a:3000", aliases=["www.b.example"]))
    plan, desired = host.desired(sync=True)
    assert not plan.changed
    assert desired.invalid == (A,)
    assert "www.b.example already belongs to the site b.example" in desired.warnings[0]
    assert desired.warnings[0].endswith("its last good version stays live")


def test_of_two_new_manifests_the_second_is_left_out(host: HostTree) -> None:
    host.manifest("x1.example", least("x1.example", aliases=["www.x.example"]))
    host.manifest("x2.example", least("x2.example", aliases=["www.x.example"]))
    _plan, desired = host.desired(sync=True)
    assert desired.invalid == ("x2.example",)
    assert set(desired.sites) == {A, B, "x1.example"}
    assert not {site_file("x2.example"), manifest_file("x2.example")} & set(desired.files)


def test_a_swap_of_names_by_hand_goes_through(host: HostTree) -> None:
    host.manifest(A, least(A, "web-a:3000", aliases=["www.b.example"]))
    host.manifest(B, least(B, "web-b:3000"))
    _plan, desired = host.desired(sync=True)
    assert desired.invalid == ()
    assert desired.sites[A]["names"] == [A, "www.b.example"]


def test_what_was_put_aside_for_a_clash_may_clash_again(host: HostTree) -> None:
    # a takes b's alias and gives up its own to c: a goes back to its last good version, and then c has to.
    host.apply(provide(A, None, aliases=["www.a.example"]))
    host.manifest(A, least(A, "web-a:3000", aliases=["www.b.example"]))
    host.manifest(C, least(C, aliases=["www.a.example"]))
    _plan, desired = host.desired(sync=True)
    owners = [name for entry in desired.sites.values() for name in entry["names"]]
    assert len(owners) == len(set(owners))
    assert desired.sites[A]["names"] == [A, "www.a.example"]
    assert sorted(desired.invalid) == [A, C]


# -- the index of sites, and what is read ----------------------------------------------------------------------------


def test_the_index_says_what_a_commit_needs(host: HostTree) -> None:
    routes = [{"path": "/api/", "container": "api", "port": 1}, {"path": "/x", "container": "web", "port": 2}]
    desired = host.desired(provide(C, routes=routes, tenant="acme", http3=True, ca="selfsigned"))[1]
    assert desired.sites[C] == {
        "names": [C],
        "served": C,
        "network": "flowbiz_ext_acme",
        "http3": True,
        "ca": "selfsigned",
        "containers": ["api", "web"],
        "path": "/api/",
        "auth": [],
        "closed": [],
    }
    assert desired.sites[A]["path"] == "/"
    assert set(desired.parsed) == {C}


@pytest.mark.parametrize(
    ("text", "settings"),
    [(None, Settings()), ("", Settings()), ("schema: 1\nca: staging\n", Settings(ca="staging"))],
)
def test_read_settings(host: HostTree, text: str | None, settings: Settings) -> None:
    if text is not None:
        host.settings(text)
    assert read_settings(host.paths) == settings


def test_broken_settings_are_refused(host: HostTree) -> None:
    host.settings("ca: nobody\n")
    with pytest.raises(RefusedError) as caught:
        host.desired(sync=True)
    assert caught.value.field == "vsa.yml/ca"


# -- what is broken on the host itself -------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["", "{torn", '{"schema": 2}', None], ids=["empty", "torn", "other", "gone"])
def test_a_live_generation_without_its_record_keeps_every_site(host: HostTree, damage: str | None) -> None:
    host.break_open("generation.json", damage)
    plan, desired = host.desired(provide(C))
    assert set(desired.sites) == {A, B, C}
    assert plan.base == 2
    assert plan.sites_removed == ()
    host.apply(provide(C))
    assert host.generations.live_number() == 3
    assert kinds(host, sync=True) == {}


@pytest.mark.parametrize(
    "damage", [None, "# by hand\n", yaml.safe_dump(least(A, "evil:1"))], ids=["gone", "bad", "other"]
)
def test_drift_of_a_manifest_in_the_live_generation_loses_no_site_and_is_put_right(
    host: HostTree, damage: str | None
) -> None:
    good = host.desired()[1].files
    host.break_open(f"manifests/{A}.yml", damage)
    plan, desired = host.desired(provide(C))
    assert plan.sites_removed == ()
    assert {name: desired.files[name] for name in good if name != MAIN} == {n: t for n, t in good.items() if n != MAIN}
    host.apply(provide(C))
    assert kinds(host, sync=True) == {}
    assert host.generations.read(host.generations.live_number()).drifted == ()


@pytest.mark.parametrize("domain", [A, "new.example"])
def test_a_directory_named_like_a_manifest_is_named(host: HostTree, domain: str) -> None:
    path = host.paths.sites / f"{domain}.yml"
    path.unlink(missing_ok=True)
    path.mkdir()
    _plan, desired = host.desired(sync=True)
    assert desired.invalid == (domain,)
    assert set(desired.sites) == {A, B}


@pytest.mark.parametrize("broken", [False, True], ids=["valid", "invalid"])
def test_the_edited_one_loses_also_when_all_are_rendered_again(host: HostTree, broken: bool) -> None:
    # A new VSA brings new templates, so every site is parsed and rendered; that says nothing of who was edited.
    host.templates["site.conf.j2"] = "# ours\n" + host.templates["site.conf.j2"]
    host.manifest(A, least(A, "web-a:3000", aliases=["www.b.example"]))
    if broken:
        host.manifest(B, "domain: [")
    _plan, desired = host.desired(sync=True)
    assert desired.sites[B]["names"] == [B, "www.b.example"]
    assert desired.sites[A]["names"] == [A]
    assert desired.invalid == ((B, A) if broken else (A,))


def test_a_site_whose_manifest_is_lost_everywhere_stops_changes_of_others_and_a_sync_takes_it_out(
    host: HostTree,
) -> None:
    host.break_open(f"manifests/{A}.yml", None)
    (host.paths.sites / f"{A}.yml").unlink()
    with pytest.raises(RefusedError, match=f"lost the manifest of {A}"):
        host.desired(provide(C))
    assert host.desired(sync=True)[0].sites_removed == (A,)
    assert host.desired(Change(A, absent=True))[0].sites_removed == (A,)


LAUGHS = "x0: &x0 [a, a, a, a, a, a, a, a, a]\n" + "".join(
    f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    "fields",
    [
        f"{LAUGHS}email: *x11\n",
        "email: 0x" + "f" * 5000 + "\n",
        "port: 0x" + "f" * 5000 + "\n",
        "email: " + "a" * 10**6 + "\n",
    ],
    ids=["laughs", "number", "unknown", "text"],
)
def test_a_manifest_of_any_size_blocks_no_other(host: HostTree, fields: str) -> None:
    host.manifest(A, f"domain: {A}\n{fields}routes: [{{path: /, container: web-a, port: 3000}}]\n")
    _plan, desired = host.desired(sync=True)
    assert desired.invalid == (A,)
    assert set(desired.sites) == {A, B}
    assert len(desired.warnings[0]) < 1000
