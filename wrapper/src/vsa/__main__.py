"""``python -m vsa`` is ``vsa``."""

from vsa.cli import main

main()
