"""Compose is asked about the staged files, and its answer has the paths of the stack's folder."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.config import read_project
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.env import parse_env
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.files import File, StackFile
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import Stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.reading import (
    ask_compose,
    project_of,
    services_of_profiles,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.stacks import Version

from stackhost import fake_compose

STACK = Stack("app", "An application", "acme")
FILES: dict[str, File] = {
    "compose.yml": "services: {web: {image: 'app:1', volumes: [{type: bind, source: ./data}]}}\n",
    ".env": "A=1\nB=2\n",
    "bin/run.sh": StackFile(b"\xff", executable=True),
}


def test_every_file_is_staged_with_its_bytes_its_mode_and_the_variables(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    def compose(folder: Path, files: tuple[str, ...], *, name: str, env_file: str) -> dict[str, Any]:
        seen.update(
            files=files,
            name=name,
            variables=parse_env((folder / env_file).read_text()),
            program=(folder / "bin/run.sh").read_bytes(),
            mode=stat.S_IMODE((folder / "bin/run.sh").stat().st_mode),
            env=(folder / "env/.env").read_text(),
            folder=folder,
        )
        return {"services": {"web": {"build": {"context": str(folder)}, "profiles": ["x"], "develop": {}}}}

    said = ask_compose(STACK, FILES, "B=3\n", paths=Paths(str(tmp_path)), compose=compose)
    assert said == {"services": {"web": {"build": {"context": f"{tmp_path}/srv/acme/app"}}}}
    assert not seen.pop("folder").exists()
    assert seen == {
        "files": ("compose.yml",),
        "name": "acme-app",
        "variables": {"VSA_TENANT": "acme", "VSA_STACK": "app", "A": "1", "B": "3"},
        "program": b"\xff",
        "mode": 0o700,
        "env": "B=3\n",
    }


def test_the_services_of_profiles_stand_in_every_compose_file() -> None:
    override = "services: {db: {profiles: [keys]}}\n"
    assert services_of_profiles(FILES) == frozenset()
    assert services_of_profiles({**FILES, "compose.override.yml": override}) == {"db"}


def test_a_version_that_an_earlier_release_kept_is_read_again(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    found = project_of(STACK, Version(FILES, ""), paths=paths, compose=fake_compose)
    assert [service.image for service in found.services.values()] == ["app:1"]
    said = json.dumps({"name": "acme-app", "services": {"db": {"image": "db:1"}}})
    assert project_of(STACK, Version(FILES, "", own_config=said), paths=paths) == read_project(said)
