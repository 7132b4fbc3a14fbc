"""CFRNet Live: `python main.py` opens the window, `python main.py --help` lists what works without it."""

import sys

if __name__ == "__main__":  # worker processes load this file too
    if sys.version_info < (3, 11):  # noqa: UP036  (an old one cannot load what reports other errors)
        sys.exit("error: this needs Python 3.11 or newer.\nhint: Set everything up with `python3 bootstrap.py run`.")
    from app.cli import console

    sys.exit(console())
