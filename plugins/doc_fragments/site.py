# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a site, shared by the modules that take them."""

from __future__ import annotations


class ModuleDocFragment:
    """Fields of a manifest; what is left out stays as the manifest has it."""

    DOCUMENTATION = r"""
options:
  upstream:
    description:
      - V(NAME:PORT[:PROFILE]), or a comma list of V(PATH=NAME:PORT[:PROFILE]). Instead of O(routes), O(container) and
        O(port).
    type: raw
  container:
    description: The container that answers, for a site with the single route V(/).
    type: raw
  port:
    description: The port on which it listens inside, for a site with the single route V(/).
    type: raw
  routes:
    description:
      - The whole list of routes, each V(PATH=NAME:PORT[:PROFILE]) or a mapping of path, container, port, profile and
        strip_prefix.
    type: list
    elements: raw
  aliases:
    description: The whole list of further names, which are redirected to the domain.
    type: list
    elements: raw
  tenant:
    description: Whose site it is; decides on which edge network its containers are reached.
    type: raw
  email:
    description: The contact of the ACME account.
    type: raw
  ca:
    description: V(letsencrypt), V(staging), V(selfsigned) or the https URL of an ACME directory.
    type: raw
  profile:
    description: The kind of application, V(web), V(sse), V(websocket), V(upload) or V(llm).
    type: raw
  body_size:
    description: The largest request body, in NGINX's form; instead of the profile's.
    type: raw
  http3:
    description: Whether HTTP/3 is offered as well.
    type: bool
  hsts:
    description: Whether browsers are told to come by HTTPS only. Never sent with a staging or self-signed certificate.
    type: bool
  rate_limit:
    description: Requests per client (an IPv4 address or an IPv6 C(/64)), V(10r/s) or V(30r/m).
    type: raw
  rate_burst:
    description: How many requests beyond the rate are let through before the answer is 429.
    type: raw
  allow:
    description: Networks that may see the site; everybody else gets 403.
    type: list
    elements: raw
  trusted_proxies:
    description: Networks of a CDN in front, whose X-Forwarded-For is believed.
    type: list
    elements: raw
  timeout:
    description: How long a backend may be silent, in NGINX's form; instead of the profile's.
    type: raw
  www:
    description: V(add) serves C(www.) before the domain and redirects the domain to it, V(remove) the other way.
    type: raw
  maintenance:
    description: Whether visitors get a page that says so, with 503, instead of the site.
    type: bool
  maintenance_allow:
    description: Networks that see the site also while it is in maintenance.
    type: list
    elements: raw
  strip_prefix:
    description: Paths of routes whose backends get requests without it, V(/api/x) as V(/x).
    type: list
    elements: raw
  auth:
    description:
      - The whole list of paths behind basic auth. Nobody may pass until M(flowbiz.vsa.auth) has added users.
    type: list
    elements: raw
  auth_pass:
    description: Whether the backend of a path behind basic auth gets the C(Authorization) header.
    type: bool
  unset:
    description: Fields that go back to their default.
    type: list
    elements: str
"""
