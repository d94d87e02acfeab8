"""`python -m tfbn` is the command `tfbn`."""

import sys

from tfbn.cli import main

if __name__ == "__main__":
    sys.exit(main())
