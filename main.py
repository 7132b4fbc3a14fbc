"""CFRNet Live: `python main.py` opens the window, `python main.py --help` lists what works without it."""

import sys

if __name__ == "__main__":  # worker processes load this file too
    from app.cli import console

    sys.exit(console())
