"""Makes the collection, the rig and the tests' helpers importable: the first import of every script here."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / place) for place in ("collections", "tests/support", "tests/rig")]
