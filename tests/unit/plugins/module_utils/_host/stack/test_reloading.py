"""A service is told by its signal if a file that it mounts differs from that of the last good version."""

from __future__ import annotations

import json

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import Reload, Stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.reloading import services_to_reload
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.stacks import Version

STACK = Stack("app", "An application", "acme", reload=(Reload("web"), Reload("db", "USR1")))
CONFIG = json.dumps(
    {
        "services": {
            "web": {"volumes": [{"type": "bind", "source": "/srv/acme/app/web", "target": "/web"}]},
            "db": {"volumes": [{"type": "bind", "source": "/srv/acme/app/db", "target": "/db"}]},
        }
    }
)


def version(web: str, db: str, *, config: str = CONFIG) -> Version:
    return Version({"web/a": web, "db/a": db}, "", config)


def told(after: Version, good: Version | None, stack: Stack = STACK) -> list[str]:
    return [entry.service for entry in services_to_reload(stack, after, good, paths=Paths())]


def test_who_is_told() -> None:
    good = version("1", "1")
    assert told(version("1", "1"), good) == []
    assert told(version("2", "1"), good) == ["web"]
    assert told(version("2", "2"), good) == ["web", "db"]
    assert told(version("2", "2"), good, Stack("app", "An application", "acme")) == []


def test_who_reads_by_itself_or_elsewhere_is_not_told() -> None:
    good = version("1", "1")
    for entry, names in (
        (Reload("web", "none"), []),
        (Reload("web", "HUP", "db"), []),
        (Reload("web", "HUP", "web"), ["web"]),
    ):
        stack = Stack("app", "An application", "acme", reload=(entry,))
        assert told(version("2", "1"), good, stack) == names


def test_a_first_version_and_one_of_an_earlier_release_tell_nobody() -> None:
    assert told(version("2", "1"), None) == []
    assert told(version("2", "1"), version("1", "1", config="")) == []
