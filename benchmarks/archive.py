"""What the job engine makes of a machine: videos and folders side by side, a cluster, kills, memory, joints, encoders.

python benchmarks/archive.py [--only film pictures cluster simulation kills memory joints encoders]
                             [--baseline CHECKOUT] [--repeats 3] [--json FILE] ...

`--baseline` names a checkout of another version, whose `main.py restore` runs in turn with this one's, on the same
files and with the same packages. Results of parts that are run alone are added to FILE.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that the script runs from any folder

from app.core.machine import describe_machine
from benchmarks.archiving.looks import encoders, joints
from benchmarks.archiving.material import Table
from benchmarks.archiving.memory import memory
from benchmarks.archiving.safety import kills, simulation
from benchmarks.archiving.speed import cluster, film, pictures

PARTS = {each.__name__: each for each in (film, pictures, cluster, simulation, kills, memory, joints, encoders)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--baseline", type=Path, metavar="CHECKOUT")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each side of film, pictures and cluster")
    parser.add_argument("--frames", type=int, default=282, help="of the 720p film")
    parser.add_argument("--k", type=int, nargs="+", default=[1, 3], help="cycles for the film")
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--cluster-pictures", type=int, default=40)
    parser.add_argument("--cluster-workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seconds", type=int, default=60, help="of the 4K film whose memory is measured")
    parser.add_argument("--seconds-of-joints", type=int, default=24, help="of the film whose joints are looked at")
    parser.add_argument("--videos", type=Path, nargs="*", default=[], help="more videos for the choice of encoder")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    document: Table = {}
    if options.json is not None and options.json.exists():
        document = json.loads(options.json.read_text(encoding="utf-8"))
    document["machine"] = describe_machine()
    for name in options.only:
        with tempfile.TemporaryDirectory() as folder:
            result = PARTS[name](Path(folder), options)
        document[name] = document.get(name, {}) | result
        print("\n".join(_lines(name, result)), flush=True)
        if options.json is not None:
            options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


def _lines(name: str, value: object) -> list[str]:
    """A table of one column of names and one of values."""
    if isinstance(value, dict):
        return [line for key, inner in value.items() for line in _lines(f"{name}.{key}", inner)]
    if isinstance(value, list):
        return [line for number, inner in enumerate(value, start=1) for line in _lines(f"{name}.{number}", inner)]
    return [f"{name:<48} {value:.3g}" if isinstance(value, float) else f"{name:<48} {value}"]


if __name__ == "__main__":
    sys.exit(main())
