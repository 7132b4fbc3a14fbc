"""Writing docs/results.md from the figures of `training.evaluation.evaluate`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from app.media.files import replace_text

_QUALITY = (("PSNR", "psnr", 2), ("SSIM", "ssim", 3), ("LPIPS-A", "lpips_alex", 3), ("LPIPS-V", "lpips_vgg", 3))
_MORE = (
    ("FED", "identity", 3), ("LLE %", "landmarks", 2), ("NIQE", "niqe", 2),
    ("red", "red", 2), ("green", "green", 2), ("blue", "blue", 2), ("grid %", "checkerboard", 1),
)  # fmt: skip
_METRICS = """\
- **PSNR** in dB over all RGB channels. **SSIM** on RGB, 7x7 uniform window, data range 255 (scikit-image).
- **LPIPS-A**, **LPIPS-V**: LPIPS v0.1 on AlexNet and on VGG16, lower is better. Training uses VGG16's features, so
  the AlexNet figure is the independent one and stands first.
- **step**: root mean square of x_(k+1) - x_k on the [-1, 1] scale, averaged over the faces: how far the next cycle
  would still move.
- **FED**: Euclidean distance between the unit MobileFaceNet embeddings of result and truth (0 the same, about 1.4
  unrelated).
- **LLE**: mean distance of 68 PFLD landmarks from those of the truth, in percent of the truth's outer-eye distance.
- **NIQE**: naturalness without a truth, lower is better, over the four 96x96 blocks that a 256x256 face holds; the row
  "truth" is what the untouched photographs score.
- **red, green, blue**: mean of result minus truth, signed, of 255.
- **grid**: by how many percent the strongest of the four pixel phases of a 4-pixel grid stands out in the mean luma
  difference of neighbours. JPEG blocks add to it: compare with the truth.
- **ms**: median of one cycle on one face. The network is the same at every k, so k cycles cost k times as much.

Every metric but the step is taken on pictures rounded to 8 bits, as they are shown; between cycles values stay
float32."""


def write_page(path: Path, results: dict[str, Any]) -> None:
    """Write the page of an evaluation to `path`, whole or not at all."""
    replace_text(path, "\n".join(_page(results)) + "\n")


def _page(results: dict[str, Any]) -> Iterator[str]:
    test, means = results["protocol"], results["protocol"]["means"]
    yield f"# Results: {results['network']}\n"
    yield "Written by `python -m training evaluate`; do not edit by hand."
    yield "The method is arXiv 2606.06850's."
    if results["limit"]:
        yield f"\n**A quick run over the first {results['limit']} faces of each set, not the protocol.**"
    yield "\n## What was measured, and on what\n"
    yield from table(
        ("file", "SHA-256", "MB"),
        [(m["file"], f"`{m['sha256']}`", f"{m['bytes'] / 1e6:.2f}") for m in results["models"].values()],
    )
    yield "\nSections may be of different days and machines; INT8 gives the same pictures with VNNI and without.\n"
    yield from _circumstances(results["measured"])
    yield (
        "\n"
        f"Test set: `{test['set']}`, {test['faces']} photographs of 256x256 in the order of their names, degraded by "
        "the paper's D (blur sigma 1 to 15, bicubic down by 1 to 12 and up again, noise sigma 0 to 20, JPEG 30 to 90), "
        "seeded with the picture's index. No network was trained or tuned on it. The ONNX files run in ONNX Runtime as "
        f"they are shipped. FED is aligned by the detector's landmarks of the truth; it found {test['found']} of the "
        "faces, any other is taken to lie on the template."
    )
    yield "\n## Targets\n"
    yield from table(
        ("", "paper (its own 300 images)", "wanted", "here", ""),
        [(t["what"], t["paper"], t["wanted"], t["found"], _VERDICTS[t["reached"]]) for t in results["targets"]],
    )
    yield "\n## Quality at every k\n"
    yield from _quality("int8", means, results["timing"])
    yield ""
    yield from _quality("fp32", means, results["timing"])
    yield "\n" + _timing(results["timing"])
    yield "\n![perception against distortion](figures/perception-distortion.png)\n"
    yield "![input, k = 1..4, truth](figures/faces.jpg)\n"
    yield "Faces are taken evenly from the set, not chosen. The four worst by LPIPS-A at k = 3:\n"
    yield "![the worst four](figures/worst.jpg)\n"
    yield "## More about the INT8 network\n"
    yield from table(
        ("k", *(title for title, _, _ in _MORE)),
        [(label, *_cells(means[name], _MORE)) for label, name in _states(means, with_truth=True)],
    )
    yield "\nFED and LLE of the truth are 0 by definition.\n"
    yield "## By strength of the degradation (INT8)\n"
    yield from _strength(test["strength"])
    yield "\n## A clean face\n"
    yield "PSNR(G^k(y), y) in dB: an undegraded face goes in, and what comes out is compared with it.\n"
    yield from table(
        ("", "k = 1", "k = 2", "k = 3"),
        [(p.upper(), *(f"{row[f'k{k}']:.2f}" for k in (1, 2, 3))) for p, row in test["clean"].items()],
    )
    yield "\n## INT8 minus FP32\n"
    yield from _delta(means)
    for name, section in _SECTIONS.items():
        if name in results:
            yield from section(results[name])
        else:
            yield f"\n_Left out of this run: {name}._"
    yield "\n## How the metrics are defined\n"
    yield _METRICS


def _circumstances(measured: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Say when and where the sections were measured, those of one occasion in one line."""
    occasions: dict[tuple[str, ...], list[str]] = {}
    for section, at in measured.items():
        machine = at["machine"]
        where = f"{machine['processor']} ({machine['instructions']}), {machine['cores']} cores"
        key = at["date"][:10], where, machine["packages"], _bfloat16(at["bfloat16"])
        occasions.setdefault(key, []).append(section)
    rows = [(", ".join(sections), *key) for key, sections in occasions.items()]
    yield from table(("sections", "measured", "processor", "libraries", "precision of the metrics"), rows)


_VERDICTS = {True: "reached", False: "**missed**", None: "not measured"}


def _quality(precision: str, means: dict[str, dict[str, float]], timing: dict[str, Any]) -> Iterator[str]:
    cycle = timing.get("cycles", {}).get(precision)
    rows = []
    for label, name in _states(means, precision):
        k = 0 if name == "input" else int(label)
        step = means.get(f"{precision} step{k}", {}).get("step", math.nan)
        spent = f"{k * cycle['median_ms']:.1f}" if cycle else "-"
        rows.append((label, *_cells(means[name], _QUALITY), _number(step, 4), spent))
    yield f"**{precision.upper()}**\n"
    yield from table(("k", *(title for title, _, _ in _QUALITY), "step", "ms"), rows)


def _strength(thirds: dict[str, Any]) -> Iterator[str]:
    metrics = [m for m in _QUALITY if m[1] != "ssim"]
    rows = []
    for name, third in thirds.items():
        what = f"{name}: {third['faces']} faces, mean sigma {third['blur_sigma']:.1f}, down by {third['ratio']:.1f}"
        for label, key in _states(third["means"]):
            if label != "5":
                rows.append((what, label, *_cells(third["means"][key], metrics)))
                what = ""
    yield from table(("third", "k", *(title for title, _, _ in metrics)), rows)


def _delta(means: dict[str, dict[str, float]]) -> Iterator[str]:
    rows = []
    for label, name in _states(means):
        if name != "input":
            exact = means[f"fp32 k{label}"]
            rows.append((label, *(f"{means[name][m] - exact[m]:+.{digits + 1}f}" for _, m, digits in _QUALITY)))
    yield from table(("k", *(title for title, _, _ in _QUALITY)), rows)


def _calibration(section: dict[str, Any]) -> Iterator[str]:
    yield "\n## Calibration methods\n"
    yield (
        "Each method quantizes the same FP32 file as `publish` does, with the same calibration faces; judged on "
        f"{section['faces']} faces of the **validation** split, where the choice is made. Cells: k = 1 / 2 / 3.\n"
    )
    columns = [m for m in _QUALITY if m[1] != "ssim"]
    rows = [
        (name, *(" / ".join(f"{at[f'k{k}'][m]:.{digits + 1}f}" for k in (1, 2, 3)) for _, m, digits in columns))
        for name, at in section["means"].items()
    ]
    yield from table(("method", *(title for title, _, _ in columns)), rows)


def _second(section: dict[str, Any]) -> Iterator[str]:
    means = section["means"]
    yield "\n## Second test set (INT8)\n"
    yield f"`{section['set']}`, {section['faces']} faces, same degradation and seeds. {section['note']}\n"
    columns = (*_QUALITY, *(m for m in _MORE if m[1] in ("identity", "landmarks", "niqe")))
    yield from table(
        ("k", *(title for title, _, _ in columns)),
        [(label, *_cells(means[name], columns)) for label, name in _states(means)],
    )


def _conditions(section: list[dict[str, Any]]) -> Iterator[str]:
    yield "\n## Other conditions (INT8)\n"
    yield (
        "The picture's index is the seed everywhere. *Call D*: the aligned crop 70 to 190 pixels wide in the frame, "
        "optics, sensor noise, five or six frames of H.264, VP8, VP9 or MJPEG at a low rate, cut by the "
        "application's warp. *Webcam D*: milder, no video codec, no face left clean. *Eyes*: mean CIEDE2000 colour "
        "difference in boxes on the irises. *LPIPS-A saved*: percent of the input's.\n"
    )
    columns = (*(m for m in _QUALITY if m[1] != "ssim"), ("eyes", "eyes", 2))
    rows = []
    for condition in section:
        means = condition["means"]
        what = f"{condition['title']}, `{condition['set']}` ({condition['faces']})"
        for name, figures in means.items():
            saved = 100.0 * (1.0 - figures["lpips_alex"] / means["input"]["lpips_alex"])
            label = name.removeprefix("k")
            rows.append((what, label, *_cells(figures, columns), "" if name == "input" else f"{saved:.1f} %"))
            what = ""
    yield from table(("condition", "k", *(title for title, _, _ in columns), "LPIPS-A saved"), rows)


def _photos(section: dict[str, Any]) -> Iterator[str]:
    yield "\n## Real photographs (INT8)\n"
    yield "Really degraded pictures without a truth: up to four faces of each found, aligned and restored; a square"
    yield "picture without a detectable face is taken as aligned already. NIQE, mean over the faces:\n"
    yield from table(
        ("pictures", "faces", *("input" if k == 0 else f"k = {k}" for k in range(5))),
        [
            (f"{kind} ({row['pictures']})", row["faces"], *(f"{row['means'][f'k{k}']['niqe']:.2f}" for k in range(5)))
            for kind, row in section.items()
        ],
    )
    yield "\n![real photographs: input, k = 1..3](figures/photos.jpg)"


def _video(section: dict[str, Any]) -> Iterator[str]:
    yield "\n## Flicker of videos (INT8)\n"
    yield (
        "Mean absolute change of still pixels from frame to frame, of 255, on the largest face of each video, every "
        "frame restored by itself and the place of the crop held still. Still: the input's change, averaged over 5x5 "
        "pixels, is at most 2 of 255 in every channel. More than the input's means that restoring adds flicker. The "
        "constants of steadiness were chosen on these videos ([steadiness](decisions/steadiness.md), "
        "[flat places](decisions/flat-places.md)), so that they are no test of it.\n"
    )
    yield from table(
        ("video", "frames", "input", "k = 1", "k = 2", "k = 3"),
        [
            (video, row["frames"], *(_number(row[name], 2) for name in ("input", "k1", "k2", "k3")))
            for video, row in section.items()
        ],
    )


_STEADINESS = (
    ("PSNR", "psnr", 2), ("LPIPS-A", "lpips_alex", 3), ("sharpness %", "sharpness", 1), ("warping error", "warping", 2),
    ("TLME %", "landmark_speed", 2), ("flicker", "flicker", 2), ("cycles", "cycles", 2),
)  # fmt: skip


def steadiness_lines(section: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the tables of `training.evaluation.videos.steadiness`."""
    yield "\n## Steadiness (INT8)\n"
    yield (
        f"Written by `python -m training steadiness` on {section['date']} for the file `{section['model'][:16]}…`. "
        f"{section['clips']} sharp videos of talking people, degraded as by a call (seed = index: reduced, blurred, "
        "new noise in every frame, H.264) and tracked as in the application; means over the videos. Blur is steady "
        "too: flicker, warping error and TLME count only beside PSNR, LPIPS and sharpness. The constants of steadiness "
        "were chosen on these videos and on those above.\n"
    )
    yield from table(
        ("", *(title for title, _, _ in _STEADINESS)),
        [
            (name, *_cells({**figures, "psnr": math.nan} if name == "truth" else figures, _STEADINESS))
            for name, figures in section["calls"].items()
        ],
    )
    yield (
        "\n**sharpness**: mean gradient in percent of the truth's. **warping error**: mean difference, of 255, from "
        "the frame before moved along the truth's optical flow (DIS), occlusions left out. **TLME**: by how much 68 "
        "landmarks move otherwise from frame to frame than the truth's, in percent of the outer-eye distance. "
        "**flicker**: still pixels' change as above, but on tracked crops, so not comparable with the table above. "
        "**cycles**: a frame, on average.\n\nFlicker of the videos above, with and without:\n"
    )
    names = [name for name in next(iter(section["videos"].values()), {}) if name != "input"]
    yield from table(
        ("video", "input", *names),
        [(video, *(_number(row[name], 2) for name in ("input", *names))) for video, row in section["videos"].items()],
    )


def half_lines(section: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the section of `training.evaluation.half`."""
    means = section["means"]
    cycles = sorted(int(name.removeprefix("fp16 k")) for name in means if name.startswith("fp16 k"))
    yield "\n## FP16 minus FP32\n"
    yield (
        f"Written by `python -m training half` on {section['date']}: {section['network']}, converted as for an "
        f"accelerator from `{section['model'][:16]}…`, on the first {section['faces']} faces of `{section['set']}`. "
        "Computed on a processor, with every intermediate image rounded to FP16; an accelerator may add in another "
        "order. Difference: mean, of 255, before rounding to 8 bits.\n"
    )
    rows = []
    for k in cycles:
        half, exact = means[f"fp16 k{k}"], means[f"fp32 k{k}"]
        changes = (f"{half[m] - exact[m]:+.{digits}f}" for m, digits in (("psnr", 4), ("lpips_alex", 5)))
        rows.append((k, *changes, f"{half['difference']:.3f}"))
    yield from table(("k", "PSNR", "LPIPS-A", "difference"), rows)


def replace_section(path: Path, lines: Sequence[str]) -> None:
    """Put `lines`, which begin with an empty line and a heading, into the page at `path` in place of that section.

    A page without the section gets it before its last one. Nothing happens without a page.
    """
    if not path.exists():
        return
    heading = next(line for line in "\n".join(lines).splitlines() if line)
    parts = re.split(r"^(?=## )", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    new = "\n".join(lines).strip() + "\n\n"
    places = [place for place, part in enumerate(parts) if part.startswith(heading + "\n")]
    if places:
        parts[places[0]] = new
    else:
        parts.insert(len(parts) - 1, new)
    replace_text(path, "".join(parts))


_SECTIONS: dict[str, Callable[[Any], Iterator[str]]] = {
    "second": _second,
    "conditions": _conditions,
    "photos": _photos,
    "video": _video,
    "steadiness": steadiness_lines,
    "half": half_lines,
    "calibration": _calibration,
}


def _timing(timing: dict[str, Any]) -> str:
    if not timing:
        return "ms was not measured: that takes an idle machine and `--timing`."
    machine, cycle = timing["machine"], timing["cycles"]["int8"]
    return (
        f"ms: median of {cycle['cycles']} cycles on {timing['date']}, {cycle['threads']} threads of "
        f"{machine['processor']} ({machine['instructions']}); just before, other programs used "
        f"{cycle['busy_percent']:.0f} % of the cores."
    )


def _bfloat16(state: dict[str, Any]) -> str:
    if state["mean_difference"] is None:
        return "All metrics in float32."
    used = "computed in bfloat16" if state["used"] else "computed in float32, because bfloat16 differed too much"
    difference = f"mean absolute difference on the first faces: {state['mean_difference']:.5f}"
    return f"LPIPS-V {used} ({difference}), the rest in float32."


def _states(
    means: dict[str, dict[str, float]], precision: str = "int8", *, with_truth: bool = False
) -> list[tuple[str, str]]:
    """Return (label, name) of the input, every measured k, and the truth if wanted."""
    cycles = sorted(name for name in means if name.startswith(f"{precision} k"))
    states = [("input", "input"), *((name.removeprefix(f"{precision} k"), name) for name in cycles)]
    return [*states, ("truth", "truth")] if with_truth else states


def _cells(figures: dict[str, float], columns: Iterable[tuple[str, str, int]]) -> list[str]:
    return [_number(figures.get(metric, math.nan), digits) for _, metric, digits in columns]


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    yield "| " + " | ".join(headings) + " |"
    yield "|" + " --- |" * len(headings)
    for row in rows:
        yield "| " + " | ".join(map(str, row)) + " |"
