"""`python -m platform_scheduler.embedded`: `up`, without loading Django first."""

import sys

from .up import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
