# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the proxy and its engine: does the container run, does NGINX serve the generation that is live on disk.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..._core.errors import VsaError
from ..._core.finding import DOWN, WARNING, Finding
from ..._core.hints import Advice, Hint
from ..._core.libraries import MissingLibraryError
from ..machine.docker import PROJECT_LABEL, Container
from ..store.host import Host
from .nginx import AUTH_CONTAINER, CONTAINER, Nginx

__all__ = ("engine_findings", "own_container_findings", "proxy_findings")

# The other containers of the stack.
_BESIDE = (AUTH_CONTAINER, "vsa-certbot")
_START = Advice("", Hint("stack.up", {"name": "reverse-proxy"}))
_SYNC = Advice("", Hint("vhost.sync"))
_BOOTSTRAP = Advice("", Hint("bootstrap"))
_LOOK = "docker logs vsa-nginx, on the host"


def engine_findings(error: VsaError) -> list[Finding]:
    """Return the finding for an engine that failed with this error, or that VSA cannot ask without a library."""
    if isinstance(error, MissingLibraryError):
        return [Finding("library-missing", WARNING, "Docker", f"{error.message}: it was not asked", _BOOTSTRAP)]
    said = f" ({error.details[0]})" if error.details else ""
    remedy = "systemctl start docker, on the host"
    return [Finding("engine-silent", DOWN, "Docker", f"{error.message}{said}", remedy)]


def own_container_findings(containers: Iterable[Container]) -> list[Finding]:
    """Return a finding for each container of the stack ``reverse-proxy`` that is missing, stopped or unhealthy.

    NGINX has a check of its own. Without its container nobody brought the stack up.
    """
    own = [container for container in containers if container.labels.get(PROJECT_LABEL) == "reverse-proxy"]
    names = [container.name for container in own]
    missing = [name for name in _BESIDE if name not in names] if CONTAINER in names else []
    text = "there is no such container, though NGINX has one"
    findings = [Finding("own-container-missing", WARNING, name, text, _START) for name in missing]
    for container in own:
        if container.name == CONTAINER:
            continue
        look = f"docker logs {container.name}, on the host"
        if not container.running:
            text = f"the container is {container.status}"
            findings.append(Finding("own-container-stopped", WARNING, container.name, text, _START))
        elif container.health == "unhealthy":
            findings.append(Finding("own-container-unhealthy", WARNING, container.name, "its health check fails", look))
    return findings


def proxy_findings(host: Host, nginx: Nginx, *, ask: bool = True) -> list[Finding]:
    """Return what is wrong with the proxy. A host that never had a proxy, and has no manifest, needs none.

    Without ``ask`` only its container is looked at: to ask NGINX, one must enter the container's file system.
    """
    container = nginx.container()
    if container is None:
        if not host.number and not host.manifests:
            return []
        return [Finding("proxy-missing", DOWN, CONTAINER, "NGINX does not run: there is no such container", _START)]
    if not container.running or not container.pid:
        text = f"NGINX does not run: the container is {container.status}"
        return [Finding("proxy-stopped", DOWN, CONTAINER, text, _START)]
    served = nginx.generation(container.pid) if ask else host.number
    if served is None:
        return [Finding("proxy-silent", DOWN, CONTAINER, "NGINX does not say which generation it serves", _LOOK)]
    findings = []
    if served != host.number:
        text = f"NGINX serves generation {served}, and generation {host.number} is live on disk"
        findings.append(Finding("proxy-other-generation", WARNING, CONTAINER, text, _SYNC))
    if container.health == "unhealthy":
        findings.append(Finding("proxy-unhealthy", WARNING, CONTAINER, "its health check fails", _LOOK))
    return findings
