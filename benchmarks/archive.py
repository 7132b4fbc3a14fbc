"""What the job engine makes of a machine: videos and folders side by side, a cluster, kills, memory.

python benchmarks/archive.py [--only film pictures cluster simulation kills memory] [--frames 282] [--k 1 3]
                             [--pictures 200] [--kills 30] [--seconds 60] [--json FILE]
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that the script runs from any folder

import av
import cv2
import numpy as np
import psutil

from app.batch.engine import run_job
from app.batch.executors import EXECUTORS
from app.batch.executors.base import Executor, ExecutorOptions
from app.batch.jobs.job import Job, RestoreOptions
from app.batch.jobs.journal import Journal
from app.batch.jobs.plan import Item
from app.batch.jobs.task import Task, TaskDone, TaskResult
from app.batch.jobs.work import Work
from app.batch.run import JobRun
from app.batch.videos.restore import restore_video
from app.core.settings import Settings
from app.faces.detector import FaceDetector
from app.faces.tracker import FaceTracker
from app.media.pictures.picture import read_picture
from app.pipeline.measuring.scene import MovingFaceScene
from app.pipeline.process import FramePipeline
from app.restorers.store import ModelStore

ROOT = Path(__file__).resolve().parents[1]
FPS = 30
Table = dict[str, Any]


def make_film(path: Path, frames: int, *, width: int = 1280, height: int = 720) -> Path:
    scene = MovingFaceScene(width=width, height=height)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, FPS)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(scene.image(number / FPS), format="bgr24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    scene = MovingFaceScene(width=1152, height=864)  # 1 MP
    for number in range(count):
        cv2.imwrite(str(folder / f"{number:04}.jpg"), scene.image(number / 10))
    return folder


def job(source: Path, target: Path, k: int) -> Job:
    return Job(input=str(source), output=str(target), options=RestoreOptions(settings=Settings(k=k), k_is_given=True))


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_one_go(source: Path, target: Path, k: int) -> None:
    """One worker with every core, from the first frame to the last: how it was done before there were pieces."""
    store = ModelStore()
    restorer = store.create_restorer("cfrnet-rt", "int8")
    pipeline = FramePipeline(FaceTracker(FaceDetector(*store.detectors())), restorer)
    settings = Settings(k=k, detect_size=640)
    restore_video(source, target, lambda frame: pipeline.process(frame, settings))


def film(folder: Path, options: argparse.Namespace) -> Table:
    source = make_film(folder / "film.mp4", options.frames)
    rows = {}
    for k in options.k:
        started = time.perf_counter()
        in_one_go(source, folder / f"one-{k}.mp4", k)
        middle = time.perf_counter()
        run_job(job(source, folder / f"two-{k}.mp4", k), workers=2)
        one, two = middle - started, time.perf_counter() - middle
        rows[f"k{k}"] = {"one_fps": options.frames / one, "two_fps": options.frames / two, "times": one / two}
    return rows


def pictures(folder: Path, options: argparse.Namespace) -> Table:
    source = make_pictures(folder / "pictures", options.pictures)
    one = seconds(lambda: run_job(job(source, folder / "one", 3), executor=_executor("inline")))
    two = seconds(lambda: run_job(job(source, folder / "two", 3), workers=2))
    return {"one_per_s": options.pictures / one, "two_per_s": options.pictures / two, "times": one / two}


def cluster(folder: Path, options: argparse.Namespace) -> Table:
    """Whole runs, the start of workers and cluster included; the overhead is that of one worker against none."""
    count = max(options.pictures // 4, 8)
    source = make_pictures(folder / "few", count)
    rows: Table = {
        "inline_s": seconds(lambda: run_job(job(source, folder / "inline", 3), executor=_executor("inline")))
    }
    for workers in (1, 2, 4):
        from distributed import LocalCluster

        with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as local:
            executor = _executor("dask", address=local.scheduler_address)
            target = folder / f"dask-{workers}"
            run_job(job(source, folder / f"warm-{workers}", 3), executor=executor)
            started = time.perf_counter()
            run_job(job(source, target, 3), executor=executor)
            rows[f"dask_{workers}_s"] = time.perf_counter() - started
    one = EXECUTORS["processes"].make(ExecutorOptions(workers=1))
    rows["process_1_s"] = seconds(lambda: run_job(job(source, folder / "process", 3), executor=one))
    return rows


def _executor(name: str, **options: Any) -> Executor:
    return EXECUTORS[name].make(ExecutorOptions(**options))


def simulation(folder: Path, options: argparse.Namespace) -> Table:
    """The real queue and journal, in memory, with workers that only take time: durations recorded here, on a clock."""
    source = make_pictures(folder / "recorded", 12)
    ends = [time.perf_counter()]
    run_job(
        job(source, folder / "out", 3),
        executor=_executor("inline"),
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
    """kill -9 of the whole command at random moments, then the same command, until it is done; and once more."""
    source = folder / "mixed"
    make_pictures(source, 6)
    make_film(source / "film.mp4", 17 * FPS // 3, width=320, height=240)
    run_job(job(source, folder / "whole", 1), workers=2)
    expected = _pixels(folder / "whole")
    rng = random.Random(0)
    killed = wrong = left = 0
    target = folder / "killed"
    command = [sys.executable, str(ROOT / "main.py"), "restore", str(source), str(target), "--k", "1", "--workers", "2"]
    while killed < options.kills:
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            process.wait(rng.uniform(1, 12))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
            continue
        left += sum(path.suffix == ".part" or path.name == "journal.sqlite" for path in target.rglob("*"))
        wrong += _pixels(target) != expected
        for path in target.iterdir():
            path.unlink()
    subprocess.run(command, stderr=subprocess.DEVNULL, check=True)
    wrong += _pixels(target) != expected
    return {"kills": killed, "wrong_results": wrong, "left_behind": left}


def _pixels(folder: Path) -> dict[str, int]:
    """The pixels of every result, as one number each: a video's bytes hold the names of its making."""
    results = {}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".jpg":
            results[path.name] = hash(read_picture(path).bgr.tobytes())
        elif path.suffix == ".mp4":
            with av.open(str(path)) as container:
                frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
            results[path.name] = hash((len(frames), b"".join(frame.tobytes() for frame in frames)))
    return results


def memory(folder: Path, options: argparse.Namespace) -> Table:
    """Peak memory of a worker on 4K, in the first half and in the second of a film of `--seconds`."""
    source = make_film(folder / "4k.mp4", options.seconds * FPS, width=3840, height=2160)
    peaks: list[tuple[float, int]] = []
    over = threading.Event()

    def look() -> None:
        me = psutil.Process()
        while not over.wait(0.5):
            for child in me.children(recursive=True):
                try:
                    peaks.append((time.perf_counter(), child.memory_info().rss))
                except psutil.Error:
                    continue

    watcher = threading.Thread(target=look)
    watcher.start()
    started = time.perf_counter()
    run_job(job(source, folder / "4k-out.mp4", 1), workers=2)
    middle = (started + time.perf_counter()) / 2
    over.set()
    watcher.join()
    first = max(rss for at, rss in peaks if at < middle) / 1e9
    second = max(rss for at, rss in peaks if at >= middle) / 1e9
    return {"first_half_gb": first, "second_half_gb": second, "growth": second / first}


SECTIONS = {each.__name__: each for each in (film, pictures, cluster, simulation, kills, memory)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="PART")
    parser.add_argument("--frames", type=int, default=282)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--k", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    result: Table = {}
    for name in options.only:
        with tempfile.TemporaryDirectory() as folder:
            result[name] = SECTIONS[name](Path(folder), options)
        print(name, json.dumps(result[name], indent=2), flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
