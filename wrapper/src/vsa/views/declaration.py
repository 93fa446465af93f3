"""How the manifests of a host are written as the variable that declares them."""

from __future__ import annotations

from collections.abc import Mapping

from vsa.output.text import clean
from vsa.report import HostResult

__all__ = ("declaration",)

# What the place of a declaration says already.
_SAID_BY_PLACE = ("schema", "domain", "origin")


def declaration(hosts: Mapping[str, HostResult]) -> str:
    """Return YAML for the host's variables; what cannot be exported is named in a comment."""
    import yaml

    lines: list[str] = []
    for name, host in hosts.items():
        sites = host.payload.get("sites") or ()
        declared = {
            site["domain"]: {key: value for key, value in site["manifest"].items() if key not in _SAID_BY_PLACE}
            for site in sites
            if site.get("manifest") is not None
        }
        lines.append(f"# The sites of {clean(name)}.")
        lines += [
            f"# Not exported: {clean(site.get('domain'))}: {clean('; '.join(site.get('problems') or ()))}"
            for site in sites
            if site.get("manifest") is None
        ]
        dumped = yaml.safe_dump({"vsa_sites": declared}, sort_keys=False, default_flow_style=False, allow_unicode=True)
        lines += dumped.rstrip("\n").split("\n")
    # A plain text, which no terminal's width folds: this is to be read by a machine.
    return "\n".join(lines)
