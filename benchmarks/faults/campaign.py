"""The campaign: folders and single files of damaged and hostile cases before the command line."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.faults.bombs import write_bombs
from benchmarks.faults.command import Answer, run_command
from benchmarks.faults.damage import DAMAGES
from benchmarks.faults.losses import losses
from benchmarks.faults.material import originals

MEMORY_BYTES = 1_500_000_000
BYTES_A_PIXEL = 12

_CASES_A_FOLDER = 24
_NO_FACE = "no face was found"
_OPTIONS: tuple[tuple[str, ...], ...] = ((), (), ("--side-by-side",), ("--scale", "2"), ("--workers", "2"))
_OTHER_SUFFIXES = (".png", ".jpg", ".webp", ".tif", ".avif", ".bmp", ".jp2")


@dataclass
class Report:
    """What was counted, and what should not have happened: each line names the run and the file."""

    runs: int = 0
    cases: int = 0
    refused: int = 0
    noted: int = 0
    done: int = 0
    peak_bytes: int = 0
    tracebacks: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    too_large: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not (self.tracebacks or self.lost or self.left or self.too_large)

    def __str__(self) -> str:
        lines = [
            f"{self.runs} runs of the command line, {self.cases} cases: {self.refused} refused by name, "
            f"{self.noted} restored with a note, {self.done} restored",
            f"peak memory of a process: {self.peak_bytes / 1e6:.0f} MB",
        ]
        for name, found in (
            ("tracebacks", self.tracebacks),
            ("silent losses", self.lost),
            ("leftovers", self.left),
            ("runs beyond the bound of memory", self.too_large),
        ):
            lines.append(f"{len(found)} {name}")
            lines += [f"    {line}" for line in found]
        return "\n".join(lines)


class Campaign:
    """Runs `seed`, `seed + 1` and so on; `folder` is used, and each run's part of it is deleted after it.

    With `keep` the folder of a run with a finding stays.
    """

    def __init__(self, folder: Path, *, seed: int = 0, keep: bool = False) -> None:
        self._folder = folder
        self._seed = seed
        self._keep = keep
        self._originals = originals(folder)
        self.report = Report()

    def run_for(self, seconds: float) -> Report:
        """Begin runs until `seconds` have passed; the first run, of the bombs, always takes place."""
        end = time.monotonic() + seconds
        self._bombs()
        while time.monotonic() < end:
            self._run(self._seed)
            self._seed += 1
        return self.report

    def _bombs(self) -> None:
        place = self._folder / "bombs"
        source, target = place / "in", place / "out"
        source.mkdir(parents=True)
        names = {path.name for path in write_bombs(source)}
        self._judge("bombs", ["restore", source, target, "--json"], place, source, target, names, (1, 1))
        shutil.rmtree(place)

    def _run(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        place = self._folder / f"run-{seed}"
        source, target = place / "in", place / "out"
        for folder in (source, target):
            folder.mkdir(parents=True)
        single = seed % 4 == 3
        names = {self._write_case(source, random) for _ in range(1 if single else _CASES_A_FOLDER)}
        options = _OPTIONS[int(random.integers(len(_OPTIONS)))]
        times = (2, 1) if "--side-by-side" in options else (2, 2) if "--scale" in options else (1, 1)
        words: list[Any] = [source, target]
        if single:
            (name,) = names
            suffix = Path(name).suffix
            if suffix in _OTHER_SUFFIXES and random.integers(2):
                suffix = str(random.choice(_OTHER_SUFFIXES))
            elif suffix not in (*_OTHER_SUFFIXES, ".ppm"):
                suffix = ".mkv"
            words = [source / name, target / f"result{suffix}"]
        before = len(self._findings())
        self._judge(
            f"run {seed}", ["restore", *words, "--k", 1, "--json", *options], place, source, target, names, times
        )
        if not self._keep or len(self._findings()) == before:
            shutil.rmtree(place)

    def _write_case(self, folder: Path, random: np.random.Generator) -> str:
        name = str(random.choice(list(self._originals)))
        damage = str(random.choice(list(DAMAGES)))
        stem, _, suffix = name.partition(".")
        path = folder / f"{stem}-{suffix}-{damage}-{random.integers(1000)}.{suffix}"
        path.write_bytes(DAMAGES[damage](self._originals[name], random))
        return path.name

    def _judge(
        self,
        run: str,
        words: list[Any],
        place: Path,
        source: Path,
        target: Path,
        names: set[str],
        times: tuple[int, int],
    ) -> None:
        report, untouched = self.report, _contents(source)
        answer = run_command(words, place)
        report.runs += 1
        report.cases += len(names)
        report.peak_bytes = max(report.peak_bytes, answer.peak_bytes)
        report.tracebacks += [f"{run}: {line}" for line in answer.surprises]
        if answer.code not in (0, 1):
            report.tracebacks.append(f"{run}: it ended with {answer.code}")
        report.left += [f"{run}: {name} in the temporary folder" for name in answer.left]
        if _contents(source) != untouched:
            report.lost.append(f"{run}: the folder of the originals changed")
        made = self._judge_files(run, answer, names, source, target, times)
        if target.exists():
            others = {path for path in target.rglob("*") if path.is_file()} - made
            report.left += [f"{run}: {path.name}" for path in others if ".incomplete" not in path.name]
        bound = MEMORY_BYTES + BYTES_A_PIXEL * max(map(_pixels, made), default=0)
        if answer.peak_bytes > bound:
            report.too_large.append(f"{run}: {answer.peak_bytes / 1e6:.0f} MB, the bound is {bound / 1e6:.0f} MB")

    def _judge_files(
        self, run: str, answer: Answer, names: set[str], source: Path, target: Path, times: tuple[int, int]
    ) -> set[Path]:
        """Count the files and look for losses; returns the outputs that there should be."""
        report, made, answered = self.report, set(), set()
        for entry in answer.document.get("files", ()):
            name = Path(entry["input"]).name
            answered.add(name)
            if "error" in entry:
                report.refused += 1
                continue
            output = Path(entry["output"])
            made.add(output)
            notes = [note for note in entry["notes"] if _NO_FACE not in note]
            report.noted += bool(notes)
            report.done += not notes
            lost = losses(source / name, output, notes, across=times[0], down=times[1])
            report.lost += [f"{run}: {name}: {each}" for each in lost]
        if unanswered := names - answered:
            if len(names) == 1 and answer.code == 1 and "error: " in answer.said:
                report.refused += 1
            else:
                report.lost += [f"{run}: {name}: not a word about it" for name in sorted(unanswered)]
        return made

    def _findings(self) -> list[str]:
        return [*self.report.tracebacks, *self.report.lost, *self.report.left, *self.report.too_large]


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _pixels(path: Path) -> int:
    """The pixels of a picture that was made; 0 for a video, which here is small."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    return 0 if pixels is None else pixels.shape[0] * pixels.shape[1]
