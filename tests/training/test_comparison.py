"""The comparison runs the shipped restorers, and its page says who is best."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from app.core.types import Image
from app.faces.detector import FaceDetector
from app.restorers.store import MODELS_FOLDER, ModelStore
from training.degradation.models import PaperDegradation
from training.evaluation import comparison
from training.evaluation.comparison import (
    Method,
    bicubic,
    classical,
    compare,
    compare_networks,
    shipped_methods,
    simple_methods,
)
from training.evaluation.pages.comparison import COLUMNS, write_comparison
from training.evaluation.pages.figures import HEADING, PHOTO_SIDE, draw_comparison
from training.evaluation.test_sets import FaceFolder, find_evaluation_data, read_test_set
from training.metrics.scoring import Scorer

from .conftest import made_up_faces


def figures(psnr: float, alex: float) -> dict[str, float]:
    return {"psnr": psnr, "lpips_alex": alex}


@pytest.fixture
def results() -> dict[str, Any]:
    means = {"input": figures(20.0, 0.70)} | {
        f"cfrnet-rt k = {k}": figures(21.0 + k / 10, 0.5 - k / 10) for k in range(1, 5)
    }
    means["rival"] = figures(23.0, 0.45)
    network = {"precision": "int8", "parameters": 1.37e6, "macs": 1.96e9, "minutes": 414.7, "steps": 25915}
    return {
        "date": "2026-01-01", "limit": None, "networks": {"cfrnet-rt": network}, "timing": {},
        "machine": {"processor": "P", "instructions": "avx2", "cores": "2", "packages": "x 1"},
        "protocol": "faces300", "sets": {"faces300": {"faces": 300, "means": means}},
        "sub_tasks": {"blur": {"faces": 100, "means": means}},
    }  # fmt: skip


def test_the_page_names_a_rival_that_wins(results: dict[str, Any], tmp_path: Path) -> None:
    write_comparison(tmp_path / "comparison.md", results)
    page = (tmp_path / "comparison.md").read_text()
    assert "| rival | **23.00** | - | 0.450 |" in page
    assert "rival is best in PSNR. cfrnet-rt k = 4 is best in LPIPS-A." in page
    assert "Measured on 2026-01-01.\n" in page
    assert "| `cfrnet-rt` | INT8 | 1.37 M | 1.96 | not measured | 415 minutes, 25915 steps |" in page
    rows = results["sets"]["faces300"]["means"]
    results["sets"]["faces300"] |= {"note": "Of one origin.", "dates": {**dict.fromkeys(rows, "2026-01-01 10:00 UTC"),
                                                                        "rival": "2026-02-03 10:00 UTC"}}  # fmt: skip
    results["timing"] = {
        "date": "2026-01-02", "machine": results["machine"], "ms": {"cfrnet-rt": {"int8": 4.31, "fp32": 14.5}}
    }  # fmt: skip
    write_comparison(tmp_path / "comparison.md", results)
    page = (tmp_path / "comparison.md").read_text()
    assert "| 1.96 | INT8 4.3, FP32 14.5 |" in page
    assert "Measured on 2026-01-01, 2026-02-03. Of one origin.\n" in page
    assert "2026-01-02, P (avx2), 2 cores, otherwise idle" in page
    assert "| CFRNet k = 3 | +0.65 dB, -65 % | +1.30 dB, -71 % |" in page


def test_a_new_network_is_not_on_every_row_at_once(results: dict[str, Any], tmp_path: Path) -> None:
    means = results["sub_tasks"]["blur"]["means"]
    results["sub_tasks"] = {
        "noise": {"faces": 100, "means": means | {"new k = 1": figures(25.0, 0.2)}},
        "blur": {"faces": 100, "means": means},
    }
    write_comparison(tmp_path / "comparison.md", results)
    page = (tmp_path / "comparison.md").read_text()
    assert "| new k = 1 | 25.00 / 0.200 | - |" in page
    assert "| rival | 23.00 / 0.450 | 23.00 / 0.450 |" in page


def test_what_needs_no_network_keeps_the_size() -> None:
    face = made_up_faces(1)[0]
    for method in (bicubic, classical):
        assert method(face).shape == face.shape
        assert method(face).dtype == np.uint8
    flat = np.full_like(face, 90)
    np.testing.assert_array_equal(bicubic(flat), flat)


def test_a_shipped_network_gives_a_picture_for_each_of_its_cycles() -> None:
    methods = {method.name: method for method in shipped_methods(ModelStore())}
    method = methods["cfrnet-rt"]
    assert method.rows == tuple(f"cfrnet-rt k = {k}" for k in (1, 2, 3, 4))
    assert method.details["minutes"] > 300
    restored = method.restore(made_up_faces(1)[0])
    assert len(restored) == 4
    assert not np.array_equal(restored[0], restored[1])


def test_a_row_has_every_metric_of_the_page(shared: Path) -> None:
    detector = FaceDetector(*ModelStore().detector_paths())
    test = read_test_set(find_evaluation_data(shared / "data").faces["second"].folder, detector, 1)
    methods = [simple_methods()[0], *shipped_methods(ModelStore())[:1]]
    scorer = Scorer(shared / "weights", shift_tolerant=True)
    means = compare(methods, test.images, test.landmarks, PaperDegradation(), scorer, full=True, title="").means()
    assert set(means) == {"input", *(f"cfrnet-rt k = {k}" for k in (1, 2, 3, 4))}
    wanted = {metric for _, metric, _, _ in COLUMNS}
    assert all(wanted <= set(figures) for figures in means.values())
    assert means["cfrnet-rt k = 3"]["stlpips"] < means["input"]["stlpips"]
    few = compare(methods, test.images, test.landmarks, PaperDegradation(), scorer, full=False, title="").means()
    assert few == {row: {m: figures[m] for m in ("psnr", "lpips_alex")} for row, figures in means.items()}


def test_only_what_changed_is_measured_again(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole comparison on one face of every set, with methods that cost nothing; the second has no network."""
    measured: list[str] = []
    identity = "first"

    def method(name: str, identity: str) -> Method:
        def restore(crop: Image) -> list[Image]:
            measured.append(name)
            return [crop]

        return Method(name=name, rows=(name,), restore=restore, identity=identity)

    monkeypatch.setattr(comparison, "shipped_methods", lambda *_, **__: [])
    monkeypatch.setattr(comparison, "simple_methods", lambda: [method("input", ""), method("changed", identity)])
    monkeypatch.setattr(comparison, "_draw", lambda *_: None)

    def run(**options: bool) -> set[str]:
        measured.clear()
        compare_networks(
            models=MODELS_FOLDER, data=shared / "data", weights=shared / "weights", out=tmp_path, limit=1, **options
        )
        return set(measured)

    assert run() == {"input", "changed"}
    first = json.loads((tmp_path / "comparison.json").read_text())
    assert run() == set()
    earlier = json.loads((tmp_path / "comparison.json").read_text())
    for section in earlier["sets"].values():
        section["dates"] = dict.fromkeys(section["dates"], "of old")
    earlier["sets"]["a set of old"] = section
    (tmp_path / "comparison.json").write_text(json.dumps(earlier))
    identity = "second"
    assert run() == {"changed"}
    second = json.loads((tmp_path / "comparison.json").read_text())
    for place in find_evaluation_data(shared / "data").faces.values():
        section = second["sets"][place.name]
        assert section["note"] == place.note
        assert section["dates"] == {"input": "of old", "changed": second["date"]}
    assert second["sets"].keys() == first["sets"].keys(), "a set that is not listed any more is left out"
    assert all(second["sets"][name]["means"] == first["sets"][name]["means"] for name in first["sets"])
    assert run(afresh=True) == {"input", "changed"}


def test_figures_of_another_file_are_left_out_at_once() -> None:
    section = {"note": "n", "of": {"a": "1", "b": "1"}, "dates": {"a": "d", "b": "d"}, "means": {"a": {}, "b": {}}}
    place = FaceFolder(folder=Path("faces"))
    earlier = {
        "sets": {"faces": section, "withdrawn": section},
        "sub_tasks": {"blur": {"set": "faces", **section}, "noise": {"set": "others", **section}},
    }
    left = {"note": "n", "of": {"a": "1"}, "dates": {"a": "d"}, "means": {"a": {}}}
    assert comparison._still_valid(earlier, {"a": "1", "b": "2"}, {"protocol": place}) == {
        "sets": {"faces": left},
        "sub_tasks": {"blur": {"set": "faces", **left}},
    }
    assert comparison._still_valid({}, {"a": "1"}, {"protocol": place}) == {"sets": {}, "sub_tasks": {}}


def test_a_time_is_kept_as_long_as_its_file() -> None:
    earlier = {
        "networks": {name: {"sha256": name} for name in ("same", "published again", "withdrawn")},
        "timing": {"date": "today", "ms": {name: {"int8": 5.0} for name in ("same", "published again", "withdrawn")}},
    }
    now = {"same": {"sha256": "same"}, "published again": {"sha256": "other"}}
    assert comparison._kept_times(earlier, now) == {"date": "today", "ms": {"same": {"int8": 5.0}}}
    assert comparison._kept_times(earlier, {}) == comparison._kept_times({}, now) == {}


def test_a_sheet_names_every_method(tmp_path: Path) -> None:
    rows = np.stack([made_up_faces(3)] * 2)
    draw_comparison(tmp_path / "sheet.jpg", ["input", "network", "truth"], rows)
    height, width = cv2.imread(str(tmp_path / "sheet.jpg")).shape[:2]
    assert (width, height) == (2 * PHOTO_SIDE, 3 * (HEADING + PHOTO_SIDE))
