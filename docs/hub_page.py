"""The description of the hub's API, as OpenAPI: made of the application in stacks/dashboard/app."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from sqlalchemy import URL

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "stacks/dashboard/app")]

from hub.app import create_app  # noqa: E402
from hub.settings import Settings  # noqa: E402

__all__ = ("hub_pages",)


def hub_pages() -> dict[Path, str]:
    """Return the document by its name below docs/reference. No database is asked for it."""
    app = create_app(Settings("dashboard.example.com", URL.create("postgresql+psycopg")), ask=None)
    return {Path("hub.openapi.json"): json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"}
