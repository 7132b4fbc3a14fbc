"""CFRNet Live: `python main.py` opens the window, `python main.py --help` lists what works without it."""

import sys

from app.cli import console

if __name__ == "__main__":
    sys.exit(console())
