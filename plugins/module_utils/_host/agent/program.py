# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of the agent: one zip file with the files of this collection that it imports, compiled for this host.

Python cannot keep bytecode for what it imports from a zip file, and compiling 150 files takes a second of processor
time, so the bytecode is in the file. A newer Python takes the sources that are beside it.
Source: https://docs.python.org/3/library/zipapp.html
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import importlib.util
import io
import marshal
import zipfile

__all__ = ("program_bytes",)

# The same files make the same bytes: zip files hold a time for each entry.
_TIME = (1980, 1, 1, 0, 0, 0)
_UNCHECKED = 0b01

_MAIN = """\
import sys


def main() -> int:
    if sys.argv[1:] == ["collect"]:
        from {package}.collector.collect import main as run
    elif sys.argv[1:] == ["send"]:
        from {package}.sender.send import main as run
    else:
        sys.stderr.write("usage: agent.pyz collect|send\\n")
        return 2
    return run()


sys.exit(main())
"""


def program_bytes(sources: dict[str, str]) -> bytes:
    """Return the zip file with these sources, by path, and their bytecode for the Python that runs now."""
    made = io.BytesIO()
    package = f"{__package__}"
    files = {"__main__.py": _MAIN.format(package=package), **dict(sorted(sources.items()))}
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            if path != "__main__.py":
                # Before the source: zipimport takes the first of the two that fits.
                archive.writestr(_entry(f"{path}c"), _bytecode(path, text))
            archive.writestr(_entry(path), text)
    return made.getvalue()


def _entry(path: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, _TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def _bytecode(path: str, text: str) -> bytes:
    """Return the content of a .pyc file that is not compared with its source (PEP 552)."""
    code = compile(text, path, "exec", dont_inherit=True)
    source_hash = importlib.util.source_hash(text.encode())
    return importlib.util.MAGIC_NUMBER + _UNCHECKED.to_bytes(4, "little") + source_hash + marshal.dumps(code)
