"""The beat in OpenAPI, made of the tables. The route reads the body itself, with caps, so FastAPI cannot know it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI

from hub.core import ERROR_MOST, RECORDS_MOST, SECTIONS, STATUS_OF, TEXT_MOST, Field

__all__ = ("BEAT", "with_definitions")

_TEXT = {"type": "string", "maxLength": TEXT_MOST}
_TIME = {"type": "string", "format": "date-time"}
_KINDS: Mapping[str, dict[str, Any]] = {
    "text": _TEXT,
    "whole number": {"type": "integer"},
    "number": {"type": "number"},
    "true or false": {"type": "boolean"},
    "time": _TIME,
    "list of texts": {"type": "array", "items": _TEXT},
}
_ID = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_HASH = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def _object(fields: Mapping[str, Any], required: tuple[str, ...] | None = None) -> dict[str, Any]:
    return {"type": "object", "required": list(fields if required is None else required), "properties": dict(fields)}


def _or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [dict(schema), {"type": "null"}]}


def _field(known: Field) -> dict[str, Any]:
    schema = _KINDS.get(known.kind)
    if schema is None:
        entry = _object({name: _field(inner) for name, inner in known.fields.items()}, ())
        schema = {"type": "array", "items": entry} if known.kind == "list of objects" else entry
    return {**_or_null(schema), "description": known.means}


def _section(name: str) -> dict[str, Any]:
    known = SECTIONS[name]
    row = _object({field: _field(entry) for field, entry in known.fields.items()}, (known.key,))
    fields = {
        "status": {"enum": ["ok", "failed", "absent"]},
        "at": {**_TIME, "description": "When the source was read."},
        "error": _or_null({"type": "string", "maxLength": ERROR_MOST}),
        "digest": {**_HASH, "description": "SHA-256 of the canonical JSON of the rows. With the status ok alone."},
        "rows": {"type": "array", "items": row, "description": "With the status ok alone."},
    }
    return {**_object(fields, ("status", "at")), "description": known.means}


_DEFINITIONS: dict[str, Any] = {
    "Beat": _object(
        {
            "node": {"type": "string", "description": "The node's name in the inventory."},
            "machine": {**_ID, "description": "An id of the machine made for this program; never the raw machine-id."},
            "epoch": {**_ID, "description": "Random, and new whenever the state of the agent was lost."},
            "sequence": {"type": "integer", "minimum": 1, "description": "One more with each beat of this epoch."},
            "taken_at": _TIME,
            "agent": {"type": "string", "description": "The version of the agent."},
            "sections": _object({name: _section(name) for name in SECTIONS}, ()),
            "audit": _object(
                {
                    "left": {"type": "integer", "description": "How many records the node has beyond this beat."},
                    "error": _or_null({"type": "string", "maxLength": ERROR_MOST}),
                    "after": {**_or_null(_HASH), "description": "The hash of the last record that the hub has."},
                    "records": {
                        "type": "array",
                        "maxItems": RECORDS_MOST,
                        "items": {"type": "string"},
                        "description": "Lines of the trail, the oldest first.",
                    },
                },
                ("records",),
            ),
        }
    ),
    "BeatAnswer": _object(
        {
            "result": {"enum": ["accepted", "repeated", "stale"]},
            "sequence": {"type": "integer", "description": "The sequence of the last beat that was taken."},
            "audit_after": {**_or_null(_HASH), "description": "The hash of the last audit record that arrived."},
            "more": {"type": "boolean", "description": "Whether to send the next beat at once."},
            "interval": {"type": "integer", "description": "Seconds until the next beat."},
            "time": _TIME,
            "agent_minimum": {"type": "string", "description": "The oldest version whose beats the hub reads."},
        }
    ),
    "Error": _object(
        {"error": _object({name: {"type": "string"} for name in ("code", "message", "field", "value")}, ("code",))}
    ),
}


def _content(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _refusals() -> dict[str, Any]:
    """Return an answer for each status of an error, with the codes that have it."""
    found: dict[int, list[str]] = {408: ["too_slow"]}
    for code, status in STATUS_OF.items():
        found.setdefault(status, []).append(code)
    return {
        str(status): {"description": " or ".join(found[status]), "content": _content("Error")}
        for status in sorted(found)
    }


BEAT: dict[str, Any] = {
    "security": [{"agent": []}],
    "parameters": [
        {"name": "Content-Encoding", "in": "header", "required": True, "schema": {"type": "string", "enum": ["gzip"]}}
    ],
    "requestBody": {"required": True, "content": _content("Beat")},
    "responses": {
        "200": {"description": "The beat was taken, or changed nothing", "content": _content("BeatAnswer")},
        **_refusals(),
    },
}
"""What OpenAPI says of the request."""


def with_definitions(app: FastAPI) -> None:
    """Let the OpenAPI document of an application define what the beat consists of."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update(_DEFINITIONS)
        components["securitySchemes"] = {"agent": {"type": "http", "scheme": "bearer"}}
        return document

    app.openapi = openapi  # type: ignore[method-assign]
