"""A live session at 1280x720 with one moving face at 30 fps, for k = 1, 2, 3: every stage, the frame's age, fps.

python benchmarks/pipeline.py [--seconds 20] [--precision int8] [--threads 0] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that the script runs from any folder

from app.core.machine import describe_machine
from app.pipeline.measuring.bench import measure_pipeline, pipeline_table
from app.restorers.store import ModelStore


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each k (default 20)")
    parser.add_argument("--restorer", default="cfrnet-rt")
    parser.add_argument("--precision", choices=("int8", "fp32"), default="int8")
    parser.add_argument("--threads", type=int, default=0, help="of the engine; 0 for every physical core (default)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    options = parser.parse_args()
    machine = describe_machine()
    pipeline = measure_pipeline(
        ModelStore(),
        restorer=options.restorer,
        precision=options.precision,
        threads=options.threads,
        seconds=options.seconds,
        progress=lambda text: print(text, file=sys.stderr),
    )
    print(machine)
    print(pipeline_table(pipeline))
    if options.json is not None:
        options.json.write_text(
            json.dumps({"machine": machine, "pipeline": pipeline}, indent=2) + "\n", encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
