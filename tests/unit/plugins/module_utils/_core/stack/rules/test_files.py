"""The paths that a Compose file names; the hostile values are in the table of test_policy.py."""

from __future__ import annotations

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
