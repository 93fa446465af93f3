# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``vsa vhost restore``: write the manifests that /etc/vsa/sites has lost, from the live generation.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ..._core.proxy.plan import FileChange, manifest_file
from ..._core.result import CHANGED, OK, WOULD_CHANGE, Result, Step
from ..._core.run_context import RunContext
from ..machine.disk import disk_errors_told
from ..machine.files import make_directory, write_atomically
from ..store.host import Host
from .noted import note_manifests

__all__ = ("restore_manifests",)


def restore_manifests(host: Host, run: RunContext, *, check: bool) -> Result:
    """Write the manifest of each live site that has none in /etc/vsa/sites. The proxy stays as it is.

    A manifest that is there stays, even if it is not what is live. A file of the live generation that somebody edited
    is not used: the step names its site.
    """
    live, drifted = host.live, set(host.live.drifted)
    lost = [domain for domain in live.domains if domain not in host.manifests]
    edited = [domain for domain in lost if manifest_file(domain) in drifted or manifest_file(domain) not in live.files]
    written = [domain for domain in lost if domain not in edited]
    if written and not check:
        done: list[str] = []
        with disk_errors_told(lambda: f"the proxy is as it was; manifests written again: {', '.join(done) or 'none'}"):
            make_directory(host.paths.sites, mode=0o755)
            for domain in written:
                path = host.paths.sites / f"{domain}.yml"
                write_atomically(path, live.files[manifest_file(domain)], mode=0o644)
                done.append(domain)
        names = [manifest_file(domain) for domain in written]
        note_manifests(run, host.number, [FileChange(name, None, live.files[name]) for name in names])
    notes = [f"{domain}: its manifest in the live generation was edited, so nothing was written" for domain in edited]
    return Result(
        changed=bool(written),
        steps=(_step(written, notes, check=check),),
        data={"audit_id": run.audit_id, "restored": written, "edited": edited},
    )


def _step(written: list[str], notes: list[str], *, check: bool) -> Step:
    if not written:
        return Step("manifests", OK, "no live site has lost its manifest", tuple(notes))
    text = f"written again from the live generation: {', '.join(written)}"
    return Step("manifests", WOULD_CHANGE if check else CHANGED, text, tuple(notes))
