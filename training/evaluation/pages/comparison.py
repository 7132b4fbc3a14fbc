"""Writing docs/comparison.md from the figures of `training.evaluation.comparison`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.media.files import replace_text
from training.evaluation.pages.results import table

# Title, metric, digits, and whether more is better.
COLUMNS = (
    ("PSNR", "psnr", 2, True),
    ("SSIM", "ssim", 3, True),
    ("LPIPS-A", "lpips_alex", 3, False),
    ("LPIPS-V", "lpips_vgg", 3, False),
    ("ST-LPIPS", "stlpips", 3, False),
    ("NIQE", "niqe", 2, False),
    ("FED", "identity", 3, False),
    ("LLE %", "landmarks", 2, False),
)


# arXiv 2606.06850, its own 300 images: the row here, if there is one, and PSNR, SSIM, LPIPS.
_PAPER = (
    ("degraded input", "input", 22.45, 0.621, 0.712),
    ("CFRNet k = 1", "k = 1", 23.54, 0.673, 0.360),
    ("CFRNet k = 2", "k = 2", 23.82, 0.685, 0.300),
    ("CFRNet k = 3", "k = 3", 23.10, 0.662, 0.250),
    ("CFRNet k = 4", "k = 4", 22.98, 0.668, 0.262),
    ("GFPGAN-Lite", "", 23.49, 0.668, 0.353),
    ("GPEN-Lite", "", 23.18, 0.659, 0.378),
    ("CodeFormer-Lite", "", 22.71, 0.642, 0.382),
)


def write_comparison(path: Path, results: dict[str, Any]) -> None:
    """Write the page whole from what `comparison.json` holds."""
    replace_text(path, "\n".join(_page(results)) + "\n")


def _page(results: dict[str, Any]) -> Iterator[str]:
    yield "# Every network on the same faces\n"
    yield f"Written by `python -m training evaluate --all` on {results['date']}; do not edit by hand."
    if results["limit"]:
        yield f"\n**A quick run over the first {results['limit']} faces of each set, not the protocol.**"
    yield f"\n{results['machine']['packages']}.\n"
    yield (
        "Uint8 crops go through the application's own restorers, from the files that ship; rounded to 8 bits they are "
        "compared with their truth. The input is degraded by the paper's D with the picture's index as the seed. No "
        "network was trained or tuned on any of the sets. But the networks did not all see the same training faces and "
        "degradations: `models/README.md` says what each has seen. The metrics are defined in "
        "[results.md](results.md); ST-LPIPS is the shift-tolerant LPIPS (arXiv 2207.13686). Best of a column in bold.\n"
    )
    yield "## What each network costs\n"
    yield from _costs(results)
    for name, section in results["sets"].items():
        yield f"\n## `{name}`, {section['faces']} faces\n"
        days = sorted({date[:10] for date in section.get("dates", {}).values()}) or [results["date"][:10]]
        yield f"Measured on {', '.join(days)}. {section.get('note', '')}".strip() + "\n"
        yield from _scores(section["means"])
        yield "\n" + _winners(section["means"])
    yield "\n![some of these faces: input, every method, truth](figures/comparison.jpg)"
    if tasks := results["sub_tasks"]:
        yield from _sub_tasks(tasks, results["protocol"])
    yield "\n## Beside the paper's figures\n"
    yield (
        "The paper (arXiv 2606.06850) measures 300 images of its own choice that are not published, and no reading of "
        "its degradation that was tried gives its input row. So compare what a network adds to its input, not absolute "
        "values. PSNR in dB, LPIPS on AlexNet.\n"
    )
    yield from _beside_paper(results["sets"][results["protocol"]]["means"])
    yield (
        "\nGFPGAN-Lite, GPEN-Lite and CodeFormer-Lite are the paper's own reductions of those networks, which it does "
        "not publish: its figures for them stand there for comparison alone. HiFaceGAN's authors measure the full "
        "network, thirty times as large as the one here, on larger faces and degradations of their own. PFSRNet's "
        "authors print PSNR 23.432 and SSIM 0.684 for CelebA enlarged from 16 to 128 pixels; "
        "[super-resolution.md](super-resolution.md) has ours at that task, on other faces."
    )


def _sub_tasks(tasks: dict[str, dict[str, Any]], protocol: str) -> Iterator[str]:
    yield "\n## HiFaceGAN's sub-tasks\n"
    yield (
        "Five single degradations and FR, four of them in random order and strength (arXiv 2005.05005); the first "
        f"{next(iter(tasks.values()))['faces']} faces of `{protocol}`. Every cell: PSNR / LPIPS-A.\n"
    )
    means = {task: section["means"] for task, section in tasks.items()}
    rows = []
    for name in dict.fromkeys(name for rows in means.values() for name in rows):
        found = [rows.get(name) for rows in means.values()]  # a new network's are measured task by task
        cells = [f"{each['psnr']:.2f} / {each['lpips_alex']:.3f}" if each else "-" for each in found]
        rows.append((name, *cells))
    yield from table(("", *means), rows)


def _costs(results: dict[str, Any]) -> Iterator[str]:
    rows = []
    timing = results["timing"]
    for name, details in results["networks"].items():
        taken = timing.get("ms", {}).get(name, {})
        milliseconds = ", ".join(f"{p.upper()} {ms:.1f}" for p, ms in taken.items()) or "not measured"
        rows.append(
            (
                f"`{name}`",
                details["precision"].upper(),
                f"{details['parameters'] / 1e6:.2f} M",
                f"{details['macs'] / 1e9:.2f}",
                milliseconds,
                _trained(details),
            )
        )
    yield from table(("network", "measured in", "parameters", "GMAC", "ms a pass", "trained for"), rows)
    if timing:
        machine = timing["machine"]
        where = f"{machine['processor']} ({machine['instructions']}), {machine['cores']} cores"
        yield f"\nTimes: medians of one run on {timing['date']}, {where}, otherwise idle."


def _trained(details: dict[str, Any]) -> str:
    if not details.get("minutes"):
        return "not recorded"
    return f"{details['minutes']:.0f} minutes, {details['steps']} steps"


def _scores(means: dict[str, dict[str, float]]) -> Iterator[str]:
    best = {metric: _best(means, metric, more) for _, metric, _, more in COLUMNS}
    rows = []
    for name, figures in means.items():
        cells = []
        for _, metric, digits, _ in COLUMNS:
            value = figures.get(metric, math.nan)
            text = "-" if math.isnan(value) else f"{value:.{digits}f}"
            cells.append(f"**{text}**" if name == best[metric] else text)
        rows.append((name, *cells))
    yield from table(("", *(title for title, *_ in COLUMNS)), rows)


def _best(means: dict[str, dict[str, float]], metric: str, more: bool) -> str:
    found = {name: figures[metric] for name, figures in means.items() if metric in figures}
    if not found:
        return ""
    return (max if more else min)(found, key=lambda name: found[name])


def _winners(means: dict[str, dict[str, float]]) -> str:
    won: dict[str, list[str]] = {}
    for title, metric, _, more in COLUMNS:
        won.setdefault(_best(means, metric, more), []).append(title)
    return " ".join(f"{name} is best in {', '.join(titles)}." for name, titles in won.items() if name)


def _beside_paper(means: dict[str, dict[str, float]]) -> Iterator[str]:
    ours = [name for name in ("cfrnet", "cfrnet-rt") if f"{name} k = 1" in means]
    given, paper = means["input"], _PAPER[0]
    rows = []
    for title, k, psnr, _, lpips in _PAPER[1:]:
        row = [title, f"{psnr - paper[2]:+.2f} dB, {100 * (lpips / paper[4] - 1):+.0f} %"]
        for name in ours:
            if not k:
                row.append("-")
                continue
            at = means[f"{name} {k}"]
            row.append(
                f"{at['psnr'] - given['psnr']:+.2f} dB, {100 * (at['lpips_alex'] / given['lpips_alex'] - 1):+.0f} %"
            )
        rows.append(row)
    yield from table(("", "paper", *(f"`{name}`" for name in ours)), rows)
