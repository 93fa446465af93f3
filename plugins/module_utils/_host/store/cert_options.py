# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/etc/vsa/certs/<domain>.yml: the options of single certificates, for renewals and later provisions.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..._core.cert.options import CertificateOptions, options_record, parse_options
from ..machine.files import (
    dump_yaml,
    fsync_directory,
    load_yaml,
    make_directory,
    read_text,
    write_atomically,
    write_draft,
)
from .layout import Paths

__all__ = ("options_secured", "read_options", "write_options")


def _file(paths: Paths, domain: str) -> Path:
    return paths.certs / f"{domain}.yml"


def read_options(paths: Paths, domain: str) -> CertificateOptions:
    """Return the options of a domain's certificate; no options without a file. RefusedError if the file is invalid."""
    path = _file(paths, domain)
    text = read_text(path)
    if text is None:
        return CertificateOptions()
    return parse_options(load_yaml(text, where=str(path)), where=f"certs/{domain}/")


def write_options(paths: Paths, domain: str, options: CertificateOptions) -> bool:
    """Write the options of a domain's certificate; empty options remove the file. Returns whether anything changed."""
    if read_options(paths, domain) == options:
        return False  # not written again, so that an operator's comments stay in the file
    path = _file(paths, domain)
    if options == CertificateOptions():
        path.unlink(missing_ok=True)
        return True
    make_directory(path.parent, mode=0o755)
    return write_atomically(path, dump_yaml(options_record(domain, options)))


@contextmanager
def options_secured(paths: Paths, domain: str, options: CertificateOptions) -> Iterator[Callable[[], None]]:
    """Write the options beside the present ones, and yield the function that puts them in place by a rename.

    So a disk that is full or read-only is met before a CA is asked. Without a call of the function nothing changes.
    """
    if read_options(paths, domain) == options:
        yield lambda: None
        return
    path = _file(paths, domain)
    if options == CertificateOptions():
        yield lambda: path.unlink(missing_ok=True)
        return
    make_directory(path.parent, mode=0o755)
    draft = write_draft(path, dump_yaml(options_record(domain, options)))

    def put_in_place() -> None:
        os.replace(draft, path)
        fsync_directory(path.parent)

    try:
        yield put_in_place
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
