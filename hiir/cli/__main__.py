"""Lets `python -m hiir.cli` run the command line."""

import sys

from hiir.cli import main

if __name__ == "__main__":
    sys.exit(main())
