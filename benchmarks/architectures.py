"""The cost of each generator: parameters, GMAC and the time of a cycle, FP32 and INT8.

python benchmarks/architectures.py [--repeats 40]

Needs the training requirements. Those that can be trained are untrained here: weights change the picture, not the time.
The last line is the one that ships, pruned after training.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that the script runs from any folder

from torch.utils.flop_counter import FlopCounterMode

from app.core.machine import describe_machine
from training.checkpoint import load_generator
from training.data import FACE_SIZE
from training.evaluation.shipped import ShippedGenerator
from training.networks import build_generator
from training.networks.cfrnet import count_parameters
from training.shipping.export import export_onnx
from training.shipping.quantize import CALIBRATIONS, USUAL, quantize

NETWORKS = ("cfrnet", "cfrnet-rt")
SHIPPED = Path(__file__).resolve().parents[1] / "models" / "training" / "cfrnet-rt.pt"


def gmac(generator: torch.nn.Module) -> float:
    """Return the billions of multiply-accumulates of one cycle at 256x256."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        generator(torch.zeros(1, 3, FACE_SIZE, FACE_SIZE))
    return float(counter.get_total_flops() / 2e9)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=40, help="cycles of each network (default 40)")
    parser.add_argument("--threads", type=int, default=2, help="of the engine (default 2)")
    options = parser.parse_args()
    print(describe_machine())
    print(f"{'network':<20}{'parameters':>12}{'GMAC':>8}{'FP32 ms':>10}{'INT8 ms':>10}{'ratio':>8}")
    face = np.random.default_rng(0).uniform(-1, 1, (3, FACE_SIZE, FACE_SIZE)).astype(np.float32)
    generators = {name: build_generator(name) for name in NETWORKS}
    generators["cfrnet-rt, shipped"] = load_generator(SHIPPED)
    for name, generator in generators.items():
        with tempfile.TemporaryDirectory() as folder:
            fp32, int8 = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
            export_onnx(generator, fp32)
            quantize(fp32, int8, face[None], cycles=1, calibration=CALIBRATIONS.get(name, USUAL))
            taken = [
                ShippedGenerator(path).time_a_cycle(face, threads=options.threads, cycles=options.repeats).median_ms
                for path in (fp32, int8)
            ]
        print(
            f"{name:<20}{count_parameters(generator):>12,}{gmac(generator):>8.2f}"
            f"{taken[0]:>10.1f}{taken[1]:>10.1f}{taken[1] / taken[0]:>8.2f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
