"""Run damaged and hostile files through the command line for a while and list what should not happen.

python -m benchmarks.faults [--minutes 2] [--seed 0] [--keep FOLDER]

Every case goes through `main.py restore` in a process of its own, in folders and alone, with changing options. Prints
the cases, how many were refused by name or noted, and the peak of memory; then tracebacks, silent losses (an exit code
of 0 though the result lacks something of the original of which nothing was said), leftovers beside the results and in
the temporary folder, and runs that took more than 1.5 GB plus 12 bytes a pixel. Exits with 1 for any of these.
Linux and macOS.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.faults.campaign import Campaign


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long (default 2)")
    parser.add_argument("--seed", type=int, default=0, help="the first run (default 0)")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="work there, and keep the files of runs with a finding"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = options.keep or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        report = Campaign(place, seed=options.seed, keep=options.keep is not None).run_for(60 * options.minutes)
    print(report)
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
