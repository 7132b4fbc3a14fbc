"""What argparse says by itself, through the one catalogue: it looks its words up with gettext, which has none."""

from __future__ import annotations

import argparse

from app.core.words import phrase, tr

# These are argparse's own templates; its values come in with the operator %.
_WORDS = (
    phrase("usage: "),
    phrase("positional arguments"),
    phrase("options"),
    phrase("show this help message and exit"),
    phrase("argument %(argument_name)s: %(message)s"),
    phrase("unrecognized arguments: %s"),
    phrase("invalid choice: %(value)r (choose from %(choices)s)"),
    phrase("invalid choice: %(value)r, maybe you meant %(closest)r? (choose from %(choices)s)"),
    phrase("expected one argument"),
    phrase("expected at least one argument"),
    phrase("invalid %(type)s value: %(value)r"),
    phrase("the following arguments are required: %s"),
    phrase("one of the arguments %s is required"),
    phrase("not allowed with argument %s"),
    phrase("ignored explicit argument %r"),
)


def translate_argparse() -> None:
    """Have parsers that are made from now on speak the current language."""
    vars(argparse)["_"] = tr
