# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a site, which the modules ``site`` and ``vhost`` share, and the requests made of them.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._core import forms
from .._core.site.fields import LIST, NAMES, REQUEST_ONLY, ROUTES, SWITCH
from .._core.site.manifest import FIELDS
from .._core.site.requested import requested_fields

if TYPE_CHECKING:
    from .._core.run_context import RunContext
    from .._host.site.provision import ProvisionRequest
    from .._host.site.removal.run import RemovalRequest
    from .._host.site.rename import RenameRequest
    from .._host.site.rollback import RollbackRequest

__all__ = ("SITE_SPEC", "provision_request", "removal_request", "rename_request", "rollback_request")

# The core checks the form of a value, not Ansible: an error of the core tells the operator what to do next.
_OPTION: dict[str, dict[str, Any]] = {
    SWITCH: {"type": "bool"},
    LIST: {"type": "list", "elements": "raw"},
    ROUTES: {"type": "list", "elements": "raw"},
    NAMES: {"type": "list", "elements": "str"},
}

MOST_GENERATIONS = 999_999_999

# No field of a manifest is secret. Without no_log Ansible warns about each option with "pass" in its name.
SITE_SPEC: dict[str, dict[str, Any]] = {
    name: {**_OPTION.get(field.kind, {"type": "raw"}), "no_log": False}
    for name, field in {**REQUEST_ONLY, **FIELDS}.items()
}


def provision_request(params: Mapping[str, Any], run: RunContext) -> ProvisionRequest:
    """Return what a task with ``state=present`` asks for. VsaError if an option has not its form."""
    from .._host.site.provision import ProvisionRequest

    external_port = params["external_port"]
    return ProvisionRequest(
        run=run,
        domain=forms.domain(params["domain"]),
        templates=params["templates"] or {},
        fields=requested_fields(params),
        unset=tuple(params["unset"] or ()),
        external_port=None if external_port is None else forms.port(external_port, field="external_port"),
        dns_check=params["dns_check"],
        force=params["force"],
    )


def rename_request(params: Mapping[str, Any], run: RunContext) -> RenameRequest:
    """Return what a task with ``state=renamed`` asks for. VsaError if an option has not its form."""
    from .._host.site.rename import RenameRequest

    return RenameRequest(
        run=run,
        domain=forms.domain(params["domain"]),
        to=forms.domain(params["to"], field="to"),
        templates=params["templates"] or {},
        redirect=params["redirect"],
        dns_check=params["dns_check"],
        force=params["force"],
    )


def rollback_request(params: Mapping[str, Any], run: RunContext) -> RollbackRequest:
    """Return what a task with ``state=rolled_back`` asks for. VsaError if an option has not its form."""
    from .._host.site.rollback import RollbackRequest

    generation = params["generation"]
    if generation is not None:
        generation = forms.whole_number(generation, field="generation", least=1, most=MOST_GENERATIONS)
    return RollbackRequest(
        run=run,
        domain=forms.domain(params["domain"]),
        templates=params["templates"] or {},
        generation=generation,
        force=params["force"],
    )


def removal_request(params: Mapping[str, Any], run: RunContext) -> RemovalRequest:
    """Return what a task with ``state=absent`` asks for. VsaError if an option has not its form."""
    from .._host.site.removal.run import RemovalRequest

    return RemovalRequest(
        run=run,
        domain=forms.domain(params["domain"]),
        templates=params["templates"] or {},
        keep_container=params["keep_container"],
        keep_cert=params["keep_cert"],
        purge=params["purge"],
    )
