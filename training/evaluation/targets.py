"""The targets of the shipped INT8 weights, and whether the measured figures reach them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from training.evaluation.conditions import CALL, PAPER, SHORT_KERNEL, WEBCAM

KNOB = range(1, 5)
MS_A_CYCLE = 20.0


@dataclass(frozen=True, kw_only=True)
class Target:
    """One row: `reached` is None where nothing was measured."""

    what: str
    paper: str
    wanted: str
    found: str
    reached: bool | None


def judge_targets(results: dict[str, Any]) -> list[Target]:
    """Judge every target by the figures of `training.evaluation.evaluate`, on the protocol's set with INT8."""
    return [
        *_of_the_protocol(results),
        *_of_other_conditions(results),
        *_between_people(results),
        *_of_videos(results),
    ]


def _of_the_protocol(results: dict[str, Any]) -> Iterator[Target]:
    means = results["protocol"]["means"]
    given, at = means["input"], {k: means[f"int8 k{k}"] for k in KNOB}
    best = {metric: _best(at, metric) for metric in ("psnr", "lpips_alex")}

    gain = at[best["psnr"]]["psnr"] - given["psnr"]
    yield Target(
        what="PSNR at its best k, over the input",
        paper="+1.37 dB",
        wanted="at least +1.9 dB",
        found=f"{gain:+.2f} dB at k = {best['psnr']}",
        reached=gain >= 1.9,
    )
    for metric, title, paper, wanted in (
        ("lpips_alex", "AlexNet", "-65 %", -64),
        ("lpips_vgg", "VGG16", "not reported", -34),
    ):
        change = _percent(at[3][metric], given[metric])
        yield Target(
            what=f"LPIPS ({title}) at k = 3, over the input's",
            paper=paper,
            wanted=f"at most {wanted} %",
            found=f"{change:+.1f} %",
            reached=change <= wanted,
        )
    change = _percent(at[3]["lpips_alex"], at[1]["lpips_alex"])
    yield Target(
        what="LPIPS (AlexNet), k = 3 over k = 1",
        paper="-31 %",
        wanted="at most -20 %",
        found=f"{change:+.1f} %",
        reached=change <= -20,
    )
    gained = at[3]["lpips_alex"] - at[4]["lpips_alex"]
    yield Target(
        what="the knob",
        paper="PSNR best at k = 2, LPIPS best at k = 3",
        wanted="the same order, LPIPS at k = 4 at most 0.0005 better and 0.02 worse than at k = 3",
        found=f"PSNR best at k = {best['psnr']}, LPIPS best at k = {best['lpips_alex']}, k = 4 better by {gained:.4f}",
        reached=best["psnr"] == 2 and best["lpips_alex"] in (3, 4) and -0.02 <= gained <= 0.0005,
    )
    step = means["int8 step4"]["step"]
    yield Target(
        what="step size at k = 4",
        paper="0.018",
        wanted="at most 0.018",
        found=f"{step:.4f}",
        reached=step <= 0.018,
    )
    clean = results["protocol"]["clean"]["int8"]
    yield Target(
        what="a clean face stays clean, PSNR(G(y), y)",
        paper="not reported",
        wanted="at least 41 dB at k = 1, 36 dB at k = 3",
        found=f"{clean['k1']:.2f} dB, {clean['k3']:.2f} dB",
        reached=clean["k1"] >= 41 and clean["k3"] >= 36,
    )
    lost = max(means[f"fp32 k{k}"]["psnr"] - at[k]["psnr"] for k in KNOB)
    worse = max(at[k][m] - means[f"fp32 k{k}"][m] for k in KNOB for m in ("lpips_alex", "lpips_vgg"))
    yield Target(
        what="INT8 against FP32, the worst of k = 1..4",
        paper="not reported",
        wanted="at most 0.1 dB and 0.008 LPIPS worse",
        found=f"{lost:+.3f} dB lost, {worse:+.4f} LPIPS",
        reached=lost <= 0.1 and worse <= 0.008,
    )
    cycle = results["timing"].get("cycles", {}).get("int8")
    yield Target(
        what="time of a cycle, INT8, 2 cores, idle",
        paper="23 ms (NPU)",
        wanted=f"at most {MS_A_CYCLE:.0f} ms",
        found=f"{cycle['median_ms']:.1f} ms, {cycle['threads']} threads" if cycle else "not measured",
        reached=cycle["median_ms"] <= MS_A_CYCLE if cycle else None,
    )
    shift = max((at[k][channel] for k in KNOB for channel in ("red", "green", "blue")), key=abs)
    yield Target(
        what="colour shift, the worst channel of k = 1..4",
        paper="not reported",
        wanted="under 1.5 / 255",
        found=f"{shift:+.2f} / 255",
        reached=abs(shift) < 1.5,
    )


def _of_other_conditions(results: dict[str, Any]) -> Iterator[Target]:
    call, webcam, short = (_condition(results, title, "protocol") for title in (CALL, WEBCAM, SHORT_KERNEL))
    yield _cut(call, CALL, -55)
    yield _target(
        call,
        what="call D: PSNR at every k, over the input's",
        wanted="at least 0 dB",
        judge=lambda at: (
            f"{min(_gain(at, k) for k in KNOB):+.2f} dB at the worst k",
            all(_gain(at, k) >= 0 for k in KNOB),
        ),
    )
    yield _target(
        call,
        what="call D: colour difference of the irises at k = 3 (CIEDE2000), over the input's",
        wanted="at most 0",
        judge=lambda at: (f"{at['k3']['eyes'] - at['input']['eyes']:+.2f}", at["k3"]["eyes"] <= at["input"]["eyes"]),
    )
    yield _cut(webcam, WEBCAM, -52)
    yield _target(
        webcam,
        what="webcam D: PSNR at k = 3, over the input's",
        wanted="at least -0.5 dB",
        judge=lambda at: (f"{_gain(at, 3):+.2f} dB", _gain(at, 3) >= -0.5),
    )
    yield _target(
        short,
        what="kernel cut off at 41 pixels: PSNR at its best k, over the input",
        wanted="at least +1.6 dB",
        judge=lambda at: (
            f"{max(_gain(at, k) for k in KNOB):+.2f} dB",
            max(_gain(at, k) for k in KNOB) >= 1.6,
        ),
    )


def _between_people(results: dict[str, Any]) -> Iterator[Target]:
    """How alike LPIPS is cut on the protocol's set and on the third."""
    means = results["protocol"]["means"]
    here = {"input": means["input"], "k3": means["int8 k3"]}
    pairs = {
        "paper's D": (here, _condition(results, PAPER, "third")),
        "call D": (_condition(results, CALL, "protocol"), _condition(results, CALL, "third")),
    }
    for title, (first, second) in pairs.items():
        apart = _saved(second) - _saved(first) if first and second else None
        yield Target(
            what=f"{title}: LPIPS (AlexNet) saved at k = 3, third test set against the protocol's",
            paper="not reported",
            wanted="within 3 points of each other",
            found="not measured" if apart is None else f"{-apart:+.1f} points",
            reached=None if apart is None else abs(apart) <= 3,
        )


def _of_videos(results: dict[str, Any]) -> Iterator[Target]:
    yield _target(
        results.get("video"),
        what="flicker of the videos, which choices were made on, k = 3, every frame by itself, over the input's",
        wanted="at most 1.5 times on every video",
        judge=lambda videos: _times([row["k3"] / row["input"] for row in videos.values()], 1.5),
    )
    steadiness = results.get("steadiness")
    yield _target(
        steadiness and steadiness["videos"],
        what="flicker of the videos, which steadiness was tuned on, k = 3, steady, over the input's",
        wanted="at most the input's on every video",
        judge=lambda videos: _times([row["k = 3, steady"] / row["input"] for row in videos.values()], 1.0),
    )
    yield _target(
        steadiness and steadiness["calls"],
        what="LPIPS (AlexNet) of videos with a truth, which steadiness was tuned on, k = 3, steady against not",
        wanted="no worse",
        judge=lambda calls: (
            f"{calls['k = 3, steady']['lpips_alex'] - calls['k = 3']['lpips_alex']:+.4f}",
            calls["k = 3, steady"]["lpips_alex"] <= calls["k = 3"]["lpips_alex"],
        ),
    )


def _target(figures: Any, *, what: str, wanted: str, judge: Callable[[Any], tuple[str, bool]]) -> Target:
    """Judge a row that the paper does not report, if there are figures."""
    found, reached = judge(figures) if figures else ("not measured", None)
    return Target(what=what, paper="not reported", wanted=wanted, found=found, reached=reached)


def _cut(figures: Any, title: str, wanted: int) -> Target:
    """Judge by how much percent LPIPS falls at k = 3 under a condition."""
    return _target(
        figures,
        what=f"{title}: LPIPS (AlexNet) at k = 3, over the input's",
        wanted=f"at most {wanted} %",
        judge=lambda at: (f"{_saved(at):+.1f} %", _saved(at) <= wanted),
    )


def _condition(results: dict[str, Any], title: str, role: str) -> dict[str, Any] | None:
    found = (each for each in results.get("conditions", ()) if (each["title"], each["role"]) == (title, role))
    return next((each["means"] for each in found), None)


def _saved(at: dict[str, dict[str, float]]) -> float:
    return _percent(at["k3"]["lpips_alex"], at["input"]["lpips_alex"])


def _gain(at: dict[str, dict[str, float]], k: int) -> float:
    return at[f"k{k}"]["psnr"] - at["input"]["psnr"]


def _times(ratios: list[float], most: float) -> tuple[str, bool]:
    return f"{min(ratios):.1f} to {max(ratios):.1f} times", max(ratios) <= most


def _best(at: dict[int, dict[str, float]], metric: str) -> int:
    choose = max if metric == "psnr" else min
    return choose(at, key=lambda k: at[k][metric])


def _percent(value: float, reference: float) -> float:
    return 100.0 * (value / reference - 1.0)
