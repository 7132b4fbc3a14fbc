"""Choosing a provider by measurement: it must run, match the CPU's result, and with Auto be faster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from app.core.words import Words, english, phrase
from app.restorers.probe import Probe
from app.restorers.providers import CPU, Provider

_log = logging.getLogger(__name__)

MOST_DIFFERENCE = 4.0
"""The largest mean difference, in levels of 255, at which a provider's result counts as the CPU's
(docs/decisions/providers-tried-first.md)."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A provider's figures: `cycle_ms` and `difference` are None where `problem` says why it is not used."""

    provider: Provider
    precision: str
    nodes: tuple[tuple[str, int], ...] = ()
    cycle_ms: float | None = None
    difference: float | None = None
    problem: Words = ""


def judge(provider: Provider, precision: str, found: Probe, reference: Probe) -> Candidate:
    """Compare a probe on `provider` with the one on the CPU."""
    if found.error or found.engine is None or found.image is None or reference.image is None:
        return Candidate(provider=provider, precision=precision, problem=found.error or phrase("it gave nothing"))
    difference = float(np.abs(found.image.astype(np.int16) - reference.image).mean())
    problem: Words = ""
    if found.engine.provider_got != provider.execution:
        problem = phrase("ONNX Runtime used {provider} instead", provider=found.engine.provider_got)
    elif difference > MOST_DIFFERENCE:
        problem = phrase("its picture is {levels:.1f} levels from the CPU's", levels=difference)
    return Candidate(
        provider=provider,
        precision=precision,
        nodes=found.engine.nodes,
        cycle_ms=None if problem else found.cycle_ms,
        difference=difference,
        problem=problem,
    )


def compare(
    providers: Sequence[Provider], *, precision_of: Callable[[Provider], str], try_on: Callable[[Provider], Probe]
) -> tuple[Candidate, ...]:
    """Measure the CPU, which comes first, and every other provider; `try_on` measures the network on one."""
    reference = try_on(CPU)
    found = [judge(CPU, precision_of(CPU), reference, reference)]
    for provider in providers:
        if provider != CPU:
            candidate = judge(provider, precision_of(provider), try_on(provider), reference)
            found.append(candidate)
            if candidate.problem:
                _log.warning("%s is not used: %s", provider.title, english(candidate.problem))
    return tuple(found)


def fastest(candidates: Sequence[Candidate]) -> Candidate:
    """Return the candidate with the shortest cycle; the first, the CPU, where none could be timed."""
    timed = [each for each in candidates if each.cycle_ms is not None]
    return min(timed, key=lambda each: each.cycle_ms or 0.0, default=candidates[0])
