# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which arguments of a run an audit record shows with their values, and which it masks.

Every option of every role stands in one of the two tables. Whoever adds an option to a role's
``meta/argument_specs.yml`` adds it here too; a contract test compares. An argument in neither table is masked.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ..site.fields import REQUEST_ONLY
from ..site.manifest import FIELDS

__all__ = ("MASKED_OPTIONS", "OTHER_SHOWN_ARGUMENTS", "SECRET_OPTIONS", "SHOWN_ARGUMENTS", "SHOWN_OPTIONS")

SHOWN_OPTIONS: dict[str, tuple[str, ...]] = {
    "agent": (
        "agent_hub_url",
        "agent_token_file",
    ),
    "auth": (
        "auth_domain",
        "auth_password_file",
        "auth_route",
        "auth_user",
        "auth_vhost_templates_dir",
    ),
    "bootstrap": (
        "bootstrap_alert_command",
        "bootstrap_ca",
        "bootstrap_ca_bundle",
        "bootstrap_daemon_address_pools",
        "bootstrap_daemon_enabled",
        "bootstrap_daemon_live_restore",
        "bootstrap_daemon_log_max_file",
        "bootstrap_daemon_log_max_size",
        "bootstrap_data_disk",
        "bootstrap_directories_enabled",
        "bootstrap_dns_plugin",
        "bootstrap_dns_propagation",
        "bootstrap_docker_repository",
        "bootstrap_docker_source",
        "bootstrap_email",
        "bootstrap_engine_enabled",
        "bootstrap_firewall_enabled",
        "bootstrap_loki_url",
        "bootstrap_network_enabled",
        "bootstrap_network_ipv6",
        "bootstrap_network_ipv6_subnet",
        "bootstrap_packages_enabled",
        "bootstrap_python_enabled",
        "bootstrap_resolver_valid",
        "bootstrap_settings_enabled",
        "bootstrap_unset",
        "bootstrap_container_metadata",
        "bootstrap_container_host_ports",
        "bootstrap_client_connections",
        "bootstrap_site_connections",
        "bootstrap_upstream_connections",
        "bootstrap_uploads",
        "bootstrap_http2_streams",
        "bootstrap_proxy_generations",
        "bootstrap_worker_shutdown_timeout",
    ),
    "cert": (
        "cert_ca",
        "cert_dns",
        "cert_dns_check",
        "cert_domain",
        "cert_email",
        "cert_force",
        "cert_names",
        "cert_reason",
        "cert_replace",
        "cert_san",
        "cert_timer_cron",
        "cert_timer_state",
        "cert_unset",
    ),
    "hub": (
        "hub_address",
        "hub_hostname",
        "hub_node",
        "hub_provider",
        "hub_token_file",
    ),
    "site": (
        # No field of a manifest is secret: `vsa site show` prints them all. A secret belongs in a file of its own.
        *(f"site_{name}" for name in (*REQUEST_ONLY, *FIELDS)),
        "site_declared",
        "site_detect",
        "site_dns_check",
        "site_domain",
        "site_external_port",
        "site_force",
        "site_keep_cert",
        "site_keep_container",
        "site_prune",
        "site_purge",
        "site_redirect",
        "site_settings",
        "site_generation",
        "site_to",
        "site_vhost_templates_dir",
    ),
    "stack": (
        "stack_allow",
        "stack_build",
        "stack_command",
        "stack_dns_check",
        "stack_env_typed",
        "stack_name",
        "stack_new_name",
        "stack_password_file",
        "stack_pull",
        "stack_rotate",
        "stack_run",
        "stack_service",
        "stack_sites",
        "stack_source",
        "stack_tenant",
        "stack_typed",
        "stack_vhost_templates_dir",
        "stack_volumes",
    ),
    "vhost": (
        "vhost_invalid_fails",
        "vhost_base",
        "vhost_removal",
        "vhost_templates_dir",
        "vhost_to",
    ),
}
"""By role: options whose values a record shows. They still pass through the patterns of secrets."""

MASKED_OPTIONS: dict[str, tuple[str, ...]] = {
    "bootstrap": (
        "bootstrap_alert_url",  # the address of a webhook is often its only secret
        "bootstrap_daemon_options",  # any key of daemon.json: credentials of log drivers and of proxies are among them
    ),
    "stack": (
        "stack_env",  # passwords of the stack's services
        "stack_stdin",  # what a command reads
    ),
}
"""By role: options whose values may be secrets. A record shows only that they were given."""

SECRET_OPTIONS = frozenset(name for names in MASKED_OPTIONS.values() for name in names)
"""The options of all roles whose values may be secrets. No error shows such a value."""

OTHER_SHOWN_ARGUMENTS = (
    # options of ansible-playbook
    "limit",
    "skip_tags",
    "tags",
    # variables of playbooks
    "apply",
    "audit_changes",
    "audit_last",
    "audit_run",
    "audit_since",
    "audit_status",
    "audit_target",
    "audit_verb",
    "domain",
    "host_fresh",
    "host_probe",
    "maintenance",
    "site_fresh",
    "site_probe",
    "stack_cursor",
    "stack_follow",
    "stack_since",
    "stack_tail",
    "upstream",
    "vhost_domain",
    "vps_address",
    "vps_host_key",
    "vps_hostname",
    "vps_id",
    "vps_port",
    "vps_provider",
    "vsa_fail_fast",
    "yes",
    # options of verbs that need no playbook, and numbers of a change in a host's own trail
    "base",
    "generation",
    "since",
)
"""Arguments that are no options of a role and whose values a record shows."""

SHOWN_ARGUMENTS = frozenset(OTHER_SHOWN_ARGUMENTS).union(*SHOWN_OPTIONS.values())
