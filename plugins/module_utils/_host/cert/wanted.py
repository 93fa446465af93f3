# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificate a site is to have: the request, the saved options, the manifest and the host's settings together.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..._core import forms
from ..._core.cert.options import CertificateOptions, needed_names
from ..._core.contradictions import refuse_set_and_unset
from ..._core.errors import RefusedError
from ..._core.settings import Settings
from ..._core.version import REPOSITORY
from ..store.cert_options import read_options
from ..store.host import Host
from ..store.layout import Paths

__all__ = ("IssueRequest", "WantedCertificate", "refuse_missing_credentials", "wanted_certificate")

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WILDCARDS_HOWTO = f"{REPOSITORY}/blob/main/docs/howto/wildcards.md"


@dataclass(frozen=True)
class IssueRequest:
    """What the operator asks for with ``vsa cert issue``. ``wanted_certificate`` checks the form of the values.

    * ``names``, ``ca``, ``email``: None takes them from the site's manifest, else from the host's settings.
    * ``san``, ``dns``: None takes the saved options; ``unset`` names those of the two to forget.
    * ``force``: ask for a new certificate even if the present one is good.
    * ``dns_check``: refuse names for which CAA records forbid the CA. If false, these are warnings.
    * ``names_checked``: the caller has looked the CAA records up.
    * ``prove``: wait until the proxy serves a certificate that replaces another one.
    """

    domain: object
    names: Sequence[object] | None = None
    san: Sequence[object] | None = None
    dns: object = None
    unset: Sequence[str] = ()
    ca: object = None
    email: object = None
    force: bool = False
    dns_check: bool = True
    names_checked: bool = False
    prove: bool = True


@dataclass(frozen=True)
class WantedCertificate:
    """A certificate as it should be.

    * ``names``: all names that it lists, the domain first. ``authority``: the CA.
    * ``email``: the contact of the ACME account. ``ca_bundle``: a file of roots that the ACME client trusts as well.
    * ``options``: what is saved for renewals once it is issued.
    * ``dns``, ``dns_wait``: the certbot plugin that answers the challenges by DNS, and the seconds it waits before the
      CA looks; None for challenges by HTTP.
    """

    names: tuple[str, ...]
    authority: str
    email: str | None = None
    ca_bundle: str | None = None
    options: CertificateOptions = field(default_factory=CertificateOptions)
    dns: str | None = None
    dns_wait: int | None = None

    @property
    def domain(self) -> str:
        """Return the domain of the site, which is the name of the lineage."""
        return self.names[0]


def wanted_certificate(host: Host, request: IssueRequest) -> WantedCertificate:
    """Return the certificate that a request means on this host.

    UsageError or RefusedError if a value is invalid, or if the values do not fit together.
    """
    domain = forms.domain(request.domain)
    names, ca, email = _of_site(host, domain, request)
    options = _options(host.paths, domain, request)
    _refuse_wildcard_above(domain, options)
    authority = forms.ca(ca)
    needed = needed_names(domain, names, options)
    return WantedCertificate(
        names=needed,
        authority=authority,
        email=None if email is None else forms.email(email),
        ca_bundle=host.settings.ca_bundle,
        options=options,
        dns=_dns_plugin(needed, options, host.settings, authority=authority),
        dns_wait=_seconds(host.settings.dns_propagation),
    )


def _of_site(host: Host, domain: str, request: IssueRequest) -> tuple[tuple[str, ...], object, object]:
    """Return names, CA and email: of the request, else of the manifest, else of the settings."""
    given, ca, email = request.names, request.ca, request.email
    site = None
    if not (given and ca and email):
        site = host.site(domain)
    if site is not None:
        given, ca, email = given or site.names, ca or site.ca, email or site.email
    names = [forms.domain(name, field=f"names/{number}") for number, name in enumerate(given or (domain,))]
    if domain not in names:
        raise RefusedError("the names of a certificate include the domain", field="names", value=", ".join(names))
    return tuple(dict.fromkeys(names)), ca or host.settings.ca, email or host.settings.email


def _options(paths: Paths, domain: str, request: IssueRequest) -> CertificateOptions:
    """Return the saved options with the changes of the request."""
    refuse_set_and_unset({"san": request.san or None, "dns": request.dns or None}, request.unset)
    saved = read_options(paths, domain)
    san, dns = saved.san, saved.dns
    if request.san is not None:
        san = tuple(forms.certificate_name(name, field=f"san/{number}") for number, name in enumerate(request.san))
    if request.dns is not None:
        dns = forms.dns_plugin(request.dns, field="dns")
    if "san" in request.unset:
        san = ()
    if "dns" in request.unset:
        dns = None
    return CertificateOptions(san=tuple(dict.fromkeys(name for name in san if name != domain)), dns=dns)


def _refuse_wildcard_above(domain: str, options: CertificateOptions) -> None:
    parent = domain.partition(".")[2]
    wildcard = f"*.{parent}"
    if wildcard in options.san:
        raise RefusedError(
            "this wildcard covers the domain itself, and a CA takes only one of the two",
            field="san",
            value=wildcard,
            expected=f"a certificate of its own: --domain {parent} --san '{wildcard}'",
        )


def _dns_plugin(
    names: tuple[str, ...], options: CertificateOptions, settings: Settings, *, authority: str
) -> str | None:
    """Return the plugin that answers the challenges by DNS; None for challenges by HTTP."""
    if authority == forms.SELFSIGNED:
        return None
    if options.dns:
        return options.dns
    has_wildcard = any(name.startswith("*.") for name in names)
    return settings.dns_plugin if has_wildcard else None


def _seconds(duration: str | None) -> int | None:
    return None if duration is None else int(duration[:-1]) * _SECONDS[duration[-1]]


def refuse_missing_credentials(paths: Paths, wanted: WantedCertificate) -> None:
    """Raise RefusedError if nothing on this host can answer the CA's challenges by DNS.

    To be called before a CA is asked, and not for a certificate that is kept.
    """
    wildcards = [name for name in wanted.names if name.startswith("*.")]
    if wildcards and wanted.dns is None and wanted.authority != forms.SELFSIGNED:
        raise RefusedError(
            "a CA validates a wildcard by DNS only, and no DNS plugin is configured",
            field="san",
            value=wildcards[0],
            expected="dns_plugin in the host's settings, or --dns",
            hint=_WILDCARDS_HOWTO,
        )
    if wanted.dns is None:
        return
    path = paths.dns / f"{wanted.dns}.ini"
    if not path.is_file():
        problem, hint = f"there are no credentials for the DNS plugin {wanted.dns}", _WILDCARDS_HOWTO
    else:
        found = path.stat()
        if found.st_uid == 0 and not found.st_mode & 0o077:
            return
        problem = f"others than root may read the credentials in {path}: mode {found.st_mode & 0o7777:04o}"
        hint = f"chown root: {path} && chmod 600 {path}"
    raise RefusedError(problem, field="dns", value=wanted.dns, expected=f"{path}, of root, mode 0600", hint=hint)
