"""What holds for every output of the registry: the contract of `Output` and of its descriptor."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.core.errors import OutputError, SettingError
from app.core.settings import Settings
from app.outputs.base import Output, OutputContext, OutputDescriptor
from app.outputs.compose import compose
from app.outputs.fanout import FanOut
from app.outputs.registry import OUTPUTS, descriptor
from app.ui.style.icons import pixmap
from tests.outputs.frames import restored, views, wait_for_state
from tests.outputs.virtual_device import StoringBackend

ROOT = Path(__file__).parents[2]
MakeOutput = Callable[[], Output]

pytestmark = pytest.mark.usefixtures("no_thread_is_left", "camera_backend")


@pytest.fixture(params=OUTPUTS, ids=lambda entry: entry.name)
def entry(request: pytest.FixtureRequest) -> OutputDescriptor:
    return request.param


@pytest.fixture
def make_output(entry: OutputDescriptor, tmp_path: Path) -> Iterator[MakeOutput]:
    """Makes the output as a session does; a port is free, a microphone is not asked for."""
    settings = Settings(stream_address="127.0.0.1:0", record_sound=False)
    made: list[Output] = []

    def make() -> Output:
        context = OutputContext(size=(320, 180), fps=30.0, folder=tmp_path / "out", on_error=lambda error: None)
        made.append(entry.create(settings, context))
        return made[-1]

    yield make
    for output in made:
        output.stop()


def test_it_is_described(entry: OutputDescriptor, qapp: object) -> None:
    assert entry.label
    assert entry.needs
    assert not pixmap(entry.icon, "#ffffff", 18, 1.0).isNull()
    assert descriptor(entry.name) is entry
    for view in set(entry.views) - {"two-files"}:
        assert compose(restored(), view, 0.5).size > 0


def test_it_starts_shows_frames_and_stops(make_output: MakeOutput) -> None:
    output = make_output()
    output.start()
    for index in range(5):
        output.put(views(index))
    wait_for_state(output, lambda state: state.status == "live")
    assert output.state().detail
    assert output.state().error is None
    output.stop()
    assert output.state().status == "stopped"


def test_stopping_is_final_and_may_be_repeated(make_output: MakeOutput) -> None:
    output = make_output()
    output.start()
    output.stop()
    output.stop()
    output.put(views())
    assert output.state().status == "stopped"


def test_it_stops_before_it_was_started(make_output: MakeOutput) -> None:
    output = make_output()
    output.stop()
    assert output.state().status == "stopped"


def test_handing_over_frames_never_waits(make_output: MakeOutput) -> None:
    output = make_output()
    output.start()
    began = time.perf_counter()
    for index in range(300):
        output.put(views(index, size=(64, 48)))
    assert time.perf_counter() - began < 9.0, "pacing 300 frames takes ten seconds"


def test_two_can_follow_each_other(make_output: MakeOutput) -> None:
    for _ in range(2):
        output = make_output()
        output.start()
        output.put(views())
        wait_for_state(output, lambda state: state.status == "live")
        output.stop()


def test_names_are_unique_and_unknown_ones_are_refused() -> None:
    assert len({entry.name for entry in OUTPUTS}) == len(OUTPUTS)
    with pytest.raises(SettingError, match="no output called telepathy"):
        descriptor("telepathy")


def test_listing_the_outputs_loads_no_heavy_library() -> None:
    program = "import sys, app.outputs.registry; print([m for m in ('cv2', 'av', 'pyvirtualcam') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


class Listener:
    """An output of a test's own that notes what it gets."""

    def __init__(self) -> None:
        self.views: list[object] = []
        self.running = False

    def start(self) -> None:
        self.running = True

    def put(self, views: object) -> None:
        self.views.append(views)

    def state(self) -> object:
        return "live"

    def stop(self) -> None:
        self.running = False


def fan_of(*listeners: Listener) -> FanOut:
    """The first keeps every frame, the others are live."""
    fan = FanOut()
    for entry, listener in zip(OUTPUTS, listeners, strict=False):
        fan.start(entry, listener)  # type: ignore[arg-type]
    return fan


def put(fan: FanOut, index: int = 0) -> None:
    fan.put(restored(index), view="split", split=0.5, captions=False)


def test_a_view_is_composed_once_and_shared() -> None:
    first, second = Listener(), Listener()
    fan = fan_of(first, second)
    put(fan)
    shared = first.views[0]
    assert shared is second.views[0]
    assert shared.image("split") is shared.image("split")  # type: ignore[attr-defined]
    pictures: list[object] = []
    threads = [
        threading.Thread(target=lambda: pictures.append(shared.image("side-by-side")))  # type: ignore[attr-defined]
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(picture) for picture in pictures}) == 1


def test_a_card_is_shown_to_live_outputs_alone_until_frames_come_again() -> None:
    video, live = Listener(), Listener()
    fan = fan_of(video, live)
    put(fan, 1)
    fan.show_card("Paused")
    put(fan, 2)
    assert [entry.restored.frame.index for entry in video.views] == [1, 2]  # type: ignore[attr-defined]
    assert len(live.views) == 2
    assert live.views[1].image("split").shape == (180, 320, 3)  # type: ignore[attr-defined]
    fan.show_card("")
    put(fan, 3)
    assert live.views[2].restored.frame.index == 3  # type: ignore[attr-defined]


def test_one_that_is_started_later_gets_the_picture_of_now() -> None:
    fan = FanOut()
    put(fan, 7)
    late = Listener()
    fan.start(OUTPUTS[1], late)  # type: ignore[arg-type]
    assert [entry.restored.frame.index for entry in late.views] == [7]  # type: ignore[attr-defined]
    with pytest.raises(OutputError, match="on already"):
        fan.start(OUTPUTS[1], Listener())  # type: ignore[arg-type]
    fan.close()
    assert not late.running
    assert fan.states() == {}


def test_an_output_that_cannot_start_is_not_kept() -> None:
    class Broken(Listener):
        def start(self) -> None:
            raise OutputError("It is broken.")

    fan = FanOut()
    with pytest.raises(OutputError, match="broken"):
        fan.start(OUTPUTS[0], Broken())  # type: ignore[arg-type]
    assert fan.states() == {}
    assert StoringBackend.opened == []
