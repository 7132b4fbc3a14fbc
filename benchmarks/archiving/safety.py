"""Workers that die and commands that are killed: what is lost, repeated or written twice."""

from __future__ import annotations

import argparse
import hashlib
import heapq
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import av
import numpy as np

from app.batch.engine import run_job
from app.batch.jobs.journal import Journal
from app.batch.jobs.plan import Item
from app.batch.jobs.task import Task, TaskDone, TaskResult
from app.batch.jobs.work import Work
from app.batch.run import JobRun
from app.media.pictures.picture import read_picture
from benchmarks.archiving.material import FPS, ROOT, Table, executor, job, make_film, make_pictures

_WORKERS = 2
_LATEST_KILL = 0.9
"""In times of what an uninterrupted command takes."""


def simulation(folder: Path, options: argparse.Namespace) -> Table:
    """The real queue and journal, in memory, with workers that only take time: durations recorded here, on a clock."""
    source = make_pictures(folder / "recorded", 12)
    ends = [time.perf_counter()]
    run_job(
        job(source, folder / "out", 3),
        executor=executor("inline"),
        on_event=lambda event: ends.append(time.perf_counter()) if type(event).__name__ == "ItemDone" else None,
    )
    recorded = np.diff(ends)[1:]
    rng = np.random.default_rng(0)
    count, workers = 10_000, 100
    durations = rng.choice(recorded, count) * rng.lognormal(0, 0.5, count)
    works = [_simulated(number, folder) for number in range(count)]
    written: Counter[str] = Counter()
    with Journal(None) as journal:
        run = JobRun(
            job(source, folder / "simulated", 3),
            works,
            journal,
            remake=lambda item: works[0],
            on_event=lambda event: None,
        )
        expected = durations.sum() / workers
        dies = {int(worker): float(rng.uniform(0, expected)) for worker in rng.choice(workers, workers // 20, False)}
        free = [(0.0, worker) for worker in range(workers)]
        busy: list[tuple[float, int, Task]] = []
        lost: list[Task] = []
        now = alive_s = 0.0
        while True:
            while free and (task := lost.pop() if lost else run.next_task()) is not None:
                _, worker = free.pop()
                heapq.heappush(busy, (now + durations[int(task.key)], worker, task))
            if not busy:
                break
            now, worker, task = heapq.heappop(busy)
            if dies.get(worker, np.inf) < now:
                lost.append(task)
                continue
            written[task.key] += 1
            run.report(TaskDone(task=task, result=TaskResult(frames=1, faces=1)))
            free.append((now, worker))
        report = run.ended()
    alive_s = sum(min(dies.get(worker, now), now) for worker in range(workers))
    return {
        "efficiency": float(durations.sum() / alive_s),
        "tasks": count,
        "done": len(report.results),
        "written_twice": sum(times > 1 for times in written.values()),
        "workers_died": len(dies),
    }


def _simulated(number: int, folder: Path) -> Work:
    path = folder / "nowhere" / f"{number}.jpg"
    item = Item(kind="picture", name=str(number), source=path, target=path.with_suffix(".png"))
    task = Task(
        key=item.name, kind="picture", name=item.name, source=path, target=item.target, identity=None, digest="1"
    )
    return Work(item=item, final=task)


def kills(folder: Path, options: argparse.Namespace) -> Table:
    """`kill -9` of the whole command at random moments, then the same command: for a folder, and for a film in pieces.

    Every job is killed once or twice, in turn, and then runs to its end; its results are compared with those of a job
    that nobody killed. The journal shows after each kill what was finished, and must never be begun again, and what was
    under way, which is what the next run repeats.
    """
    mixed = folder / "mixed"
    make_pictures(mixed, 6)
    make_film(mixed / "film.mp4", 17 * FPS // 3, width=320, height=240)
    film = make_film(folder / "film.mp4", 12 * FPS, width=320, height=240)
    return {
        "folder": _killed(mixed, folder / "whole", folder / "killed", options.kills),
        "film": _killed(film, folder / "whole.mp4", folder / "results" / "film.mp4", options.kills),
    }


def _killed(source: Path, whole: Path, target: Path, count: int) -> Table:
    begun = time.perf_counter()
    subprocess.run(_command(source, whole), stderr=subprocess.DEVNULL, check=True)
    latest = _LATEST_KILL * (time.perf_counter() - begun)
    into = target if source.is_dir() else target.parent
    into.mkdir()
    expected = list(_pixels(whole).values())
    rng = random.Random(0)
    table: Table = dict.fromkeys(("kills", "jobs_ended", "wrong_results", "left_behind", "done_again"), 0)
    under_way: Counter[int] = Counter()
    while table["kills"] < count:
        finished: set[str] = set()
        for _ in range(1 + table["jobs_ended"] % 2):
            process = subprocess.Popen(_command(source, target), stderr=subprocess.DEVNULL, start_new_session=True)
            try:
                process.wait(rng.uniform(0.5, latest))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                table["kills"] += 1
                if (found := _journal(into)) is None:  # killed before it began, or after the end
                    continue
                now, running = found
                table["done_again"] += len(finished - now)
                under_way[running] += 1
                finished = now
            else:
                break  # it was through before
        else:
            process = subprocess.Popen(_command(source, target), stderr=subprocess.DEVNULL)
            process.wait()
        table["jobs_ended"] += 1
        table["wrong_results"] += process.returncode != 0 or list(_pixels(target).values()) != expected
        table["left_behind"] += sum(1 for _ in into.rglob("*")) - len(expected)
        for path in into.iterdir():
            path.unlink()
    return table | {"under_way_when_killed": {str(tasks): times for tasks, times in sorted(under_way.items())}}


def _command(source: Path, target: Path) -> list[str]:
    command = [sys.executable, str(ROOT / "main.py"), "restore", str(source), str(target), "--k", "1"]
    return [*command, "--workers", str(_WORKERS)]


def _journal(folder: Path) -> tuple[set[str], int] | None:
    """The tasks that the journal of a killed run has finished, and how many it had begun; None without a journal."""
    path = next(folder.glob(".*cfrnet-job/journal.sqlite"), None)
    if path is None:
        return None
    with sqlite3.connect(path) as database:
        if not database.execute("SELECT name FROM sqlite_master WHERE name = 'tasks'").fetchall():
            return set(), 0  # killed before the first task
        rows = database.execute("SELECT key, done FROM tasks").fetchall()
    return {key for key, done in rows if done}, sum(not done for _, done in rows)


def _pixels(folder: Path) -> dict[str, str]:
    """The pixels of every result in `folder`, or of that file, as hashes: a video's bytes hold when it was made."""
    results = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else [folder]:
        if path.suffix == ".jpg":
            results[path.name] = hashlib.sha256(read_picture(path).bgr.tobytes()).hexdigest()
        elif path.suffix == ".mp4":
            digest = hashlib.sha256()
            with av.open(str(path)) as container:
                for frame in container.decode(video=0):
                    digest.update(frame.to_ndarray(format="gray").tobytes())
            results[path.name] = digest.hexdigest()
    return results
