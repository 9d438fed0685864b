"""``python -m highbeam`` is the command ``highbeam``."""

import sys

from highbeam.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
