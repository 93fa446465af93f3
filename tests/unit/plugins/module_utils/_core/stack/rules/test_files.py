"""The paths that a Compose file names; the hostile values are in the table of test_policy.py."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.rules.facts import KnownContainer
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.rules.files import judge_mounts, paths_of

from composing import make_config, make_facts

FOLDER = "/srv/acme/shop"


def bind(source: str, **more: object) -> dict[str, object]:
    return {"type": "bind", "source": source, "target": "/x", **more}


def test_every_path_is_resolved() -> None:
    config = make_config(
        {
            "volumes": [bind("/a"), {"type": "volume", "source": "v"}],
            "build": {"context": "/b", "dockerfile": "../D", "additional_contexts": {"c": "/c", "d": "service:web"}},
        },
        volumes={"v": {"driver_opts": {"o": "bind", "device": "/v"}}, "w": None},
        secrets={"s": {"file": "/s"}, "e": {"environment": "E"}},
        configs={"c": {"file": "relative"}},
    )
    assert paths_of(config) == {"/a", "/b", "/b/../D", "/c", "/v", "/s"}


def test_a_mount_below_a_mount_that_nobody_writes() -> None:
    config = make_config({"volumes": [bind(f"{FOLDER}/data", read_only=True), bind(f"{FOLDER}/data/sub")]})
    assert list(judge_mounts(config, make_facts())) == []


def test_the_same_folder_twice() -> None:
    config = make_config({"volumes": [bind(f"{FOLDER}/data"), bind(f"{FOLDER}/data")]})
    assert list(judge_mounts(config, make_facts())) == []


READ_BY_DOCKER = {
    "a secret": ({}, {"secrets": {"s": {"file": f"{FOLDER}/data/token"}}}, f"s {FOLDER}/data/token"),
    "a config": ({}, {"configs": {"c": {"file": f"{FOLDER}/data/app.conf"}}}, f"c {FOLDER}/data/app.conf"),
    "a build": ({"build": {"context": f"{FOLDER}/data/image"}}, {}, f"web {FOLDER}/data/image"),
    "another context of a build": (
        {"build": {"context": FOLDER, "additional_contexts": {"more": f"{FOLDER}/data/more"}}},
        {},
        f"web {FOLDER}/data/more",
    ),
}


@pytest.mark.parametrize("case", READ_BY_DOCKER)
def test_what_a_container_could_replace_by_a_link(case: str) -> None:
    """Docker and Compose resolve these paths again at each start or build, as they do with a mount."""
    service, top, subject = READ_BY_DOCKER[case]
    written = make_config({"volumes": [bind(f"{FOLDER}/data")], **service}, **top)
    assert [(each.name, each.subject) for each in judge_mounts(written, make_facts())] == [("bind-nested", subject)]
    only_read = make_config({"volumes": [bind(f"{FOLDER}/data", read_only=True)], **service}, **top)
    assert list(judge_mounts(only_read, make_facts())) == []


def writer(*paths: str) -> KnownContainer:
    return KnownContainer(name="acme-shop-web-1", project="shop", folder=FOLDER, writes=frozenset(paths))


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        ([FOLDER], 1),
        (["/srv/acme"], 1),
        ([f"{FOLDER}/da"], 0),
        ([f"{FOLDER}/data"], 0),
        (["/srv/acme/other"], 0),
        # Who writes there is root on the host anyway, and each stack would be refused.
        (["/srv"], 0),
        (["/"], 0),
    ],
    ids=str,
)
def test_a_container_of_the_version_before_could_replace_a_mount_when_it_is_told_to_stop(
    paths: list[str], found: int
) -> None:
    config = make_config({"volumes": [bind(f"{FOLDER}/data")]})
    findings = list(judge_mounts(config, make_facts(containers=(writer(*paths),))))
    assert [each.name for each in findings] == ["bind-nested"] * found
    assert all("acme-shop-web-1" in each.text for each in findings)


def test_a_version_that_fails_could_replace_a_mount_of_the_version_that_comes_back() -> None:
    good = make_config({"volumes": [bind(f"{FOLDER}/data")]})
    new = make_config({"volumes": [bind(FOLDER)]})
    [finding] = judge_mounts(new, make_facts(good=good))
    assert (finding.name, finding.subject) == ("bind-nested", f"web {FOLDER}/data")
    assert list(judge_mounts(good, make_facts(good=good))) == []
