# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/etc/vsa/certs/<domain>.yml: the options of single certificates, for renewals and later provisions.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from pathlib import Path

from ..._core.cert.options import CertificateOptions, options_record, parse_options
from ..machine.files import dump_yaml, load_yaml, make_directory, read_text, write_atomically
from .layout import Paths

__all__ = ("read_options", "write_options")


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
