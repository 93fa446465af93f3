"""Show the manifests of a host as the variable that declares them."""

from __future__ import annotations

from collections.abc import Mapping

from vsa.ansible.report import HostResult
from vsa.output.text import clean

__all__ = ("declaration",)


def declaration(hosts: Mapping[str, HostResult]) -> str:
    """Return YAML for the variables of hosts, one document for each. A comment names what cannot be exported."""
    import yaml

    lines: list[str] = []
    for name, host in hosts.items():
        if lines:
            lines.append("---")
        if host.error:
            reason = " ".join(clean(host.error.get("message")).split())
            lines.append(f"# The sites of {clean(name)} could not be read: {reason}")
            continue
        lines.append(f"# The sites of {clean(name)}.")
        lines += [
            " ".join(f"# Not exported: {clean(site.get('domain'))}: {clean(site.get('problem'))}".split())
            for site in host.payload.get("unreadable") or ()
        ]
        made = {"vsa_sites": host.payload.get("vsa_sites") or {}}
        lines += yaml.safe_dump(made, sort_keys=False, allow_unicode=True).rstrip("\n").split("\n")
    # A plain string, because the width of a terminal must not fold what a machine reads.
    return "\n".join(lines)
