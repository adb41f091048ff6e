"""The live page in a real Chromium whose camera plays a video: it comes back with labels.

The shipped models judge a cartoon face, and a test photo where the public data is at hand.

Run: pytest tests/browser/test_browser_live.py
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from support.app_server import app_server
from support.cartoon_face import HEIGHT, WIDTH, cartoon
from support.chromium import CHROMIUM, chromium_with, go_to, new_page, new_visitor, play
from support.paths import ROOT
from support.waiting import until

from maskwatch import Analyzer, MaskState
from maskwatch.app.i18n import load_catalogue
from maskwatch.io.style import STYLES
from maskwatch.training.data.holdout import holdout_names

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FrameLocator, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

SHARED = ROOT.parent / "shared" / "data"
FRAMES = 20
# what keeps a browser behind a strict firewall from connecting: there is no way but UDP
NO_UDP = (
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
)


@pytest.fixture
def address(pages: str) -> str:
    return pages


@pytest.fixture(scope="module")
def masked_photo() -> Image.Image:
    """A test photo of one person near the camera, with a mask."""
    if not (SHARED / "voc-853").is_dir():
        pytest.skip("no public data in ../shared")
    analyzer = Analyzer(detector_side_px=384)  # sees large faces, quickly
    for name in sorted(holdout_names()):
        if name.startswith("voc-853/"):
            faces = analyzer.analyze(SHARED / name).faces
            photo = Image.open(SHARED / name).convert("RGB")
            if len(faces) == 1 and faces[0].state is MaskState.MASK:
                left, _, right, _ = faces[0].box_xyxy
                if right - left > 0.3 * photo.width and _shows_one(analyzer, photo):
                    return photo
    raise AssertionError("no test photo shows one large face with a mask")


def _shows_one(analyzer: Analyzer, photo: Image.Image) -> bool:
    """Whether every frame shows one face; masks for sale beside a person can look like one."""
    return all(len(analyzer.analyze(frame).faces) == 1 for frame in swaying(photo))


def swaying(picture: Image.Image) -> list[np.ndarray]:
    """The picture on a grey wall, going to and fro: the frames of a loop."""
    picture = picture.resize((round(picture.width * HEIGHT / picture.height), HEIGHT))
    frames = []
    for index in range(FRAMES):
        wall = Image.new("RGB", (WIDTH, HEIGHT), (120, 130, 140))
        shift_px = 20 * math.sin(2 * math.pi * index / FRAMES)
        wall.paste(picture, (round((WIDTH - picture.width) / 2 + shift_px), 0))
        frames.append(np.asarray(wall))
    return frames


@contextmanager
def browsing(
    chromium: Browser, address: str, width_px: int = 1280, path: str = "live", script: str = ""
) -> Iterator[Page]:
    """The live page, for a new visitor who lets it see what the camera shows.

    Args:
        chromium: its camera shows it.
        address: of the pages.
        width_px: of the window.
        path: of the page.
        script: run in the page before its own.
    """
    size = {"width": width_px, "height": 812 if width_px < 700 else 800}
    visitor = new_visitor(chromium, viewport=size, permissions=["camera"])
    page = visitor.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.add_init_script(script)
    page.goto(f"{address}/{path}")
    try:
        yield page
        overhang = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    finally:
        visitor.close()
    assert overhang <= 0
    assert not problems


def press(page: Page, name: str) -> FrameLocator:
    player = page.frame_locator("iframe")
    player.get_by_role("button", name=name).click()
    return player


def shown_frame(player: FrameLocator) -> np.ndarray:
    """What the browser shows of the video that came back, (H, W, 3)."""
    url = player.locator("video").evaluate(
        """video => {
            const canvas = document.createElement('canvas');
            canvas.width = video.videoWidth;
            canvas.height = video.videoHeight;
            canvas.getContext('2d').drawImage(video, 0, 0);
            return canvas.toDataURL('image/png');
        }"""
    )
    content = base64.b64decode(url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def count_like(image_rgb: np.ndarray, colour: tuple[int, int, int]) -> int:
    """Pixels of about this colour; compression shifts it."""
    return int((np.abs(image_rgb.astype(int) - colour).max(axis=2) < 40).sum())


def check_labelled(
    chromium: Browser, address: str, frame: np.ndarray, state: MaskState, width_px: int = 1280
) -> None:
    """Soon after Start, the words are there and the border is on the video that comes back.

    Args:
        chromium: its camera shows this frame.
        address: of the pages.
        frame: of the video that is sent.
        state: of the one face on it.
        width_px: of the window.
    """
    from playwright.sync_api import expect

    style = STYLES[state]
    with browsing(chromium, address, width_px) as page:
        spoken = page.get_by_role("status")
        status = spoken.filter(has_text=f"1 face: 1 {style.label.lower()}")
        for last in (False, True):  # seldom no connection comes up; a visitor would try again
            # until then the page may still be made anew, with other elements
            page.frame_locator("iframe").get_by_role("button", name="Start").wait_for()
            page.locator("[data-test-script-state=notRunning]").wait_for()
            spoken.filter(has_text="The video is off.").evaluate("element => element.marked = true")
            player = press(page, "Start")
            try:
                expect(status).to_be_visible()
                break
            except AssertionError:
                if last:
                    raise
                page.reload()
        # screen readers follow an element, not its words in another one
        assert status.evaluate("element => element.marked && element.ariaLive") == "polite"
        wanted_px = count_like(frame, style.colour) + 500

        def shows_border() -> bool:
            shown = shown_frame(player)  # smaller for a moment, where the machine is busy
            whole = shown.shape == (HEIGHT, WIDTH, 3)
            return whole and count_like(shown, style.colour) >= wanted_px

        until(shows_border, "the border")
        for element in (player.get_by_role("button", name="Stop"), status):  # on the first screen
            place = element.bounding_box()
            assert place["y"] + place["height"] <= page.viewport_size["height"]
        press(page, "Stop")
        expect(page.get_by_text("The video is off.")).to_be_visible()


@pytest.mark.parametrize(
    ("masked", "state", "width_px"),
    [(True, MaskState.MASK, 1280), (False, MaskState.NO_MASK, 375)],
)
def test_a_face_comes_back_with_its_label(
    chromium: Browser, camera: Path, address: str, masked: bool, state: MaskState, width_px: int
) -> None:
    frames = swaying(Image.fromarray(cartoon(masked)))
    play(camera, frames)
    check_labelled(chromium, address, frames[0], state, width_px)


@pytest.mark.shared
def test_a_person_comes_back_with_a_label(
    chromium: Browser, camera: Path, address: str, masked_photo: Image.Image
) -> None:
    frames = swaying(masked_photo)
    play(camera, frames)
    check_labelled(chromium, address, frames[0], MaskState.MASK)


def test_without_a_connection_it_says_why_and_takes_single_pictures(
    chromium: Browser, camera: Path, address: str
) -> None:
    from playwright.sync_api import expect

    play(camera, [cartoon(masked=True)])
    with (
        chromium_with(chromium.browser_type, camera, *NO_UDP) as walled,
        browsing(walled, address) as page,
    ):
        press(page, "Start")
        expect(page.get_by_text("No video connection could be made.")).to_be_visible()
        expect(page.locator("iframe")).to_have_count(0)  # the browser itself takes over
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("status").filter(has_text="1 face: 1 mask worn")).to_be_visible()
        page.get_by_role("button", name="Use snapshots instead").click()
        # a press before the camera's first picture takes none
        page.wait_for_function("(document.querySelector('video') ?? {}).readyState >= 2")
        page.get_by_role("button", name="Take photo").click()
        expect(page.get_by_text("Result", exact=True)).to_be_visible()
        expect(page.get_by_text("Mask worn", exact=True)).to_be_visible()


def test_both_pages_are_a_click_apart(chromium: Browser, address: str) -> None:
    with browsing(chromium, address) as page:
        go_to(page, "Photo", page.get_by_text(load_catalogue("en").text("photo.upload")))
        go_to(page, "Live", page.get_by_text("The video is off."))


def test_a_secret_file_sets_up_the_relay_server_and_no_browser_sees_the_secret(
    chromium: Browser, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    (tmp_path / ".streamlit").mkdir()
    secrets = tmp_path / ".streamlit" / "secrets.toml"
    secrets.write_text('TURN_URLS = "turn:127.0.0.1:9"\nTURN_SECRET = "between servers"\n')
    heard: list[str | bytes] = []
    with app_server(tmp_path) as address:
        page = new_page(chromium)
        page.on(
            "websocket", lambda socket: socket.on("framereceived", lambda part: heard.append(part))
        )
        page.goto(f"{address}/live")
        expect(page.get_by_text(load_catalogue("en").text("connection.relayed"))).to_be_visible()
        expect(page.frame_locator("iframe").get_by_role("button", name="Start")).to_be_visible()
        page.close()
    everything = b"".join(part if isinstance(part, bytes) else part.encode() for part in heard)
    assert b"turn:127.0.0.1:9" in everything
    assert b"between servers" not in everything


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("NotAllowedError", "refused"), ("NotReadableError", "busy"), ("NotFoundError", "missing")],
)
@pytest.mark.parametrize("language", ["en", "id"])
def test_a_page_without_a_camera_says_why(
    chromium: Browser, address: str, fault: str, reason: str, language: str
) -> None:
    from playwright.sync_api import expect

    say = load_catalogue(language)
    refuse = f"() => Promise.reject(new DOMException('Permission denied', '{fault}'))"
    script = f"navigator.mediaDevices.getUserMedia = {refuse}"
    path = f"live?lang={language}"
    with browsing(chromium, address, path=path, script=script) as page:
        off = page.get_by_text(say.text("live.off"))
        expect(off).to_be_visible()
        player = press(page, say.text("live.start"))
        expect(page.get_by_text(say.text(f"camera.{reason}"))).to_be_visible()
        expect(off).to_be_hidden()
        expect(player.get_by_text(fault)).to_be_hidden()
        for other in {"refused", "busy", "missing"} - {reason}:
            expect(page.get_by_text(say.text(f"camera.{other}"))).to_be_hidden()
        page.get_by_role("button", name=say.text("live.take_stills")).click()
        still = page.get_by_role("switch", name=say.text("live.still"))
        expect(still.or_(page.get_by_label(say.text("live.still")))).to_be_checked()
