"""``vsa`` and ``python -m vsa`` start here: the version is printed before anything else is imported."""

import sys

__all__ = ("main",)


def main() -> int:
    """Run the command line of this process and return its exit code."""
    if sys.argv[1:] == ["--version"]:
        from vsa.version import describe

        sys.stdout.write(f"{describe()}\n")
        return 0
    from vsa import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
