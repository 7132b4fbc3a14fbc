"""The targets of the shipped INT8 weights, and whether the measured figures reach them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

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
    return list(_targets(results))


def _targets(results: dict[str, Any]) -> Iterator[Target]:
    means = results["protocol"]["means"]
    given, at = means["input"], {k: means[f"int8 k{k}"] for k in KNOB}
    best = {metric: _best(at, metric) for metric in ("psnr", "lpips_alex")}

    gain = at[best["psnr"]]["psnr"] - given["psnr"]
    yield Target(
        what="PSNR at its best k, over the input",
        paper="+1.37 dB",
        wanted="at least +1.7 dB",
        found=f"{gain:+.2f} dB at k = {best['psnr']}",
        reached=gain >= 1.7,
    )
    for metric, title, paper, wanted in (
        ("lpips_alex", "AlexNet", "-65 %", -60),
        ("lpips_vgg", "VGG16", "not reported", -30),
    ):
        change = _percent(at[3][metric], given[metric])
        yield Target(
            what=f"LPIPS ({title}) at k = 3, over the input's",
            paper=paper,
            wanted=f"at least {wanted} %",
            found=f"{change:+.1f} %",
            reached=change <= wanted,
        )
    change = _percent(at[3]["lpips_alex"], at[1]["lpips_alex"])
    yield Target(
        what="LPIPS (AlexNet), k = 3 over k = 1",
        paper="-31 %",
        wanted="at least -20 %",
        found=f"{change:+.1f} %",
        reached=change <= -20,
    )
    rest = at[4]["lpips_alex"] - at[3]["lpips_alex"]
    yield Target(
        what="the knob",
        paper="PSNR best at k = 2, LPIPS best at k = 3",
        wanted="the same order, and LPIPS at k = 4 within 0.02 of k = 3",
        found=f"PSNR best at k = {best['psnr']}, LPIPS best at k = {best['lpips_alex']}, k = 4 {rest:+.3f}",
        reached=best == {"psnr": 2, "lpips_alex": 3} and abs(rest) <= 0.02,
    )
    step = means["int8 step4"]["step"]
    yield Target(
        what="step size at k = 4",
        paper="0.018",
        wanted="at most 0.018",
        found=f"{step:.4f}",
        reached=step <= 0.018,
    )
    clean = results["clean"]["int8"]
    yield Target(
        what="a clean face stays clean, PSNR(G(y), y)",
        paper="not reported",
        wanted="at least 34 dB at k = 1, 31 dB at k = 3",
        found=f"{clean['k1']:.2f} dB, {clean['k3']:.2f} dB",
        reached=clean["k1"] >= 34 and clean["k3"] >= 31,
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


def _best(at: dict[int, dict[str, float]], metric: str) -> int:
    choose = max if metric == "psnr" else min
    return choose(at, key=lambda k: at[k][metric])


def _percent(value: float, reference: float) -> float:
    return 100.0 * (value / reference - 1.0)
