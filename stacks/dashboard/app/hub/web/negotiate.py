"""Which form of a page a client wants: the header Accept of RFC 9110, section 12.5.1, for two types."""

from __future__ import annotations

__all__ = ("wants_json",)

_JSON, _HTML = "application/json", "text/html"


def wants_json(accept: str) -> bool:
    """Say whether a header prefers JSON to HTML. A client that takes both alike is a browser."""
    weights = {_JSON: 0.0, _HTML: 0.0}
    for part in accept.lower().split(","):
        kind, *parameters = (word.strip() for word in part.split(";"))
        weight = _weight(parameters)
        for known in weights:
            if kind in (known, "*/*", f"{known.partition('/')[0]}/*"):
                # What names the type itself counts more than a range.
                weights[known] = weight if kind == known else max(weights[known], weight * 0.001)
    return weights[_JSON] > weights[_HTML]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _equals, value = parameter.partition("=")
        if name == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
