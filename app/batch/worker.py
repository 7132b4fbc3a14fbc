"""One file at a time through detector, network and pasting: what `restore` does to a picture, a video or a crop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from app.batch.plan import Job, make_room
from app.batch.video import restore_video
from app.core.errors import SettingError, UnreadableMediaError
from app.core.settings import Settings
from app.core.types import CROP_SIZE, Frame, Image, Restored, Timings
from app.faces.detector import FaceDetector
from app.faces.thorough import ThoroughDetector
from app.faces.tracker import FaceTracker
from app.media.picture import read_picture, write_image, write_picture
from app.outputs.compose import compose
from app.pipeline.process import FramePipeline
from app.restorers.base import EngineInfo
from app.restorers.store import ModelStore

PICTURE_DETECT_SIZE = 1280
VIDEO_DETECT_SIZE = 640
"""Nobody waits for a batch in real time, so it searches more finely than the window does."""

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was done to one file: timings of every frame, faces restored over all of them, and what is worth saying."""

    timings: tuple[Timings, ...]
    faces: int
    notes: tuple[str, ...] = ()


class RestoreWorker:
    """Loads the networks once and restores file after file. Not thread-safe."""

    def __init__(
        self,
        store: ModelStore,
        settings: Settings,
        *,
        k_is_given: bool,
        detect_size: int | None,
        side_by_side: bool,
        overwrite: bool = False,
    ) -> None:
        """`detect_size` None chooses by the kind of file, `overwrite` replaces files that are there.

        Raises SettingError for a k that the network cannot do, ModelMissingError, ModelIntegrityError, ManifestError or
        InferenceError.
        """
        self._restorer = store.create_restorer(
            settings.restorer,
            settings.precision,
            settings.threads,
            provider=settings.provider,
            spinning=settings.spinning,
        )
        low, high = self._restorer.k_range
        if k_is_given and not low <= settings.k <= high:
            raise SettingError(
                f"{settings.restorer} is applied {low} to {high} times, not {settings.k}.",
                "Choose another --k or another --restorer.",
            )
        self.k = min(max(settings.k, low), high)
        self.settings = settings
        self._store = store
        self._detect_size = detect_size
        self._side_by_side = side_by_side
        self._overwrite = overwrite
        self._detector: FaceDetector | None = None

    @property
    def engine(self) -> EngineInfo:
        return self._restorer.engine

    def restore(self, job: Job, *, progress: Progress | None = None) -> Outcome:
        """Carry out one job; `progress` gets the frames done and, if known, all of them.

        Raises UnreadableMediaError, OutputError or InferenceError; then nothing is at `job.target` that was not there.
        """
        make_room(job)
        if job.kind == "crop":
            return self._restore_crop(job)
        if job.kind == "picture":
            return self._restore_picture(job)
        return self._restore_video(job, progress)

    def _restore_picture(self, job: Job) -> Outcome:
        started = time.perf_counter()
        picture = read_picture(job.source)
        frame = Frame(image=picture.bgr, index=0, t_capture=time.perf_counter(), t_media=0.0)
        pipeline = FramePipeline(FaceTracker(ThoroughDetector(self._load_detector())), self._restorer)
        restored = pipeline.process(frame, self._settings_for(PICTURE_DETECT_SIZE))
        if self._side_by_side:
            image = compose(restored, "side-by-side", 0.5)
            write_image(job.target, image, overwrite=self._overwrite, permissions=picture.permissions)
        else:
            write_picture(job.target, picture, restored.image, overwrite=self._overwrite)
        notes: tuple[str, ...] = ()
        if not restored.faces:
            notes = ("no face was found" + ("" if self._side_by_side else ", it was written unchanged"),)
        timings = _with_capture(restored.timings, frame.t_capture - started)
        return Outcome(timings=(timings,), faces=len(restored.faces), notes=notes)

    def _restore_crop(self, job: Job) -> Outcome:
        started = time.perf_counter()
        picture = read_picture(job.source)
        image = picture.bgr
        height, width = image.shape[:2]
        if height != width:
            raise UnreadableMediaError(
                f"{job.source} has {width}x{height} pixels, but an aligned face crop is square.",
                "Leave --aligned out to have the face found.",
            )
        if height != CROP_SIZE:
            interpolation = cv2.INTER_AREA if height > CROP_SIZE else cv2.INTER_CUBIC
            image = np.asarray(cv2.resize(image, (CROP_SIZE, CROP_SIZE), interpolation=interpolation), np.uint8)
        read_s = time.perf_counter() - started
        restored = self._restorer.restore(image, k=self.k, stop_threshold=self.settings.stop_threshold)
        begun = time.perf_counter()
        result = _blend(image, restored.image, self.settings.strength / 100)
        paste_ms = (time.perf_counter() - begun) * 1000
        write_image(job.target, result, overwrite=self._overwrite, permissions=picture.permissions)
        timings = Timings(cycles_ms=restored.cycles_ms, paste_ms=paste_ms)
        return Outcome(timings=(_with_capture(timings, read_s),), faces=1)

    def _restore_video(self, job: Job, progress: Progress | None) -> Outcome:
        pipeline = FramePipeline(FaceTracker(self._load_detector()), self._restorer)
        settings = self._settings_for(VIDEO_DETECT_SIZE)
        timings: list[Timings] = []
        faces = 0

        def process(frame: Frame) -> Restored:
            nonlocal faces
            restored = pipeline.process(frame, settings)
            timings.append(restored.timings)
            faces += len(restored.faces)
            return restored

        restore_video(
            job.source,
            job.target,
            process,
            side_by_side=self._side_by_side,
            overwrite=self._overwrite,
            progress=progress,
        )
        notes = () if faces else ("no face was found in any of its frames",)
        return Outcome(timings=tuple(timings), faces=faces, notes=notes)

    def _settings_for(self, detect_size: int) -> Settings:
        return self.settings.replace(k=self.k, auto_k=False, detect_size=self._detect_size or detect_size)

    def _load_detector(self) -> FaceDetector:
        if self._detector is None:
            self._detector = FaceDetector(*self._store.detector_paths(), threads=self.settings.threads)
        return self._detector


def _with_capture(timings: Timings, capture_s: float) -> Timings:
    return replace(timings, capture_ms=capture_s * 1000)


def _blend(original: Image, restored: Image, strength: float) -> Image:
    return np.asarray(cv2.addWeighted(restored, strength, original, 1 - strength, 0), np.uint8)
