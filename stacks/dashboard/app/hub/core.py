"""The one place where the hub imports the collection's core, which it shares with the agent and the modules."""

from __future__ import annotations

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.answer import (
    ACCEPTED,
    AGENT_TOO_OLD,
    BAD_BEAT,
    DATABASE,
    ENCODING,
    OTHER_MACHINE,
    REPEATED,
    STALE,
    STATUS_OF,
    TOKEN_REVOKED,
    TOKEN_UNKNOWN,
    TOO_LARGE,
    TOO_SOON,
    UNDER_WAY,
    error_body,
    is_older,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.beat import (
    COMPRESSED_MOST,
    ERROR_MOST,
    INFLATED_MOST,
    INTERVAL,
    OK,
    RECORDS_MOST,
    Beat,
    parsed_beat,
    record_hashes,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.freshness import SILENT, freshness
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.sections import SECTIONS, TEXT_MOST, Field
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.token import (
    RANDOM_BYTES,
    made_token,
    node_name,
    node_of_token,
    token_hash,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import GENESIS
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import STATUS, RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.times import parse_time, rfc3339
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.version import VERSION
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.words import error_words, escaped

__all__ = (
    "ACCEPTED",
    "AGENT_TOO_OLD",
    "BAD_BEAT",
    "COMPRESSED_MOST",
    "DATABASE",
    "ENCODING",
    "ERROR_MOST",
    "GENESIS",
    "INFLATED_MOST",
    "INTERVAL",
    "OK",
    "OTHER_MACHINE",
    "RANDOM_BYTES",
    "RECORDS_MOST",
    "REPEATED",
    "SECTIONS",
    "SILENT",
    "STALE",
    "STATUS",
    "STATUS_OF",
    "TEXT_MOST",
    "TOKEN_REVOKED",
    "TOKEN_UNKNOWN",
    "TOO_LARGE",
    "TOO_SOON",
    "UNDER_WAY",
    "VERSION",
    "Beat",
    "Field",
    "RefusedError",
    "error_body",
    "error_words",
    "escaped",
    "freshness",
    "is_older",
    "made_token",
    "node_name",
    "node_of_token",
    "parse_time",
    "parsed_beat",
    "record_hashes",
    "rfc3339",
    "token_hash",
)
