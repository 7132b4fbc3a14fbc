"""The options of the command line. Those that are settings are made from the settings table, with its limits."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from app import __version__
from app.cli.argument_words import translate_argparse
from app.cli.messages import program_name, say
from app.core.address import without_secrets
from app.core.languages import system_language
from app.core.setting import GROUPS, Setting
from app.core.settings import SYSTEM, TABLE, Settings
from app.core.words import Words, phrase, set_language, tr
from app.media.videos.encoder_choices import FILE_ENCODERS, USUAL

COMMANDS = ("window", "live", "restore", "cameras", "models", "bench")

_EXAMPLES: tuple[tuple[str, Words], ...] = (
    ("", phrase("open the window on the last used or first camera")),
    ("--source clip.mp4 --k 2", phrase("open the window on a video, two cycles")),
    ("--source http://192.0.2.7:8080/video", phrase("open the window on a network camera")),
    ("live --virtual-camera --serve", phrase("no window: a camera for calls, and a stream for OBS or a browser")),
    ("restore old.jpg better.png", phrase("one picture")),
    ("restore call.mp4 call-restored.mp4 --k 3 --side-by-side", ""),
    ("restore album/ album-restored/ --strength 70 --faces 2", ""),
    ("restore old.jpg large.png --scale 2", ""),
    ("restore archive/ archive-restored/ --workers 8", ""),
    ("restore crops/ restored/ --aligned", phrase("256x256 face crops, no detection")),
    ("restore old.jpg better.png --json", phrase("with the milliseconds of every stage")),
    ("restore old.jpg sheet.png --compare A,B", phrase("several networks on one labelled sheet")),
    ("models", phrase("list the shipped networks and check their hashes")),
    ("bench --json bench.json", phrase("measure this machine")),
)

_APART = {
    "compare": (
        "json", "watch", "shard", "join", "cluster", "side_by_side", "workers", "retry", "fresh", "encoder", "restorer",
    ),
    "cluster": ("workers",),
    "join": ("fresh",),
    "aligned": ("detect_size", "max_faces", "steady"),
    "providers": ("json", "overwrite"),
}  # fmt: skip
"""Options that mean nothing beside another one."""


def _examples() -> str:
    width = max(len(words) for words, meaning in _EXAMPLES if meaning)
    lines = [f"  {program_name()} {words:<{width}}  {meaning}".rstrip() for words, meaning in _EXAMPLES]
    codes = tr(
        "exit codes: 0 the work was done, 1 it was not (one line on stderr says why), 2 a wrong option, 130 interrupted"
    )
    return "\n".join((tr("examples:"), *lines, "", codes, ""))


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser that reports a wrong option in two lines instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        hint = tr("{command} --help shows every option with examples.", command=self.prog)
        message = without_secrets(message)  # which an address at the wrong place may hold
        say(f"{tr('error: {what}', what=message)}\n{tr('hint: {what}', what=hint)}")
        self.exit(2)

    def format_help(self) -> str:
        """Return the help, which lists only the engines of this machine; detecting them is left to this moment."""
        for action in self._actions:
            if action.dest == "provider" and action.help:
                from app.restorers.providers import usable_names

                every = " | ".join(TABLE["provider"].choices)
                action.help = action.help.replace(every, " | ".join(usable_names()))
        return super().format_help()


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of every command."""
    parser = _Parser(
        prog=program_name(),
        description=tr("Restores faces live, with a small network applied k times. No command opens the window."),
        epilog=_examples(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"CFRNet Live {__version__}",
        help=tr("show program's version number and exit"),
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    _add_window(commands)
    _add_live(commands)
    _add_restore(commands)
    for name, words in (
        ("cameras", tr("list the cameras by name")),
        ("models", tr("list the shipped networks and verify their SHA-256")),
    ):
        _add_language(commands.add_parser(name, help=words, allow_abbrev=False))
    bench = commands.add_parser(
        "bench", help=tr("measure the networks and the pipeline on this machine"), allow_abbrev=False
    )
    bench.add_argument("--json", metavar="FILE", help=tr("also write the medians to FILE"))
    bench.add_argument(
        "--providers",
        action="store_true",
        help=tr("measure every network on everything here that can run one, and stop"),
    )
    _add_overwrite(bench)
    _add_language(bench)
    return parser


def asked_language(arguments: Sequence[str]) -> str:
    """The code of the language that `--language` names, the system's without it."""
    for place, word in enumerate(arguments):
        option, _, value = word.partition("=")
        if option == "--language":
            chosen = value or "".join(arguments[place + 1 : place + 2])
            if chosen in TABLE["language"].choices and chosen != SYSTEM:
                return chosen
    return system_language()


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse a command; options without a command are the window's. Exits with 2 on a wrong one.

    Everything is said in the language that the arguments or the system ask for.
    """
    set_language(asked_language(arguments))
    translate_argparse()
    words = list(arguments)
    if words and words[0].startswith("--language="):
        words[:1] = words[0].split("=", 1)
    if words[:1] == ["--language"] and words[2:3] and words[2] in (*COMMANDS, "-h", "--help", "--version"):
        words = [words[2], *words[:2], *words[3:]]
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "--version")):
        words.insert(0, "window")
    parser = build_parser()
    options = parser.parse_args(words)
    if options.command == "live" and not (options.virtual_camera or hasattr(options, "stream_address")):
        parser.error(tr("live needs an output: --virtual-camera, --serve or both"))
    if options.command == "restore" and options.scale > 1 and (options.aligned or options.compare):
        parser.error(tr("--scale enlarges pictures and videos, neither aligned crops nor sheets"))
    for option, others in _APART.items():
        if getattr(options, option, None):
            for other in others:
                if getattr(options, other, None) not in (None, False, 0, USUAL):
                    parser.error(
                        tr("{option} and {other} cannot be used together", option=_typed(option), other=_typed(other))
                    )
    return options


def _typed(name: str) -> str:
    return TABLE[name].option if name in TABLE else f"--{name.replace('_', '-')}"


def given_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return only the settings that were typed, by their names in the settings table."""
    given = {name: value for name, value in vars(options).items() if name in TABLE}
    if getattr(options, "insecure", False) and "://" in given.get("source", ""):
        given["source"] = given["source"].removesuffix("#insecure") + "#insecure"
    return given


def _add_window(commands: Any) -> None:
    window = commands.add_parser(
        "window",
        help=tr("open the window (the default); every setting can be given as an option"),
        description=tr("Opens the window. Settings given here hold this time; the others are as they were left."),
        allow_abbrev=False,
    )
    _add_settings(window, TABLE.values())
    _add_insecure(window)


def _add_live(commands: Any) -> None:
    live = commands.add_parser(
        "live",
        help=tr("restore a camera, file or stream without a window, for a virtual camera or the network"),
        description=(
            tr(
                "Restores until Ctrl-C and prints the state of the source and of every output when it changes. "
                "Nothing is\nmirrored, no sound is played. A virtual camera needs v4l2loopback on Linux, OBS and "
                "pyvirtualcam on\nWindows and macOS."
            )
        ),
        epilog=_examples(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    live.add_argument("--virtual-camera", action="store_true", help=tr("be a camera that video calls can choose"))
    live.add_argument(
        "--serve",
        dest="stream_address",
        metavar="HOST:PORT",
        nargs="?",
        type=_checked("stream_address"),
        const=TABLE["stream_address"].default,
        default=argparse.SUPPRESS,
        help=tr("serve MJPEG over HTTP, with a page on / (default %(const)s, which this machine alone can see)"),
    )
    _add_settings(live, [row for row in TABLE.values() if _is_for_live(row)])
    _add_insecure(live)
    _add_language(live)


def _add_insecure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--insecure", action="store_true", help=tr("do not check the certificate of the address that --source names")
    )


def _add_restore(commands: Any) -> None:
    restore = commands.add_parser(
        "restore",
        help=tr("restore a picture, a video or a folder"),
        description=(
            tr(
                "Restores every face in a picture, a video (every frame and the sound are kept) or a folder of both\n"
                "(names and subfolders are kept). Outside the faces nothing changes. The input is never overwritten."
            )
        ),
        epilog=_examples(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    restore.add_argument("input", metavar="INPUT", help=tr("a picture, a video or a folder"))
    restore.add_argument("output", metavar="OUTPUT", help=tr("the file or folder to write"))
    _add_settings(restore, [row for row in TABLE.values() if row.in_restore])
    how = restore.add_mutually_exclusive_group()
    how.add_argument(
        "--side-by-side", action="store_true", help=tr("write the original and the restored one next to each other")
    )
    how.add_argument(
        "--aligned",
        action="store_true",
        help=tr("the pictures are aligned face crops: no detection, writes 256x256 PNGs"),
    )
    restore.add_argument(
        "--scale",
        type=int,
        choices=(1, 2, 4),
        default=1,
        help=tr(
            "make the result 1, 2 or 4 times as large: faces keep the pixels that the network gives them, the rest is "
            "enlarged (default 1)"
        ),
    )
    restore.add_argument(
        "--encoder",
        choices=FILE_ENCODERS,
        default=USUAL,
        help=tr(
            "what writes videos: x264 at CRF 16, or a hardware encoder at a like quality, which this machine and its "
            "FFmpeg have to have (default x264)"
        ),
    )
    restore.add_argument(
        "--workers",
        metavar="N",
        type=_whole_number,
        default=0,
        help=tr(
            "processes that restore side by side, each with one thread of the engine (default: as many as this "
            "machine's cores and memory carry, and one where there is little to do)"
        ),
    )
    restore.add_argument(
        "--compare",
        metavar="NAMES",
        type=_not_empty,
        help=tr("restorers, with commas between: write one labelled sheet of a picture and what each makes of it"),
    )
    where = restore.add_mutually_exclusive_group()
    where.add_argument(
        "--cluster", metavar="ADDRESS", type=_not_empty, help=tr("a Dask scheduler, such as tcp://scheduler:8786")
    )
    where.add_argument("--shard", metavar="I/N", type=_shard, help=tr("do part I of N only, as in a job array"))
    where.add_argument("--join", action="store_true", help=tr("make the whole of what all the shards have done"))
    where.add_argument(
        "--watch", action="store_true", help=tr("go on restoring what arrives in the folder, until Ctrl-C")
    )
    restore.add_argument("--fresh", action="store_true", help=tr("begin anew instead of going on where a run stopped"))
    restore.add_argument("--retry", action="store_true", help=tr("try a file that fails once more at the end"))
    restore.add_argument(
        "--json", action="store_true", help=tr("print the milliseconds of every stage as JSON on stdout")
    )
    _add_overwrite(restore)
    _add_language(restore)


def _add_overwrite(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--overwrite", action="store_true", help=tr("replace files that are there; without it they are kept")
    )


def _add_language(parser: argparse.ArgumentParser) -> None:
    """Every command speaks the language that is asked for; the window has the option among its settings."""
    _add_setting(parser, TABLE["language"])


def _is_for_live(row: Setting) -> bool:
    """Whether the setting applies to a session without a window, which mirrors nothing and shows one network alone."""
    outputs = ("split", "output_view", "output_captions", "virtual_camera_size", "virtual_camera_fps", "stream_viewers")
    of_the_window = ("mirror", "mirror_recording", "compare_with")
    return row.name in outputs or (row.group in ("source", "restoration", "engine") and row.name not in of_the_window)


def _add_settings(parser: argparse.ArgumentParser, rows: Iterable[Setting]) -> None:
    """Add an option for every row, under the headings of the table's groups."""
    rows = list(rows)
    for group, heading in GROUPS.items():
        section = parser.add_argument_group(str(heading))
        for row in rows:
            if row.group == group:
                _add_setting(section, row)


def _add_setting(section: Any, row: Setting) -> None:
    help_text = str(row.help).replace("%", "%%")
    if row.type is bool:
        section.add_argument(
            row.option, dest=row.name, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=help_text
        )
        return
    limits = ""
    if row.choices:
        limits = " | ".join(row.choices)
    elif row.low is not None:
        limits = tr("{low:g} to {high:g}", low=row.low, high=row.high or 0.0)
        limits = f"{limits} {row.unit}".rstrip().replace("%", "%%")
    section.add_argument(
        row.option,
        dest=row.name,
        type=_checked(row.name),
        default=argparse.SUPPRESS,
        metavar=row.name.upper().split("_")[-1],
        help=tr("{meaning} ({limits}; default {value})", meaning=help_text, limits=limits, value=str(row.default))
        if limits
        else help_text,
    )


def _shard(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise argparse.ArgumentTypeError(tr("{text} is not I/N with I from 1 to N, such as 3/16", text=repr(text)))
    return int(number), int(count)


def _not_empty(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError(tr("expected one argument"))
    return text


def _whole_number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(tr("{text} is no whole number of at least 1", text=repr(text)))
    return int(text)


def _checked(name: str) -> Any:
    def convert(text: str) -> Any:
        settings, problems = Settings.load({name: text})
        if problems:
            raise argparse.ArgumentTypeError(problems[0].rstrip("."))
        return getattr(settings, name)

    return convert
