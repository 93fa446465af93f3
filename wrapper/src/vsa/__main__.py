"""``vsa`` and ``python -m vsa`` start here: the version is printed before anything else is imported."""

import gc
import sys

__all__ = ("main",)

_OBJECTS = 100_000


def main() -> int:
    """Run the command line of this process and return its exit code."""
    if sys.argv[1:] == ["--version"]:
        from vsa.version import describe

        sys.stdout.write(f"{describe()}\n")
        return 0
    # Python looks for garbage after each 2,000 new objects, and the imports alone make 100,000 that stay.
    gc.set_threshold(_OBJECTS)
    from vsa import cli

    code = cli.main()
    # At its end Python would look through all of them once more, which takes 0.02 s.
    gc.freeze()
    return code


if __name__ == "__main__":
    sys.exit(main())
