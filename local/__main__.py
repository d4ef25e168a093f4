"""``python -m local``: see ``command_line``."""

from __future__ import annotations

import sys

from .command_line.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
