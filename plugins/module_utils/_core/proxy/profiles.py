# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each profile of a site means for NGINX: sizes, buffering and times.

Apart from the renderer, because a verb that only shows a site needs no template engine.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ("PROFILES", "UNNAMED", "Profile")


@dataclass(frozen=True)
class Profile:
    """What one kind of application needs of the proxy. Times and sizes are in NGINX's form."""

    body_size: str
    buffering: str
    request_buffering: str
    read_timeout: str
    send_timeout: str


# A site that named no profile is not buffered: a stream that a proxy holds back is the field's commonest complaint.
UNNAMED = Profile("64m", "off", "on", "60s", "60s")
PROFILES = {
    # An answer is buffered, within bounds, so that a slow visitor does not hold the container. It is not buffered if
    # the client asks for a stream (Accept: text/event-stream), or if the container says X-Accel-Buffering: no.
    "web": Profile("64m", "on", "on", "60s", "60s"),
    "sse": Profile("16m", "off", "on", "1h", "60s"),
    "websocket": Profile("16m", "off", "on", "1h", "1h"),
    "upload": Profile("10g", "off", "off", "1h", "1h"),
    "llm": Profile("256m", "off", "off", "15m", "15m"),
}
