"""Run another benchmark as on a processor with AVX2 and nothing newer: no AVX-512, no VNNI, no AMX.

python benchmarks/only_avx2.py benchmarks/cycle.py [OPTIONS OF THAT SCRIPT]

VNNI makes INT8 about three times as fast, and most computers of the last ten years have none. Needs Linux on x86-64, a
C compiler, and a processor (or hypervisor) that can make CPUID trap: Intel since 2012, AMD since 2024. Exits with 3
where that is not available. The printed description of the machine still names all its instructions.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "only_avx2.so"
        compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
        try:
            subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{SOURCE.name} cannot be compiled: {error}", file=sys.stderr)
            return 3
        print("Everything below was measured with AVX2 alone.", flush=True)
        return subprocess.run(
            [sys.executable, *sys.argv[1:]], env={**os.environ, "LD_PRELOAD": str(library)}
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
