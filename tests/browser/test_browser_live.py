"""The live page in a real Chromium whose camera plays a video: it comes back with labels.

The shipped models judge a cartoon face, and a test photo where the public data is at hand.

Run: pytest tests/test_browser_live.py
"""

from __future__ import annotations

import base64
import io
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from app_server import CHROMIUM, CHROMIUM_OPTIONS, app_server
from cartoon_face import HEIGHT, WIDTH, cartoon
from PIL import Image

from maskwatch import Analyzer, MaskState
from maskwatch.app.catalogue import load_catalogue
from maskwatch.style import STYLES
from maskwatch.training.detector.holdout import holdout_names

if TYPE_CHECKING:
    from playwright.sync_api import FrameLocator, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

SHARED = Path(__file__).parents[2] / "shared" / "data"
FRAMES = 60
# it takes two or three seconds on two quiet cores; the machine may be busy
WAIT_S = 120
# what keeps a browser behind a strict firewall from connecting: there is no way but UDP
NO_UDP = (
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with app_server(tmp_path_factory.mktemp("server")) as address:
        yield address


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
                if right - left > 0.4 * photo.width:
                    return photo
    raise AssertionError("no test photo shows one large face with a mask")


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
    address: str, frames: list[np.ndarray], folder: Path, *options: str, width_px: int = 1100
) -> Iterator[Page]:
    """The live page in a Chromium whose camera plays these frames again and again."""
    from playwright.sync_api import sync_playwright

    camera = folder / "camera.mjpeg"
    with camera.open("wb") as file:
        for frame in frames:
            jpeg = io.BytesIO()
            Image.fromarray(frame).save(jpeg, "JPEG", quality=90)
            file.write(jpeg.getvalue())
    fake = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    arguments = (*CHROMIUM_OPTIONS, *fake, f"--use-file-for-fake-video-capture={camera}", *options)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(viewport={"width": width_px, "height": 900})
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{address}/live")
        yield page
        overhang = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        browser.close()
    assert overhang <= 0
    assert not problems


def press(page: Page, name: str) -> FrameLocator:
    player = page.frame_locator("iframe")
    player.get_by_role("button", name=name).click(timeout=30_000)
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
    address: str, frames: list[np.ndarray], folder: Path, state: MaskState, width_px: int = 1100
) -> None:
    """Soon after Start, the words are there and the border is on the video that comes back."""
    from playwright.sync_api import expect

    style = STYLES[state]
    with browsing(address, frames, folder, width_px=width_px) as page:
        spoken = page.get_by_role("status")
        status = spoken.filter(has_text=f"1 face: 1 {style.label.lower()}")
        for last in (False, True):  # seldom no connection comes up; a visitor would try again
            spoken.filter(has_text="The video is off.").evaluate("element => element.marked = true")
            player = press(page, "Start")
            try:
                expect(status).to_be_visible(timeout=WAIT_S * 1000)
                break
            except AssertionError:
                if last:
                    raise
                page.reload()
        # screen readers follow an element, not its words in another one
        assert status.evaluate("element => element.marked && element.ariaLive") == "polite"
        before, end_s = count_like(frames[0], style.colour), time.monotonic() + WAIT_S
        while count_like(shown := shown_frame(player), style.colour) < before + 500:
            assert time.monotonic() < end_s, "the border never shows"
            time.sleep(0.1)
        assert shown.shape == (HEIGHT, WIDTH, 3)
        press(page, "Stop")
        expect(page.get_by_text("The video is off.")).to_be_visible(timeout=WAIT_S * 1000)


@pytest.mark.parametrize(
    ("masked", "state", "width_px"),
    [(True, MaskState.MASK, 1100), (False, MaskState.NO_MASK, 375)],
)
def test_a_face_comes_back_with_its_label(
    address: str, tmp_path: Path, masked: bool, state: MaskState, width_px: int
) -> None:
    frames = swaying(Image.fromarray(cartoon(masked)))
    check_labelled(address, frames, tmp_path, state, width_px)


@pytest.mark.shared
def test_a_person_comes_back_with_a_label(
    address: str, tmp_path: Path, masked_photo: Image.Image
) -> None:
    check_labelled(address, swaying(masked_photo), tmp_path, MaskState.MASK)


def test_without_a_connection_it_says_why_and_takes_single_pictures(
    address: str, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    frames = swaying(Image.fromarray(cartoon(masked=True)))
    with browsing(address, frames, tmp_path, *NO_UDP) as page:
        press(page, "Start")
        expect(page.get_by_text("No video connection came up.")).to_be_visible(timeout=30_000)
        page.get_by_role("button", name="Take single pictures instead").click()
        # a press before the camera's first picture takes none
        page.wait_for_function("(document.querySelector('video') ?? {}).readyState >= 2")
        page.get_by_role("button", name="Take photo").click(timeout=20_000)
        expect(page.get_by_text("Result", exact=True)).to_be_visible(timeout=WAIT_S * 1000)
        expect(page.get_by_text("Mask worn", exact=True)).to_be_visible()


def test_both_pages_are_a_click_apart(address: str, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    with browsing(address, [cartoon(masked=True)], tmp_path) as page:
        page.get_by_role("link", name="Photo").click()
        expect(page.get_by_text("20MB per file")).to_be_visible(timeout=30_000)
        page.get_by_role("link", name="Live").click()
        expect(page.get_by_text("The video is off.")).to_be_visible(timeout=30_000)


def test_a_secret_file_sets_up_the_relay_server_and_no_browser_sees_the_secret(
    tmp_path: Path,
) -> None:
    from playwright.sync_api import expect, sync_playwright

    (tmp_path / ".streamlit").mkdir()
    secrets = tmp_path / ".streamlit" / "secrets.toml"
    secrets.write_text('TURN_URLS = "turn:127.0.0.1:9"\nTURN_SECRET = "between servers"\n')
    heard: list[str | bytes] = []
    with app_server(tmp_path) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        page = browser.new_page()
        page.on(
            "websocket", lambda socket: socket.on("framereceived", lambda part: heard.append(part))
        )
        page.goto(f"{address}/live")
        expect(page.get_by_text(load_catalogue("en").text("connection.relayed"))).to_be_visible(
            timeout=60_000
        )
        expect(page.frame_locator("iframe").get_by_role("button", name="Start")).to_be_visible()
        browser.close()
    everything = b"".join(part if isinstance(part, bytes) else part.encode() for part in heard)
    assert b"turn:127.0.0.1:9" in everything
    assert b"between servers" not in everything
