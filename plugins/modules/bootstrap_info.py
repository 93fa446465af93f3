#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bootstrap_info
short_description: Show what a host lacks to be ready for the collection
version_added: 0.1.0
description:
  - Looks at a host and decides what the role C(bootstrap) has to do there. Changes nothing.
  - The module needs C(python3) and C(python3-apt) on the host. It cannot look at C(vsa.yml) as long as the YAML library
    is missing, and not at networks as long as the Docker SDK is missing.
requirements:
  - Python 3.10 or newer on the host
  - python3-docker on the host
  - python3-idna on the host
  - python3-requests on the host
  - python3-yaml on the host
  - idna>=3.7 on the controller
author:
  - flowbiz (@flowbiz)
options:
  concerns:
    description: The parts of the host to look at. A part that is left out is left alone.
    type: dict
    suboptions:
      packages:
        description: The libraries that the collection's modules import.
        type: bool
        default: false
      engine:
        description: The Docker engine and Compose.
        type: bool
        default: false
      daemon:
        description: The engine's C(daemon.json).
        type: bool
        default: false
      network:
        description: The edge network.
        type: bool
        default: false
      directories:
        description: The directories of the host.
        type: bool
        default: false
      settings:
        description: The settings in C(/etc/vsa/vsa.yml).
        type: bool
        default: false
  packages:
    description: The packages with the libraries that the collection's modules import.
    type: list
    elements: str
    default: []
  engine:
    description: Where the Docker engine may come from.
    type: dict
    suboptions:
      source:
        description: V(distro), V(docker), or V(auto) to keep the kind that is installed.
        type: str
        choices: [auto, distro, docker]
        default: auto
      repository:
        description: The address of Docker's own repository, or of a copy.
        type: str
        default: ""
      distro_packages:
        description: The packages of the distribution's engine.
        type: list
        elements: str
        default: []
      distro_compose_package:
        description: The package of the distribution's Compose.
        type: str
        default: ""
      docker_packages:
        description: The packages of Docker's own engine.
        type: list
        elements: str
        default: []
  daemon:
    description: What C(daemon.json) should say.
    type: dict
    suboptions:
      address_pools:
        description: The address pools of new networks, each with C(base) and C(size).
        type: list
        elements: dict
        default: []
      live_restore:
        description: Whether containers go on while the engine restarts.
        type: bool
        default: true
      log_max_size:
        description: The size at which the log of a container is rotated.
        type: str
        default: 10m
      log_max_file:
        description: How many logs of a container are kept.
        type: int
        default: 3
      ipv6:
        description: Whether the edge network has IPv6, which the engine must then filter.
        type: bool
        default: true
      options:
        description: More keys, as Docker names them. They win over all others.
        type: dict
        default: {}
  directories:
    description: The directories that the host should have, each with C(path) and C(mode).
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The absolute path.
        type: path
        required: true
      mode:
        description: The mode in octal digits.
        type: str
        required: true
  data_disk:
    description: >-
      The disk for Docker, as C(/dev/disk/by-id/NAME). If it is left out, the disks of the host are left alone. The
      module only reads the disk.
    type: str
  settings:
    description: Values for C(/etc/vsa/vsa.yml) by name. A value of null was not said, and the file keeps what it has.
    type: dict
    default: {}
  unset:
    description: Names of settings that go back to the built-in value.
    type: list
    elements: str
    default: []
  ca_bundle:
    description: A PEM file of certificates on the machine that runs Ansible.
    type: str
  ca_bundle_text:
    description: The text of that file. The action plugin fills it in, unless the file holds anything but certificates.
    type: str
    default: ""
  python_installed:
    description: Whether this run has installed Python on the host. A refusal then says so.
    type: bool
    default: false
  host_changed:
    description: Whether this run has changed more on the host. A refusal then says so, and no steps are returned.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Changes nothing in either mode.
  diff_mode:
    support: none
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Show which settings of the host would change
  flowbiz.vsa.bootstrap_info:
    concerns:
      settings: true
    settings:
      email: ops@example.com
"""

RETURN = r"""
bootstrap:
  description: What the host lacks. With a C(refusal) the other keys are left out.
  returned: success
  type: dict
  contains:
    refusal:
      description: Why bootstrap must not go on, as the lines that the operator reads; empty if it may.
      type: str
    platform:
      description: C(id), C(version), C(codename) and C(architecture) of the operating system.
      type: dict
    packages:
      description: The libraries to install.
      type: list
      elements: str
    data_disk:
      description: >-
        C(change) says whether anything has to be done about the data disk; C(device) and C(uuid) name the disk and its
        file system; C(format), C(force), C(mount) and C(stop) are the steps; C(files) are the units of systemd to
        write, C(record_before) and C(record_after) are the texts of VSA's record, and C(words) is what a check says.
      type: dict
    engine:
      description: >-
        C(version) of the installed engine (empty if there is none), C(source) (V(distro) or V(docker)), C(missing)
        (packages to install), C(repository) (the address of the repository to add first, empty if none), C(start)
        (whether the engine has to be started or enabled), and C(words) (the last words of an engine that is down).
      type: dict
    daemon:
      description: >-
        C(change) says whether C(daemon.json) has to be written; C(before) and C(text) are the old and the new text,
        C(changed_keys) are the keys that change, as JSON, C(validate) is the engine's own check of a file,
        C(unfinished) says whether an earlier run was cut off in the middle of a change, and C(warning) names the
        containers that keep their log options.
      type: dict
    network:
      description: >-
        C(needed) says whether the edge network has to be there, C(known) whether the engine could be asked,
        C(exists) whether the network is there, and C(warning) is a warning for the operator.
      type: dict
    directories:
      description: The directories to make or to correct, each with C(path) and C(mode).
      type: list
      elements: dict
    settings:
      description: >-
        C(change) says whether C(vsa.yml) has to be written, C(text) is its new text, C(bundle) says whether the CA
        bundle has to be written, and C(known) is false as long as the YAML library is missing.
      type: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.bootstrap import DaemonRequest, EngineRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.bootstrap.listing import (
    BootstrapRequest,
    Concerns,
    DirectoryRequest,
    look_at_host,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_with
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.bootstrap import BOOTSTRAP_SPEC


def bootstrap_request(params: dict[str, Any], *, check: bool) -> BootstrapRequest:
    """Return the options of the task as a value."""
    engine = {**params["engine"]}
    for key in ("distro_packages", "docker_packages"):
        engine[key] = tuple(engine[key])
    return BootstrapRequest(
        concerns=Concerns(**params["concerns"]),
        packages=tuple(params["packages"]),
        engine=EngineRequest(**engine),
        daemon=DaemonRequest(**params["daemon"]),
        directories=tuple(DirectoryRequest(entry["path"], int(entry["mode"], 8)) for entry in params["directories"]),
        data_disk=params["data_disk"] or None,
        settings=params["settings"],
        unset=tuple(params["unset"]),
        ca_bundle=params["ca_bundle"],
        ca_bundle_text=params["ca_bundle_text"],
        python_installed=params["python_installed"],
        host_changed=params["host_changed"],
        check=check,
    )


def main() -> None:
    module = AnsibleModule(argument_spec=BOOTSTRAP_SPEC, supports_check_mode=True)
    request = bootstrap_request(module.params, check=module.check_mode)
    exit_with(module, lambda: look_at_host(request))


if __name__ == "__main__":
    main()
