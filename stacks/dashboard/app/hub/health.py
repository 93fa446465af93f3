"""The health check of the image: ask /healthz under the hub's own name, which asks the database."""

from __future__ import annotations

import os
import sys
import urllib.request

__all__ = ("main",)

_ADDRESS = "http://127.0.0.1:8000/healthz"


def main() -> int:
    """Return 0 if the hub is healthy."""
    request = urllib.request.Request(_ADDRESS, headers={"Host": os.environ.get("HUB_HOST", "")})
    try:
        with urllib.request.urlopen(request, timeout=8) as answer:  # noqa: S310
            return 0 if answer.status == 200 else 1
    except OSError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1


if __name__ == "__main__":
    sys.exit(main())
