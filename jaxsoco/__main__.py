"""``python -m jaxsoco``."""

import sys

from jaxsoco.cli import main

if __name__ == "__main__":
    sys.exit(main())
