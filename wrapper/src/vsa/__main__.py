"""``python -m vsa`` is ``vsa``."""

import sys

from vsa.cli import main

sys.exit(main())
