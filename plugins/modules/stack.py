#!/usr/bin/python
# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack
short_description: Write the folder of a stack, and verify that its containers are healthy
version_added: 0.1.0
description:
  - Writes the files of a stack to its folder below C(/srv), makes its directories and missing secrets, and pulls its
    images. What the host cannot run is refused before anything is written.
  - The role C(stack) runs Compose by M(community.docker.docker_compose_v2) between O(state=present) and
    O(state=verified).
requirements:
  - Python 3.10 or newer on the host
  - python3-cryptography on the host
  - python3-dnspython on the host
  - python3-docker on the host
  - python3-idna on the host
  - python3-jinja2 on the host
  - python3-requests on the host
  - python3-ruamel.yaml on the host
  - python3-yaml on the host
  - idna>=3.7 on the controller
author:
  - flowbiz (@flowbiz)
extends_documentation_fragment:
  - flowbiz.vsa.run
  - flowbiz.vsa.templates
options:
  name:
    description: The name of the stack.
    type: str
    required: true
  state:
    description:
      - V(present) writes the folder.
      - V(leaving) disconnects the proxy from the tenants' networks, if Compose is about to recreate the proxy.
      - V(rolled) starts a new version of the rolling services beside the old one, leads the sites to it, and removes
        the old containers.
      - V(verified) waits until every container is healthy, and keeps this version as the last good one.
      - V(restored) writes the files of the last good version again.
      - V(found) returns the folder of the stack and changes nothing.
      - V(stopping) returns the folder too, and what goes with the stack; it notes which sites are about to be closed.
      - V(stopped) reports and records that Compose removed the containers, and deletes O(volumes).
      - V(executed) runs O(command) in a container of the stack.
      - V(opened) notes that the sites that were closed are open again.
    type: str
    choices: [present, leaving, rolled, verified, restored, found, stopping, stopped, opened, executed]
    default: present
  tenant:
    description:
      - The tenant of the stack. For O(state=present) it replaces what C(stack.yml) says; otherwise it is needed if
        several tenants have a stack of this name.
    type: str
  source:
    description:
      - The directory on the controller that contains the folder of the stack. The action plugin reads it.
      - Without it, the stack is one of the collection, or lies in the folder C(stacks) beside the inventory.
    type: path
  origin:
    description: Where the files come from. The action plugin fills it in.
    type: dict
    suboptions:
      kind:
        description: Whether they come from the collection, from beside the inventory, or from a named directory.
        type: str
        choices: [collection, inventory, named]
        required: true
      place:
        description: The directory on the controller.
        type: str
        required: true
      typed:
        description: Whether the operator named the directory.
        type: bool
        required: true
  also:
    description: The other sources that have a stack of this name, in words. The action plugin fills it in.
    type: list
    elements: str
    default: []
  archive_sha256:
    description: The hash of the archive of the folder. The action plugin fills it in.
    type: str
  archive:
    description:
      - Where the archive lies on the host. The action plugin sends it and fills this in, if the host lacks the archive.
    type: path
  env:
    description: Variables to set in C(env/.env) of the stack; other variables stay as they are.
    type: dict
  env_typed:
    description:
      - Names of those variables of O(env) whose values stood on a command line, which others can see. A secret of
        C(stack.yml) is refused then.
    type: list
    elements: str
    default: []
  own:
    description:
      - Whether the stack is one of the collection. The policy judges the Compose file of every other stack. The action
        plugin fills it in.
    type: bool
    default: false
  pull:
    description:
      - Pull every image again. Without it, an image is pulled if the host lacks the image, and a tag that names another
        image than the one that was pulled for this stack is refused.
    type: bool
    default: false
  build:
    description: Build the images of the services that are built on the host again, also if no file changed.
    type: bool
    default: false
  allow:
    description:
      - Names of findings of the policy that the operator allows for this stack.
      - The host keeps them with who allowed them.
    type: list
    elements: str
    default: []
  kept:
    description: For O(state=present), whether to take the files that the host has, and not those of a controller.
    type: bool
    default: false
  rotate:
    description: For O(state=present), the secrets to make anew. C(stack.yml) must call them rotatable.
    type: list
    elements: str
    default: []
  password:
    description:
      - For O(state=present), whether the controller has a password for the first user of paths behind basic auth.
    type: bool
    default: false
  foresee:
    description:
      - For O(state=present), whether to refuse the stack if this host could not serve its sites after the start.
      - The names of a site are looked up if a CA would be asked for its certificate.
    type: bool
    default: true
  dns_check:
    description: With O(foresee), whether to refuse names that the CA could not validate. If not, they are warnings.
    type: bool
    default: true
  service:
    description:
      - For O(state=found), a service that the stack must have.
      - For O(state=executed), the service that runs the command.
    type: str
  command:
    description:
      - For O(state=executed), the command with its arguments. They may contain secrets, so the action plugin hands them
        over as JSON, which is not logged.
    type: str
  stdin:
    description: For O(state=executed), the standard input of the command. The action plugin hands it over as JSON.
    type: str
  remove_sites:
    description: For O(state=stopping), whether the sites of the stack are to be unprovisioned instead of closed.
    type: bool
    default: false
  remove_volumes:
    description: For O(state=stopping), whether the volumes of the stack are to be deleted.
    type: bool
    default: false
  typed:
    description: For O(state=stopping) with O(remove_volumes), the name of the stack, as the operator typed it.
    type: str
  volumes:
    description: For O(state=stopped), the volumes to delete, as O(state=stopping) returned them.
    type: list
    elements: dict
  proven:
    description: For O(state=verified), the sites that answered before the start and must answer after it.
    type: list
    elements: str
  started:
    description: For O(state=verified) and O(state=stopped), whether Compose changed something.
    type: bool
    default: false
  complaint:
    description:
      - For O(state=verified), what Compose said if it ended with an error. The containers decide whether the start
        failed. The action plugin hands it over as JSON, which is not logged.
    type: str
  failure:
    description:
      - For O(state=verified) and O(state=stopped), why Compose failed. The module then fails and says what state the
        host is in.
      - Compose's words may contain a secret of the stack, so the action plugin hands them over as JSON, which is not
        logged.
    type: str
  restored:
    description: For O(state=verified), whether the last good version was restored.
    type: bool
    default: false
  removed:
    description: For O(state=verified), whether the containers of a first version that failed were removed.
    type: bool
    default: false
  details:
    description: For O(state=verified), further lines about the failure. The action plugin hands them over as JSON.
    type: str
attributes:
  check_mode:
    support: full
    description: Can run in check mode and return what would change.
  diff_mode:
    support: full
    description: Returns the unified diff of every file except C(env/.env), which contains secrets.
"""

EXAMPLES = r"""
- name: Write the folder of the reverse proxy
  flowbiz.vsa.stack:
    name: reverse-proxy
"""

RETURN = r"""
archive_needed:
  description: Whether the host lacks the archive of the folder. Nothing was done then, and nothing else is returned.
  returned: O(state=present), if it is true
  type: bool
tenant:
  description: The tenant of the stack.
  returned: O(state=present) and O(state=found)
  type: str
  sample: acme
project:
  description: The Compose project of the stack.
  returned: O(state=present) and O(state=found)
  type: str
  sample: acme-shop
builds:
  description: Whether a service of the stack is built on the host.
  returned: O(state=present)
  type: bool
fresh:
  description: Whether the stack had no container before.
  returned: O(state=present)
  type: bool
folder:
  description: The folder of the stack on the host.
  returned: O(state=present) and O(state=found)
  type: str
  sample: /srv/platform/reverse-proxy
compose_files:
  description: The Compose files to run, which only root can write. Empty for a stack that an earlier release wrote.
  returned: O(state=present) and O(state=found)
  type: list
  elements: str
env_file:
  description: The environment file for Compose.
  returned: O(state=present) and O(state=found)
  type: str
before_start:
  description: The task file of the role C(stack) that must run before Compose, null if there is none.
  returned: O(state=present)
  type: str
  sample: reverse_proxy.yml
up_needed:
  description: Whether Compose must run. False if the last good version runs unchanged.
  returned: O(state=present)
  type: bool
undo:
  description: The command that sets the variables back to what they were.
  returned: O(state=present), if nothing but variables was changed, and none of them may be a secret
  type: str
undo_hint:
  description: The same as a mapping with C(verb) and C(fields), from which C(vsa) writes its own command.
  returned: with RV(undo)
  type: dict
left:
  description: The networks that the stack left before its start.
  returned: O(state=leaving)
  type: list
  elements: str
timeout:
  description: How long the containers may take to become healthy, in seconds.
  returned: O(state=present)
  type: int
proven:
  description: The sites that answered before anything was changed.
  returned: O(state=present)
  type: list
  elements: str
sites:
  description:
    - The sites to provision after the start, each with options of M(flowbiz.vsa.site).
    - O(state=verified) returns them if the stack is rolling, because its containers have other names then.
  returned: O(state=present), O(state=verified)
  type: list
  elements: dict
rolling:
  description: Whether the stack has services that roll.
  returned: O(state=present)
  type: bool
compose_needed:
  description: Whether Compose has to start what is left, or everything.
  returned: O(state=rolled)
  type: bool
admins:
  description:
    - The users to add after that, with C(user), C(domain) and C(route). Without them nobody could open these paths.
  returned: O(state=present)
  type: list
  elements: dict
closed:
  description: The sites that were closed when the stack was taken down, to be opened after the start.
  returned: O(state=present)
  type: list
  elements: str
serves:
  description: The live sites that need the containers of the stack.
  returned: O(state=found) and O(state=stopping)
  type: list
  elements: str
close:
  description: The sites to close for maintenance before the containers are removed.
  returned: O(state=stopping)
  type: list
  elements: str
unprovision:
  description: The sites to unprovision before the containers are removed.
  returned: O(state=stopping)
  type: list
  elements: str
volumes:
  description: The volumes to delete, each with C(name) and C(size) in bytes, null if the engine does not say.
  returned: O(state=stopping)
  type: list
  elements: dict
volumes_in_use:
  description: The volumes of the stack that stay, each with the other containers that mount it.
  returned: O(state=stopping)
  type: dict
service:
  description: The service whose container ran the command.
  returned: O(state=executed)
  type: str
container:
  description: The container that ran the command.
  returned: O(state=executed)
  type: str
command_exit_code:
  description: The exit code of the command.
  returned: O(state=executed), but not in check mode
  type: int
stdout:
  description: What the command wrote, at most 256 KiB of both streams together, without the secrets of the stack.
  returned: O(state=executed), but not in check mode
  type: str
stderr:
  description: The same of its standard error.
  returned: O(state=executed), but not in check mode
  type: str
left_out_bytes:
  description: How many bytes of the output did not fit.
  returned: O(state=executed), but not in check mode
  type: int
restored:
  description: Whether the files of another version were restored.
  returned: O(state=restored)
  type: bool
first:
  description: Whether no version of the stack was ever healthy.
  returned: O(state=restored)
  type: bool
steps:
  description: What was done, one entry per step, each with name, state, text and notes.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.flowbiz.vsa.plugins.module_utils import _bytecode  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.adapter import exit_recorded
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.arguments import RUN_SPEC, TEMPLATES_SPEC
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.stack import ORIGIN, STATES, act

SPEC = {
    **RUN_SPEC,
    **TEMPLATES_SPEC,
    "name": {"type": "str", "required": True},
    "state": {
        "type": "str",
        "choices": STATES,
        "default": "present",
    },
    "tenant": {"type": "str"},
    "source": {"type": "path"},
    "origin": {"type": "dict", "options": ORIGIN},
    "also": {"type": "list", "elements": "str", "default": []},
    "archive_sha256": {"type": "str"},
    "archive": {"type": "path"},
    # A module's options are written to the host's journal, and these may contain secrets.
    "env": {"type": "dict", "no_log": True},
    "env_typed": {"type": "list", "elements": "str", "default": []},
    "own": {"type": "bool", "default": False},
    "pull": {"type": "bool", "default": False},
    "build": {"type": "bool", "default": False},
    "allow": {"type": "list", "elements": "str", "default": []},
    "kept": {"type": "bool", "default": False},
    "rotate": {"type": "list", "elements": "str", "default": []},
    # Says whether there is one, and is none.
    "password": {"type": "bool", "default": False, "no_log": False},
    "foresee": {"type": "bool", "default": True},
    "dns_check": {"type": "bool", "default": True},
    "service": {"type": "str"},
    "command": {"type": "str", "no_log": True},
    "stdin": {"type": "str", "no_log": True},
    "remove_sites": {"type": "bool", "default": False},
    "remove_volumes": {"type": "bool", "default": False},
    "typed": {"type": "str"},
    "volumes": {"type": "list", "elements": "dict"},
    "proven": {"type": "list", "elements": "str"},
    "started": {"type": "bool", "default": False},
    # Words of Compose and of containers; the action plugin hands them over as JSON.
    "complaint": {"type": "str", "no_log": True},
    "failure": {"type": "str", "no_log": True},
    "restored": {"type": "bool", "default": False},
    "removed": {"type": "bool", "default": False},
    "details": {"type": "str", "no_log": True},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    check, diff = module.check_mode, module._diff
    exit_recorded(
        module,
        lambda run: act(module.params, run=run, check=check, diff=diff),
        verb="stack.up",
        target=module.params["name"],
    )


if __name__ == "__main__":
    main()
