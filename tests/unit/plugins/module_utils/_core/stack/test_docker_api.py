# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services may be on the networks of Docker's read-only API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.config import Project, read_project
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.docker_api import (
    DockerReader,
    refuse_docker_api,
)

NETWORKS = {
    "default": {"name": "app_default"},
    "list": {"name": "vsa_docker_list", "external": True},
    "everything": {"name": "vsa_docker_inspect", "external": True},
}
ON_LIST = {"networks": {"list": None}}
ON_INSPECT = {"networks": {"everything": None}}
READS_LIST = DockerReader("web", "list")
READS_INSPECT = DockerReader("web", "inspect")


def project(**services: dict[str, Any]) -> Project:
    return read_project(json.dumps({"name": "app", "services": services, "networks": NETWORKS}))


@pytest.mark.parametrize(
    ("services", "readers"),
    [
        ({"web": {}}, ()),
        ({"web": ON_LIST, "db": {}}, (READS_LIST,)),
        ({"web": ON_INSPECT}, (READS_INSPECT,)),
        ({"web": {"networks": {"list": None, "everything": None}}}, (READS_LIST, READS_INSPECT)),
        ({"web": ON_LIST, "side": {"network_mode": "service:web"}}, (READS_LIST, DockerReader("side", "list"))),
        # Compose could not be asked.
        ({}, (READS_LIST,)),
    ],
)
def test_what_fits(services: dict[str, Any], readers: tuple[DockerReader, ...]) -> None:
    refuse_docker_api(project(**services), readers, where="docker_api")


@pytest.mark.parametrize(
    ("services", "readers", "words"),
    [
        ({"web": ON_LIST}, (), "web is on vsa_docker_list, and stack.yml does not say"),
        ({"web": ON_INSPECT}, (READS_LIST,), "web is on vsa_docker_inspect"),
        ({"web": ON_INSPECT, "other": ON_INSPECT}, (READS_INSPECT,), "other is on vsa_docker_inspect"),
        ({"web": ON_LIST, "side": {"network_mode": "service:web"}}, (READS_LIST,), "side is on vsa_docker_list"),
        ({"web": {}}, (READS_LIST,), "the Compose file does not put web on vsa_docker_list"),
        ({"db": {}}, (READS_LIST,), "no such service"),
    ],
)
def test_what_is_refused(services: dict[str, Any], readers: tuple[DockerReader, ...], words: str) -> None:
    with pytest.raises(RefusedError, match=words) as refused:
        refuse_docker_api(project(**services), readers, where="stack.yml/docker_api")
    assert refused.value.field == "stack.yml/docker_api"
