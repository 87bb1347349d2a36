"""`python -m deeptutorial` is the command `deeptutorial`."""

import sys

from deeptutorial.commands import main

if __name__ == "__main__":
    sys.exit(main())
