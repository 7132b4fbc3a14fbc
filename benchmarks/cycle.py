"""Time of one cycle of every network, INT8 and FP32 alternating in one run.

python benchmarks/cycle.py [--repeats 200] [--threads 0] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that the script runs from any folder

from app.core.machine import describe_machine
from app.pipeline.measuring.bench import cycles_table, measure_cycles
from app.restorers.store import ModelStore


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200, help="cycles of each network (default 200)")
    parser.add_argument("--threads", type=int, default=0, help="of the engine; 0 for every physical core (default)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    options = parser.parse_args()
    result: dict[str, Any] = {
        "machine": describe_machine(),
        "cycles": measure_cycles(ModelStore(), threads=options.threads, repeats=options.repeats),
    }
    print(result["machine"])
    print(cycles_table(result["cycles"]))
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
