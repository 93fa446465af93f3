"""The settings of the hub, from the environment of its container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL

__all__ = ("Settings", "SettingsError", "settings_of")

_LOKI = "http://loki:3100"


class SettingsError(ValueError):
    """The environment lacks something; the message names the variable."""


@dataclass(frozen=True)
class Settings:
    """``host``: the only name that the hub answers to. ``database``: where PostgreSQL is, with the password.

    ``assets``: the folder with the files of other projects that pages need. ``loki``: the address of Loki; None if the
    fleet has none. ``audit_days``: for how many days audit records are kept. ``docker``: the address of the list
    of this host's containers, None for none.
    """

    host: str
    database: URL
    assets: Path | None = None
    loki: str | None = None
    audit_days: int = 400
    docker: str | None = None


def settings_of(environ: Mapping[str, str]) -> Settings:
    """Return the settings of an environment. SettingsError names the first variable that is missing."""
    return Settings(
        host=_required(environ, "HUB_HOST").lower(),
        database=URL.create(
            "postgresql+psycopg",
            host=_required(environ, "DATABASE_HOST"),
            port=int(environ.get("DATABASE_PORT", "5432")),
            username=_required(environ, "DATABASE_USERNAME"),
            password=_required(environ, "DATABASE_PASSWORD"),
            database=_required(environ, "DATABASE_NAME"),
        ),
        assets=Path(environ["HUB_ASSETS"]) if environ.get("HUB_ASSETS") else None,
        loki=environ.get("LOKI_URL", _LOKI).strip() or None,
        audit_days=_days(environ.get("AUDIT_DAYS") or "400"),
        docker=environ.get("DOCKER_URL", "").strip() or None,
    )


def _days(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text[:9]) <= 36500:
        raise SettingsError(f"AUDIT_DAYS is {text!r}; expected: a number of days, 1 or more")
    return int(text)


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise SettingsError(f"the environment variable {name} is not set")
    return value
