"""`python -m timetravel.server RUN [RUN_B] [--port N]`: the page without the command line's extras."""

from __future__ import annotations

import argparse
import sys

from timetravel.errors import TimetravelError
from timetravel.server.serve import serve


def main() -> int:
    """Serves; 2 for what the caller can mend."""
    parser = argparse.ArgumentParser(prog="python -m timetravel.server", description=__doc__)
    parser.add_argument("paths", metavar="RUN", nargs="+")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--token")
    parser.add_argument("--allow-origin", action="append", default=[])
    parser.add_argument("--allow-embed", action="append", default=[])
    parser.add_argument("--prefix", default="")
    parser.add_argument("--factory")
    options = vars(parser.parse_args())
    try:
        serve(options.pop("paths"), **options)
    except (TimetravelError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
