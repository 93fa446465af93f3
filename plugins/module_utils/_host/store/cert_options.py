# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/etc/vsa/certs/<domain>.yml: what was said about single certificates, kept for renewals and later provisions.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ..._core.cert.options import CertNote, note_record, parse_note
from ..machine.files import dump_yaml, load_yaml, read_text, write_atomically
from .layout import Paths

__all__ = ("read_note", "write_note")


def read_note(paths: Paths, domain: str) -> CertNote:
    """Return what was said about a certificate; where there is no note, nothing was."""
    path = paths.certs / f"{domain}.yml"
    text = read_text(path)
    return CertNote() if text is None else parse_note(load_yaml(text, where=str(path)), where=f"certs/{domain}/")


def write_note(paths: Paths, domain: str, note: CertNote) -> bool:
    """Keep what was said about a certificate; nothing said removes the note. Returns whether that changed anything."""
    if read_note(paths, domain) == note:
        return False  # and an operator's comments live on
    path = paths.certs / f"{domain}.yml"
    if note == CertNote():
        path.unlink(missing_ok=True)
        return True
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    return write_atomically(path, dump_yaml(note_record(domain, note)))
