"""Trying a provider in a separate process, so that a crashing driver ends only that process."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np

from app.core.errors import AppError
from app.core.types import Image
from app.core.words import Words, phrase
from app.restorers.base import EngineInfo, EngineOptions, VerifiedModel
from app.restorers.family import Family

_PATIENCE_S = 120.0
"""Seconds until a probe counts as hung; some providers compile a network when it is loaded."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Probe:
    """The result of a trial: the median time of a cycle, the restored `probing_crop`, and the engine.

    `error` explains why there is none.
    """

    cycle_ms: float = 0.0
    image: Image | None = None
    engine: EngineInfo | None = None
    error: Words = ""


def probing_crop(family: Family) -> Image:
    """Return uint8 (side, side, 3) BGR: smooth colours with some detail, the same on every machine."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: family.crop_side, : family.crop_side].astype(np.float32) / family.crop_side
    smooth = np.stack((x, y, (x + y) / 2), axis=2) * 160 + 40
    return np.clip(smooth + rng.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)


def measure(family: Family, model: VerifiedModel, options: EngineOptions) -> Probe:
    """Load a network, time a cycle and restore `probing_crop`, in this process. Raises InferenceError."""
    restorer = family.create(family, model, options)
    cycle_ms = restorer.warm_up()
    low, high = model.k_range
    image = restorer.restore(probing_crop(family), k=min(max(family.default_k, low), high)).image
    return Probe(cycle_ms=cycle_ms, image=image, engine=restorer.engine)


def probe(family: Family, model: VerifiedModel, options: EngineOptions, *, patience_s: float = _PATIENCE_S) -> Probe:
    """Run `measure` in a separate process. A crash, an error or `patience_s` without a result becomes `error`."""
    if multiprocessing.current_process().daemon:  # such as a batch worker, a separate process already
        return _measure_or_say(family, model, options)
    context = multiprocessing.get_context("spawn")  # a fork would copy locks without their threads
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure_and_send, args=(sender, family, model, options), daemon=True)
    process.start()
    sender.close()
    try:
        if not receiver.poll(patience_s):
            return Probe(error=phrase("it did not answer within {seconds:g} s", seconds=patience_s))
        found: Probe = receiver.recv()
    except EOFError:
        process.join()
        return Probe(error=phrase("it crashed (exit code {code})", code=process.exitcode))
    else:
        return found
    finally:
        receiver.close()
        process.kill()
        process.join()


def _measure_and_send(sender: Connection, family: Family, model: VerifiedModel, options: EngineOptions) -> None:
    sender.send(_measure_or_say(family, model, options))


def _measure_or_say(family: Family, model: VerifiedModel, options: EngineOptions) -> Probe:
    try:
        return measure(family, model, options)
    except Exception as error:  # whatever it is, it becomes a message
        return Probe(error=error.phrase if isinstance(error, AppError) else str(error))
