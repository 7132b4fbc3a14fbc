"""The worker: one task at a time, a picture, a video or a crop, through detector, network and pasting."""

from __future__ import annotations

import gc
import time
import traceback
from dataclasses import replace

import cv2
import numpy as np

from app.batch.jobs.plan import make_room
from app.batch.jobs.setup import WorkerSetup
from app.batch.jobs.task import Task, TaskDone, TaskFailed, TaskResult
from app.batch.staging import staged
from app.batch.videos.joining import join_pieces
from app.batch.videos.output import VideoOptions
from app.batch.videos.pieces import restore_piece
from app.batch.videos.restore import Progress, restore_video
from app.core.errors import AppError, UnreadableMediaError, WorkerError
from app.core.log import log_path
from app.core.memory import return_large_blocks
from app.core.settings import Settings
from app.core.types import Frame, Image, Restored, Timings
from app.core.words import Phrase, phrase
from app.faces.detector import FaceDetector
from app.faces.still_detector import StillDetector
from app.faces.sweep_detector import SweepDetector
from app.faces.tracker import FaceTracker
from app.media.pictures.enlarge import expect_affordable_result
from app.media.pictures.picture import enlarged, read_picture, resized, side_by_side, write_picture
from app.outputs.compose import compose
from app.pipeline.enlarging import at_scale
from app.pipeline.process import FramePipeline
from app.restorers.store import ModelStore

PICTURE_DETECT_SIZE = 1280
VIDEO_DETECT_SIZE = 640
"""The size of a batch's detection sweep, larger than the window's because it does not run in real time."""

NO_FACE = phrase("no face was found in any of its frames")


class Stopped(BaseException):
    """Raised by a progress callback to leave a task. It is no error, so handlers of errors do not catch it."""


class RestoreWorker:
    """Loads the networks once and restores file after file. Not thread-safe."""

    def __init__(self, setup: WorkerSetup) -> None:
        """Load the network.

        Raises SettingError for a k that the network cannot do, ModelMissingError, ModelIntegrityError, ManifestError or
        InferenceError.
        """
        return_large_blocks()
        options, settings = setup.options, setup.options.settings
        self._store = ModelStore(setup.models)
        self._threads = settings.threads or setup.threads
        self._restorer = self._store.create_restorer(
            settings.restorer,
            settings.precision,
            self._threads,
            provider=settings.provider,
            spinning=settings.spinning,
        )
        shipped = self._store.restorer(settings.restorer)
        if options.k_is_given:
            shipped.expect_k(settings.k)
        self.k = settings.k if options.k_is_given else shipped.default_k
        self.settings = settings
        self._detect_size = options.detect_size
        self._side_by_side = options.side_by_side
        self._scale = options.scale
        self._video = VideoOptions(
            side_by_side=options.side_by_side,
            scale=options.scale,
            encoder=options.encoder,
            # One more than the engine's, to work on while it does.
            threads=setup.codec_threads or (self._threads and self._threads + 1),
        )
        self._detector: FaceDetector | None = None

    def restore(self, task: Task, *, progress: Progress | None = None) -> TaskResult:
        """Run one task; `progress` receives the frames done and, if known, the total.

        Raises UnreadableMediaError, OutputError or InferenceError, leaving `task.target` as it was.
        """
        with staged(task) as here:
            return self._restore(here, progress)

    def _restore(self, task: Task, progress: Progress | None) -> TaskResult:
        make_room(task.source, task.target)
        if task.kind == "crop":
            return self._restore_crop(task)
        if task.kind == "picture":
            return self._restore_picture(task)
        if task.kind == "join":
            return self._join(task, progress)
        try:
            return self._restore_video(task, progress)
        finally:
            gc.collect()  # PyAV's containers and streams hold each other, and an encoder of 4K holds 0.6 GB

    def _restore_picture(self, task: Task) -> TaskResult:
        started = time.perf_counter()
        picture = read_picture(task.source)
        height, width = picture.bgr.shape[:2]
        sides = 2 if self._side_by_side else 1
        if self._scale > 1:
            expect_affordable_result((width * self._scale * sides, height * self._scale), str(task.target))
        frame = Frame(image=picture.bgr, index=0, t_capture=time.perf_counter(), t_media=0.0)
        pipeline = FramePipeline(FaceTracker(StillDetector(self._load_detector())), self._restorer)
        restored = at_scale(pipeline.process(frame, self._settings_for(PICTURE_DETECT_SIZE)), self._scale)
        task.expect_unchanged()
        picture, image = enlarged(picture, self._scale), restored.image
        if self._side_by_side:
            picture, image = side_by_side(picture), compose(restored, "side-by-side", 0.5)
        notes = write_picture(task.target, picture, image, overwrite=task.overwrite)
        if not restored.faces:
            notes = (self._without_face(), *notes)
        timings = _with_capture(restored.timings, frame.t_capture - started)
        return self._result((timings,), faces=len(restored.faces), notes=notes)

    def _restore_crop(self, task: Task) -> TaskResult:
        started = time.perf_counter()
        picture = read_picture(task.source)
        height, width = picture.bgr.shape[:2]
        if height != width:
            raise UnreadableMediaError(
                "{source} has {width}x{height} pixels, but an aligned face crop is square.",
                "Leave --aligned out to have the face found.",
                source=task.source,
                width=width,
                height=height,
            )
        picture = resized(picture, self._restorer.family.crop_side)
        read_s = time.perf_counter() - started
        restored = self._restorer.restore(picture.bgr, k=self.k, stop_threshold=self.settings.stop_threshold)
        begun = time.perf_counter()
        result = blend(picture.bgr, restored.image, self.settings.strength / 100)
        paste_ms = (time.perf_counter() - begun) * 1000
        task.expect_unchanged()
        notes = write_picture(task.target, picture, result, overwrite=task.overwrite)
        timings = Timings(cycles_ms=restored.cycles_ms, paste_ms=paste_ms)
        return self._result((_with_capture(timings, read_s),), faces=1, notes=notes)

    def _restore_video(self, task: Task, progress: Progress | None) -> TaskResult:
        tracker = FaceTracker(self._load_detector())
        pipeline = FramePipeline(tracker, self._restorer)
        settings = self._settings_for(VIDEO_DETECT_SIZE)
        timings: list[Timings] = []
        faces = 0

        def process(frame: Frame) -> Restored:
            nonlocal faces
            restored = at_scale(pipeline.process(frame, settings), self._scale)
            timings.append(restored.timings)
            faces += len(restored.faces)
            return restored

        if task.span is not None:

            def track(frame: Frame) -> None:
                tracker.update(frame, detect_size=settings.detect_size, max_faces=settings.max_faces)

            piece = restore_piece(
                task.source,
                task.target,
                task.span,
                process,
                track=track,
                warm_up=lambda frame: pipeline.process(frame, settings),
                options=self._video,
                progress=progress,
                before_naming=task.expect_unchanged,
            )
            result = self._result(tuple(timings), faces=faces, notes=piece.notes)
            return replace(result, first_pts=piece.first_pts, damage=piece.damage)
        video = restore_video(
            task.source,
            task.target,
            process,
            options=self._video,
            overwrite=task.overwrite,
            progress=progress,
            before_naming=task.expect_unchanged,
        )
        notes = video.notes if faces else (*video.notes, NO_FACE)
        return self._result(tuple(timings), faces=faces, notes=notes)

    def _join(self, task: Task, progress: Progress | None) -> TaskResult:
        notes = join_pieces(
            task.source,
            task.target,
            task.pieces,
            overwrite=task.overwrite,
            damage=task.damage,
            progress=progress,
            before_naming=task.expect_unchanged,
        )
        return self._result((), faces=0, notes=notes)

    def _result(self, timings: tuple[Timings, ...], *, faces: int, notes: tuple[Phrase, ...] = ()) -> TaskResult:
        return TaskResult(
            frames=len(timings), faces=faces, notes=notes, timings=timings, engine=self._restorer.engine, k=self.k
        )

    def _without_face(self) -> Phrase:
        if self._side_by_side:
            return phrase("no face was found")
        if self._scale == 1:
            return phrase("no face was found, it was written unchanged")
        return phrase("no face was found, it was only enlarged")

    def _settings_for(self, detect_size: int) -> Settings:
        return self.settings.replace(k=self.k, auto_k=False, detect_size=self._detect_size or detect_size)

    def _load_detector(self) -> FaceDetector:
        if self._detector is None:
            self._detector = SweepDetector(*self._store.detectors("sweep-detector"), threads=self._threads)
        return self._detector


def carry_out(worker: RestoreWorker, task: Task, progress: Progress | None) -> TaskDone | TaskFailed:
    """Run `task` and return how it ended; only exceptions of `progress` and interruptions are propagated."""
    try:
        return TaskDone(task=task, result=worker.restore(task, progress=progress))
    except AppError as error:
        return TaskFailed(task=task, error=error)
    except Exception as error:
        surprise = WorkerError(
            "something unexpected went wrong ({error}).",
            "The details are in {log}",
            details=traceback.format_exc(),
            error=f"{type(error).__name__}: {error}",
            log=log_path(),
        )
        return TaskFailed(task=task, error=surprise)


def _with_capture(timings: Timings, capture_s: float) -> Timings:
    return replace(timings, capture_ms=capture_s * 1000)


def blend(original: Image, restored: Image, strength: float) -> Image:
    """Mix two crops, uint8 (H, W, 3) BGR; `strength` in [0, 1] is the restored one's share."""
    return np.asarray(cv2.addWeighted(restored, strength, original, 1 - strength, 0), np.uint8)
