from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from app.core.errors import CameraOpenError, SourceOpenError
from app.core.settings import Settings
from app.sources.base import SourceKind, SourceSpec
from app.sources.camera import CAMERA, CameraDevice, CameraSource, search_camera
from app.sources.images import IMAGES, ImagesSource
from app.sources.registry import KINDS, open_source, parse_source
from app.sources.stream import STREAM, StreamSource
from app.sources.video import VIDEO, VideoSource

DEVICES = [
    CameraDevice(name=name, index=i, backend=0, path="") for i, name in enumerate(("Desk camera", "HD cam v1.2"))
]

_KINDS = (replace(CAMERA, search=partial(search_camera, enumeration=lambda: DEVICES)), *KINDS[1:])


def parse(text: str, settings: Settings | None = None) -> SourceSpec:
    return parse_source(text, settings or Settings(), kinds=_KINDS)


def test_nothing_is_the_first_camera_with_the_options_of_the_settings() -> None:
    settings = Settings(camera_size="1920x1080", camera_fps=60, mirror=False)
    assert parse("", settings) == SourceSpec(kind=CAMERA, address="", size=(1920, 1080), fps=60, mirror=False)


@pytest.mark.parametrize(
    ("text", "kind", "address"),
    [
        ("camera:Desk camera", "camera", "Desk camera"),
        ("camera:", "camera", ""),
        ("0", "camera", "0"),
        ("desk camera", "camera", "Desk camera"),
        ("HD cam v1.2", "camera", "HD cam v1.2"),
        ("http://10.0.0.5:8080/video", "stream", "http://10.0.0.5:8080/video"),
        ("rtsp://user:word@10.0.0.5/live", "stream", "rtsp://user:word@10.0.0.5/live"),
        ("  HTTP://HOST/video ", "stream", "HTTP://HOST/video"),
    ],
)
def test_names_numbers_and_addresses(text: str, kind: str, address: str) -> None:
    spec = parse(text)
    assert (spec.kind.name, spec.address) == (kind, address)


@pytest.mark.parametrize(("name", "kind"), [("a.mp4", VIDEO), ("a.PNG", IMAGES), ("a.xyz", VIDEO), ("12", VIDEO)])
def test_a_file_is_a_picture_or_a_video_by_its_suffix(tmp_path: Path, name: str, kind: SourceKind) -> None:
    (tmp_path / name).touch()
    assert parse(str(tmp_path / name)) == SourceSpec(kind=kind, address=str(tmp_path / name))


def test_a_folder_is_its_pictures(tmp_path: Path) -> None:
    assert parse(str(tmp_path)).kind is IMAGES


def test_a_dropped_file_address_is_a_path(tmp_path: Path) -> None:
    for name in ("holiday video ä.mp4", "100%41.mp4"):
        (tmp_path / name).touch()
        assert parse((tmp_path / name).as_uri()).address == str(tmp_path / name)


def test_a_name_that_begins_with_a_tilde_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, kind in (("~video.mp4", VIDEO), ("~picture.png", IMAGES)):
        Path(name).touch()
        assert parse(name) == SourceSpec(kind=kind, address=name)


@pytest.mark.parametrize(
    "text",
    [
        "absent.mp4",
        "~absent.mp4",
        "some/absent/folder",
        "gopher://host/video",
        "a letter, " * 500,
        "nul\0byte",
        "http://[::1/video",
        "http://host:port/video",
    ],
)
def test_what_is_not_there_is_refused_in_words(text: str) -> None:
    with pytest.raises(SourceOpenError) as refusal:
        parse(text)
    assert len(refusal.value.what) < 300


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(CameraOpenError, match="Desk camera"):
        parse("Kitchen camera")


@pytest.mark.parametrize(
    ("kind", "made"),
    [(CAMERA, CameraSource), (VIDEO, VideoSource), (IMAGES, ImagesSource), (STREAM, StreamSource)],
)
def test_a_spec_makes_its_source_without_opening_it(kind: SourceKind, made: type) -> None:
    assert isinstance(open_source(SourceSpec(kind=kind, address="http://x")), made)
