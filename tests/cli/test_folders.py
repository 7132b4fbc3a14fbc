"""`restore` on a folder: names and subfolders stay, one bad file does not stop the others, and the end says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.batch.engine import run_job
from app.batch.jobs.events import ItemDone, JobEvent, JobReport
from app.batch.jobs.job import Job
from app.batch.jobs.plan import Item, plan
from app.batch.watch import FolderWatch
from app.core.errors import UnreadableMediaError
from tests.cli.helpers import Cli, difference, leftovers, read
from tests.media_files import write_video

Pixels = NDArray[np.uint8]


def save(path: Path, image: Pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


def test_names_and_subfolders_are_kept(cli: Cli, tmp_path: Path, portrait: Pixels, landscape: Pixels) -> None:
    album = tmp_path / "album"
    save(album / "one.png", portrait)
    save(album / "trip" / "two.jpg", landscape)
    write_video(album / "trip" / "three.mp4", [np.ascontiguousarray(portrait[:320, :400])] * 3)
    (album / "notes.txt").write_text("not a picture")
    answer = cli("restore", album, tmp_path / "new", "--k", 1, "--json")
    assert answer.code == 0
    assert leftovers(tmp_path / "new") == ["one.png", "trip/three.mp4", "trip/two.jpg"]
    assert difference(read(tmp_path / "new" / "one.png"), portrait).max() > 0
    assert [entry["frames"] for entry in answer.document["files"]] == [1, 3, 1]
    assert "3 of 3 files restored" in answer.err
    assert "left alone: 1 other file: notes.txt" in answer.err


def test_a_video_that_can_only_be_read_becomes_matroska(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    pictures = [np.ascontiguousarray(portrait[:320, :400])] * 3
    (tmp_path / "album").mkdir()
    for name, codec in (("old.avi", "mpeg4"), ("web.webm", "libvpx")):
        write_video(tmp_path / "album" / name, pictures, codec=codec)
    assert cli("restore", tmp_path / "album", tmp_path / "new", "--k", 1).code == 0
    assert leftovers(tmp_path / "new") == ["old.avi.mkv", "web.webm.mkv"]


def test_a_bad_file_does_not_stop_the_others(cli: Cli, tmp_path: Path, landscape: Pixels) -> None:
    album = tmp_path / "album"
    save(album / "a.png", landscape)
    (album / "b.jpg").write_bytes(b"no picture")
    (album / "c.mp4").write_bytes(b"")
    save(album / "d.png", landscape)
    answer = cli("restore", album, tmp_path / "new", "--json")
    assert answer.code == 1
    assert leftovers(tmp_path / "new") == ["a.png", "d.png"]
    assert [line.split(":")[1].strip() for line in answer.errors] == ["b.jpg", "c.mp4"]
    assert "2 of 4 files restored, 2 failed" in answer.err
    assert [("error" in entry) for entry in answer.document["files"]] == [False, True, True, False]


@pytest.mark.parametrize("content", [[], ["letter.txt"]])
def test_a_folder_without_pictures(cli: Cli, tmp_path: Path, content: list[str]) -> None:
    (tmp_path / "album").mkdir()
    for name in content:
        (tmp_path / "album" / name).write_text("nothing to see")
    answer = cli("restore", tmp_path / "album", tmp_path / "new")
    assert answer.code == 1
    assert "album" in answer.errors[0]
    assert not (tmp_path / "new").exists()


def test_results_inside_the_input_are_not_restored_again(cli: Cli, tmp_path: Path, landscape: Pixels) -> None:
    save(tmp_path / "album" / "a.png", landscape)
    for _ in range(2):
        assert cli("restore", tmp_path / "album", tmp_path / "album" / "restored").code == 0
    assert leftovers(tmp_path / "album") == ["a.png", "restored/a.png"]


def test_what_is_there_already_is_kept_and_the_rest_is_restored(
    cli: Cli, tmp_path: Path, portrait: Pixels, landscape: Pixels
) -> None:
    save(tmp_path / "album" / "a.png", portrait)
    save(tmp_path / "album" / "b.png", landscape)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "a.png").write_bytes(b"precious")
    answer = cli("restore", tmp_path / "album", tmp_path / "new", "--k", 1)
    assert answer.code == 0
    assert "already there, kept: 1 of 2 files, first a.png" in answer.err
    assert (tmp_path / "new" / "a.png").read_bytes() == b"precious"
    assert np.array_equal(read(tmp_path / "new" / "b.png"), landscape)
    assert cli("restore", tmp_path / "album", tmp_path / "new", "--k", 1, "--overwrite").code == 0
    assert read(tmp_path / "new" / "a.png").shape == portrait.shape


def test_a_folder_is_never_written_over_itself(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    source = save(tmp_path / "album" / "a.png", portrait)
    before = source.read_bytes()
    answer = cli("restore", tmp_path / "album", f"{tmp_path}/album/../album")
    assert answer.code == 1
    assert source.read_bytes() == before


def test_a_folder_is_not_restored_into_one_that_holds_it(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    save(tmp_path / "photos" / "2020" / "a.png", portrait)
    answer = cli("restore", tmp_path / "photos" / "2020", tmp_path / "photos")
    assert answer.code == 1
    assert "holds the input" in answer.err
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["2020"]


def test_a_folder_does_not_go_into_a_file(cli: Cli, tmp_path: Path, landscape: Pixels) -> None:
    save(tmp_path / "album" / "a.png", landscape)
    (tmp_path / "new").write_text("precious")
    assert cli("restore", tmp_path / "album", tmp_path / "new").code == 1
    assert (tmp_path / "new").read_text() == "precious"


def crop_of(portrait: Pixels) -> Pixels:
    """The portrait's face roughly as the FFHQ template has it."""
    return cv2.resize(portrait[15:200, 132:317], (256, 256), interpolation=cv2.INTER_CUBIC)


def test_aligned_crops_become_png(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    crop = crop_of(portrait)
    save(tmp_path / "crops" / "00001.png", crop)
    save(tmp_path / "crops" / "00002.jpg", crop)
    save(tmp_path / "crops" / "more" / "00003.webp", cv2.resize(crop, (512, 512)))
    answer = cli("restore", tmp_path / "crops", tmp_path / "new", "--aligned", "--k", 2, "--json")
    assert answer.code == 0
    assert leftovers(tmp_path / "new") == ["00001.png", "00002.jpg.png", "more/00003.webp.png"]
    results = [read(path) for path in sorted((tmp_path / "new").rglob("*.png"))]
    assert all(result.shape == (256, 256, 3) for result in results)
    assert all(2 < difference(result, crop).mean() < 40 for result in results)
    assert answer.document["stages"]["cycle_2"]["frames"] == 3


def test_an_aligned_crop_is_what_the_network_gives(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    from app.restorers.store import ModelStore

    crop = crop_of(portrait)
    save(tmp_path / "crops" / "a.png", crop)
    assert cli("restore", tmp_path / "crops", tmp_path / "new", "--aligned", "--k", 3, "--precision", "fp32").code == 0
    expected = ModelStore().create_restorer("cfrnet-rt", "fp32").restore(crop, k=3).image
    assert (read(tmp_path / "new" / "a.png") == expected).all()


def test_every_shipped_network_restores_aligned_faces_by_its_name_alone(
    cli: Cli, tmp_path: Path, portrait: Pixels
) -> None:
    """Precision and number of passes are then what ships and what the network is made for."""
    from app.restorers.store import ModelStore

    crop = crop_of(portrait)
    save(tmp_path / "crops" / "a.png", crop)
    for shipped in ModelStore().restorers():
        answer = cli(
            "restore", tmp_path / "crops", tmp_path / shipped.name, "--aligned", "--restorer", shipped.name, "--json"
        )
        assert answer.code == 0
        assert answer.document["settings"]["restorer"] == shipped.name
        assert answer.document["settings"]["k"] == shipped.family.default_k
        assert answer.document["settings"]["precision"] in shipped.precisions
        expected = ModelStore().create_restorer(shipped.name).restore(crop, k=shipped.family.default_k).image
        assert difference(read(tmp_path / shipped.name / "a.png"), expected).max() <= 2


def test_a_crop_that_is_not_square_is_no_aligned_face(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    save(tmp_path / "crops" / "a.png", portrait[:, :300])
    answer = cli("restore", tmp_path / "crops", tmp_path / "new", "--aligned")
    assert answer.code == 1
    assert "300x512" in answer.errors[0]


def test_two_crops_of_one_stem_are_both_written(cli: Cli, tmp_path: Path, portrait: Pixels) -> None:
    save(tmp_path / "crops" / "a.png", crop_of(portrait))
    save(tmp_path / "crops" / "a.jpg", crop_of(portrait))
    answer = cli("restore", tmp_path / "crops", tmp_path / "new", "--aligned")
    assert answer.code == 0
    assert leftovers(tmp_path / "new") == ["a.jpg.png", "a.png"]


def after_each_file(patched: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Have `act` called whenever the command line has restored a file."""

    def run(job: Job, **options: Any) -> JobReport:
        def on_event(event: JobEvent) -> None:
            options["on_event"](event)
            if isinstance(event, ItemDone):
                act()

        return run_job(job, **{**options, "on_event": on_event})

    patched.setattr("app.cli.restore.run_job", run)


def test_retry_tries_a_file_that_failed_once_more(
    cli: Cli, tmp_path: Path, landscape: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = save(tmp_path / "album" / "b.png", landscape).with_name("a.png")
    late.write_bytes(b"not yet")
    after_each_file(monkeypatch, lambda: save(late, landscape))
    answer = cli("restore", tmp_path / "album", tmp_path / "new", "--k", 1, "--workers", 1, "--retry")
    assert (answer.code, answer.errors) == (0, [])
    assert leftovers(tmp_path / "new") == ["a.png", "b.png"]


def test_a_watched_file_is_restored_again_after_it_failed_in_between(
    cli: Cli, tmp_path: Path, landscape: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in" / "a.png"
    source.parent.mkdir()
    newest = np.ascontiguousarray(landscape[:40, :60])

    def scripted(job: Job, restore: Callable[[list[Item]], None], wait: object, tell: object) -> None:
        for content in (landscape, None, newest):
            if content is None:
                source.write_bytes(b"half")
            else:
                cv2.imwrite(str(source), content)
            restore(plan(job.input, job.output, aligned=False))

    monkeypatch.setattr("app.cli.restore.watch", scripted)
    assert cli("restore", source.parent, tmp_path / "out", "--watch", "--k", 1).code == 0
    assert np.array_equal(read(tmp_path / "out" / "a.png"), newest)


@pytest.mark.parametrize(("failed_scans", "as_address"), [(0, False), (0, True), (2, False)])
def test_watching_survives_failed_scans_and_ends_with_its_summary(
    cli: Cli, tmp_path: Path, landscape: Pixels, monkeypatch: pytest.MonkeyPatch, failed_scans: int, as_address: bool
) -> None:
    for name in ("a.png", "b.png"):
        save(tmp_path / "in" / name, landscape[:40, :60])
    gone = UnreadableMediaError("The server is gone.")
    script: list[type[BaseException] | BaseException | None] = [None, *[gone] * failed_scans, None, KeyboardInterrupt]
    steps, arrived = iter(script), FolderWatch.arrived

    def scripted(self: FolderWatch) -> list[Item]:
        if (step := next(steps)) is not None:
            raise step
        return arrived(self)

    monkeypatch.setattr(FolderWatch, "arrived", scripted)
    monkeypatch.setattr("app.batch.watch.POLL_S", 0.01)
    folder = (tmp_path / "in").as_uri() if as_address else tmp_path / "in"
    answer = cli("restore", folder, tmp_path / "out", "--watch", "--k", 1, "--workers", 1)
    assert (answer.code, answer.errors) == (0, ["error: The server is gone."] if failed_scans else [])
    assert "2 of 2 files restored" in answer.err
    assert leftovers(tmp_path / "out") == ["a.png", "b.png"]


@pytest.mark.parametrize(("words", "resumed"), [([], [True, False]), (["--fresh"], [False, False])])
def test_the_same_command_goes_on_and_fresh_begins_anew(
    cli: Cli, tmp_path: Path, landscape: Pixels, monkeypatch: pytest.MonkeyPatch, words: list[str], resumed: list[bool]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    for name in ("a.png", "b.png"):
        save(tmp_path / "album" / name, landscape)
    command = ("restore", tmp_path / "album", tmp_path / "new", "--k", 1, "--workers", 1, "--json")
    with monkeypatch.context() as patched:
        after_each_file(patched, interrupt)
        assert cli(*command).code == 130
    answer = cli(*command, *words)
    assert answer.code == 0
    assert [entry.get("resumed", False) for entry in answer.document["files"]] == resumed
    assert leftovers(tmp_path / "new") == ["a.png", "b.png"]
