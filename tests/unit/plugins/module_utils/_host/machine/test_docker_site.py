# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the removal of a site reads of the engine's descriptions, and what it asks the engine to remove."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.removal import ContainerInfo, Mount
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker_site import SiteEngine, Written

# As Docker 26.1.5 lists it: GET /containers/json?all=1, without what nobody reads here.
LISTED = {
    "Id": "4f1540122a5c",
    "Names": ["/web-1", "/proxy/web-1"],
    "Image": "vsa-demo-web:1",
    "State": "running",
    "Created": 1764000000,
    "Labels": {"com.docker.compose.project": "shop"},
    "HostConfig": {"NetworkMode": "flowbiz_ext"},
    "NetworkSettings": {"Networks": {"shop_default": {}, "flowbiz_ext": {}}},
    "Mounts": [
        {"Type": "volume", "Name": "shop_data", "Source": "/var/lib/docker/volumes/shop_data/_data",
         "Destination": "/data", "Driver": "local"},
        {"Type": "bind", "Source": "/srv/acme/shop/data", "Destination": "/var/data/"},
        {"Type": "tmpfs", "Source": "", "Destination": "/tmp"},
    ],
}  # fmt: skip


class NotFoundError(Exception):
    """The engine's 404."""


class Api:
    """The calls of the Docker SDK that the removal makes; ``missing`` are names and ids that are gone."""

    timeout = 60

    def __init__(self, *entries: dict[str, Any]) -> None:
        self.entries = list(entries)
        self.changes: list[dict[str, Any]] | None = []
        self.missing: set[str] = set()
        self.calls: list[tuple[Any, ...]] = []

    def _look(self, name: str) -> None:
        if name in self.missing:
            raise NotFoundError

    def containers(self, **filters: Any) -> list[dict[str, Any]]:
        assert filters["all"]
        return self.entries

    def diff(self, identity: str) -> list[dict[str, Any]] | None:
        self._look(identity)
        return self.changes

    def stop(self, identity: str) -> None:
        self._look(identity)
        self.calls.append(("stop", identity, self.timeout))

    def remove_container(self, identity: str, **options: Any) -> None:
        self.calls.append(("remove", identity, options))

    def volumes(self) -> dict[str, Any]:
        return {"Volumes": [{"Name": "shop_data", "Options": None}, {"Name": "nfs", "Options": {"device": "/mnt"}}]}

    def inspect_volume(self, name: str) -> dict[str, Any]:
        self._look(name)
        return {
            "Name": name,
            "Mountpoint": f"/v/{name}",
            "Options": {"device": "/mnt/nfs"} if name == "elsewhere" else None,
        }

    def remove_volume(self, name: str) -> None:
        self._look(name)
        self.calls.append(("remove volume", name))

    def networks(self, *, filters: dict[str, list[str]]) -> list[dict[str, Any]]:
        assert filters == {"label": ["com.docker.compose.project=shop"]}
        return [{"Name": "shop_default"}, {"Name": "shop_back"}]


class Errors:
    NotFound = NotFoundError
    APIError = type("APIError", (Exception,), {"explanation": "it is in use"})
    DockerException = RuntimeError


def engine(api: Api) -> SiteEngine:
    made = SiteEngine.__new__(SiteEngine)
    made._api = api  # type: ignore[assignment]
    made._errors = Errors  # type: ignore[assignment]
    return made


WEB = ContainerInfo(
    name="web-1",
    id="4f1540122a5c",
    image="vsa-demo-web:1",
    created=1764000000,
    networks=("flowbiz_ext", "shop_default"),
    project="shop",
    mounts=(
        Mount("/var/lib/docker/volumes/shop_data/_data", "shop_data", "local", "/data"),
        Mount("/srv/acme/shop/data", target="/var/data/"),
    ),
)


def test_container_infos() -> None:
    sidecar = {"Id": "2", "Names": None, "HostConfig": {"NetworkMode": "container:4f1540122a5c"}, "State": "exited"}
    assert engine(Api(LISTED, sidecar)).container_infos() == [
        WEB,
        ContainerInfo("2", "2", status="exited", shares_with="4f1540122a5c"),
    ]


def test_what_a_container_wrote_is_counted_without_directories_and_mounts() -> None:
    api = Api({**LISTED, "SizeRw": 4096})
    paths = [("/opt", 0), ("/opt/a.db", 1), ("/opt/b", 1), ("/opt/c", 1), ("/opt/d", 1), ("/data", 1), ("/var/data", 1),
             ("/gone", 2)]  # fmt: skip
    api.changes = [{"Path": path, "Kind": kind} for path, kind in paths]
    assert engine(api).written(WEB) == Written(4096, 4, ("/opt/a.db", "/opt/b", "/opt/c"))
    api.changes = None
    assert engine(api).written(WEB) == Written(4096, 0, ())
    api.missing = {WEB.id}
    assert engine(api).written(WEB) == Written(0, 0, ())


def test_a_container_is_stopped_in_its_own_time_and_keeps_its_volumes() -> None:
    api = Api()
    engine(api).remove_container(WEB.id)
    assert api.calls == [("stop", WEB.id, 900), ("remove", WEB.id, {"v": False, "force": True})]
    assert api.timeout == 60
    api.missing = {WEB.id}
    engine(api).remove_container(WEB.id)


def test_volumes() -> None:
    api = Api()
    api.missing = {"gone"}
    asked = engine(api)
    assert [asked.volume(name) for name in ("shop_data", "elsewhere", "gone")] == [{}, {"device": "/mnt/nfs"}, None]
    assert [asked.volume_directory(name) for name in ("shop_data", "gone")] == ["/v/shop_data", None]
    assert asked.volumes() == {"shop_data": {}, "nfs": {"device": "/mnt"}}
    asked.remove_volume("shop_data")
    asked.remove_volume("gone")
    assert api.calls == [("remove volume", "shop_data")]


def test_a_refusal_of_the_engine_says_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any) -> None:
        raise Errors.APIError

    api = Api()
    monkeypatch.setattr(api, "remove_volume", refuse)
    with pytest.raises(RolledBackError, match="Docker would not remove the volume shop_data and says: it is in use"):
        engine(api).remove_volume("shop_data")


def test_networks_of_a_compose_project() -> None:
    assert engine(Api()).project_networks("shop") == ["shop_back", "shop_default"]
