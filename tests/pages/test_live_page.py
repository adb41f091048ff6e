"""The live page's logic, without a browser: which words stand there, when, and what is offered.

Run: pytest tests/pages/test_live_page.py
"""

from __future__ import annotations

import itertools
import re
import time
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
import streamlit_webrtc
from PIL import Image
from streamlit.testing.v1 import AppTest
from support import bad_images, fakes
from support.toy_detector import write_toy_detector
from support.toy_model import RED, plain, write_toy_model

from maskwatch.app import browser_camera, consent, settings, views
from maskwatch.app import watcher as watcher_module
from maskwatch.app.i18n import load_catalogue
from maskwatch.app.views import live
from maskwatch.app.watcher import Failed, Watcher
from maskwatch.errors import StoreError
from maskwatch.live.counting import SessionCounts, Step
from maskwatch.live.events import Alarm
from maskwatch.schema import FaceVerdict, MaskState

ENGLISH = load_catalogue("en")
PAGE = Path(views.__file__).with_name("live.py")
TURN = {"TURN_URLS": "turn:turn.example.org", "TURN_SECRET": "do not tell"}


class Browser:
    """Stands in for the player and the browser behind it."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.error: Exception | None = None
        self.state = SimpleNamespace(playing=False, signalling=False)
        self.video_processor: Watcher | None = None

    def __call__(self, **asked: Any) -> Browser:
        self.asked = asked
        if self.error:
            raise self.error
        st.session_state[asked["key"]] = self
        return self

    def press_start(self) -> None:
        """The browser asks to be connected."""
        self.state.signalling = True
        self.video_processor = self.asked["video_processor_factory"]()

    def show(self, *faces: FaceVerdict) -> None:
        """These faces were seen just now."""
        self.press_start()
        now_s = time.monotonic()
        self.video_processor.last = fakes.judged(fakes.report(*faces), arrived_s=now_s)
        self._hear(now_s)

    def count(self, counts: SessionCounts, alarm: Alarm | None = None) -> None:
        """So many were counted, and this is to be warned of."""
        alarm = alarm or Alarm()
        self.show(*map(fakes.verdict, alarm.states))
        self.video_processor._counts = counts
        self.video_processor.alarm = alarm

    def stop(self) -> None:
        """The video ends."""
        self.state.signalling, self.video_processor = False, None

    def fail(self, words: str) -> None:
        """The analysis failed just now."""
        self.press_start()
        self.video_processor.last = Failed(time.monotonic(), words)
        self._hear(time.monotonic())

    def _hear(self, now_s: float) -> None:
        self.video_processor.received, self.video_processor._heard_s = 30, now_s


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Browser:
    st.cache_resource.clear()
    monkeypatch.setenv(settings.MODEL_VARIABLE, str(write_toy_model(tmp_path)))
    monkeypatch.setenv(settings.DETECTOR_VARIABLE, str(write_toy_detector(tmp_path)))
    monkeypatch.setenv(settings.STATISTICS_VARIABLE, str(tmp_path / "statistics.sqlite3"))
    browser = Browser()
    monkeypatch.setattr(streamlit_webrtc, "webrtc_streamer", browser)
    # what was shown just now stays new on a machine that stands still for some seconds
    monkeypatch.setattr(watcher_module, "STALE_S", 600.0)
    return browser


@pytest.fixture
def page(browser: Browser) -> AppTest:
    return run(AppTest.from_file(str(PAGE), default_timeout=120))


def run(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    """All that can be read on the page."""
    kinds = (page.markdown, page.caption, page.error, page.warning, page.info, page.get("html"))
    return " ".join(element.value for elements in kinds for element in elements)


def spoken(page: AppTest) -> str:
    """What a screen reader speaks when it changes."""
    assert any("polite" in html.value for html in page.get("html"))
    (told,) = (html.value for html in page.get("html") if 'class="told"' in html.value)
    return unescape(re.sub(r"<[^>]*>", " ", told))


def test_before_the_start_it_says_what_to_do_and_what_the_borders_mean(page: AppTest) -> None:
    assert "The video is off. Press Start" in spoken(page)
    for phrase in (
        "Mask worn incorrectly",
        "never saved",
        "Model: toy 1, ",
        ENGLISH.text("connection.direct"),
    ):
        assert phrase in words(page).replace("\\", "")
    assert not page.error and not page.warning


def test_in_a_local_network_no_third_party_is_asked(page: AppTest, browser: Browser) -> None:
    nobody = {"iceServers": []}
    assert browser.asked["rtc_configuration"] == nobody
    assert browser.asked["server_rtc_configuration"] == nobody
    assert browser.asked["media_stream_constraints"]["audio"] is False


def test_a_relay_server_comes_from_the_environment_and_is_not_shown(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in TURN.items():
        monkeypatch.setenv(name, value)
    page = run(AppTest.from_file(str(PAGE), default_timeout=120))
    servers = browser.asked["rtc_configuration"]["iceServers"]
    assert servers == browser.asked["server_rtc_configuration"]["iceServers"]
    assert servers[0]["urls"] == [TURN["TURN_URLS"]]
    assert ENGLISH.text("connection.relayed") in words(page)
    for secret in (TURN["TURN_SECRET"], servers[0]["username"], servers[0]["credential"]):
        assert secret not in repr(page)


def test_half_a_relay_server_is_one_message(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TURN_SECRET", TURN["TURN_SECRET"])
    page = run(AppTest.from_file(str(PAGE), default_timeout=120))
    (error,) = page.error
    assert "TURN_URLS: missing" in error.value.replace("\\", "")
    assert TURN["TURN_SECRET"] not in repr(page)
    assert not browser.asked


@pytest.mark.parametrize(
    ("faces", "spoken_words"),
    [
        ([], "0 faces"),
        ([MaskState.MASK], "1 face: 1 mask worn"),
        ([*MaskState, MaskState.MASK], "5 faces: 2 mask worn, 1 no mask, 1 mask worn incorrectly"),
    ],
)
def test_what_is_seen_is_told_in_words(
    page: AppTest, browser: Browser, faces: list[MaskState], spoken_words: str
) -> None:
    browser.show(*(fakes.verdict(state) for state in faces))
    assert spoken_words in spoken(run(page))
    assert "0 of 30 skipped" in words(page)


def test_a_failure_is_told_as_text(page: AppTest, browser: Browser) -> None:
    browser.fail("the *analysis* <b>failed</b>")
    assert "the *analysis* <b>failed</b>" in spoken(run(page))


def test_the_dial_reaches_the_watcher(page: AppTest, browser: Browser) -> None:
    browser.show()
    assert browser.video_processor.steadiness == 0.5
    page.slider[0].set_value(0.8).run()
    assert not page.exception
    assert browser.video_processor.steadiness == 0.8


@pytest.mark.parametrize("first", [0, 1])
def test_a_watcher_may_go_between_two_looks(
    page: AppTest, browser: Browser, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    browser.press_start()
    looks = itertools.cycle([browser.video_processor, None])
    monkeypatch.setattr(Browser, "video_processor", property(lambda _: next(looks)), raising=False)
    for _ in range(first):
        next(looks)
    assert not page.run().exception


@pytest.mark.parametrize(
    ("environment", "why"),
    [({}, ENGLISH.text("connection.why_direct")), (TURN, ENGLISH.text("connection.why_relayed"))],
)
def test_where_no_connection_comes_up_it_says_why_and_offers_single_pictures(
    page: AppTest,
    browser: Browser,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    why: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(browser_camera, "CONNECT_S", 600.0)
    browser.press_start()
    assert "Connecting" in spoken(run(page)) and not page.error
    monkeypatch.setattr(browser_camera, "CONNECT_S", 0.0)
    (error,) = run(page).error
    assert ENGLISH.text("connection.none") in error.value and why in error.value
    page.button[0].click().run()
    assert not page.exception
    assert page.toggle[0].value is True
    assert page.get("camera_input") and not page.error


def test_a_connection_that_cannot_be_tried_is_one_message(
    page: AppTest, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    browser.error = TimeoutError("turn.example.org")
    (error,) = run(page).error
    assert ENGLISH.text("connection.none") in error.value and "example" not in error.value
    assert "TimeoutError" in caplog.text
    page.button[0].click().run()
    assert page.get("camera_input") and not page.error


def test_a_single_picture_is_judged_like_a_photo(page: AppTest) -> None:
    page.toggle[0].set_value(True).run()
    assert "Mask worn incorrectly" in words(page)  # the legend
    content = bad_images.encoded("JPEG", Image.fromarray(plain(RED)))
    page.get("camera_input")[0].set_value(("picture.jpg", content, "image/jpeg")).run()
    assert not page.exception
    assert "<strong>Mask worn</strong> 100.0%" in words(page)
    assert len(page.get("image")) == 2


@pytest.mark.parametrize(
    ("url", "warnings"), [("http://127.0.0.1:8501", 0), ("http://10.0.0.1:8501/live", 1)]
)
def test_over_plain_http_it_says_that_no_camera_will_start(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, url: str, warnings: int
) -> None:
    monkeypatch.setattr(type(st.context), "url", url)
    page = run(AppTest.from_file(str(PAGE), default_timeout=120))
    assert [warning.value for warning in page.warning] == [
        ENGLISH.text("connection.no_camera_here")
    ] * warnings


def test_a_missing_model_is_one_message(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(settings.MODEL_VARIABLE, "gone.onnx")
    page = run(AppTest.from_file(str(PAGE), default_timeout=120))
    (error,) = page.error
    assert "gone.onnx" in error.value.replace("\\", "")
    assert not browser.asked


COUNTED = SessionCounts(
    in_view={MaskState.MASK: 2},
    people={MaskState.MASK: 1234, MaskState.NO_MASK: 5},
    face_s={MaskState.MASK: 30.0, MaskState.NO_MASK: 10.0, MaskState.UNSURE: 60.0},
    steps=(Step(3, 0.25), Step(5, 1.0)),
    step_index=6,
)


def test_before_anybody_is_seen_there_are_no_numbers(page: AppTest, browser: Browser) -> None:
    assert "<table" not in words(page)
    browser.show()
    assert "<table" not in words(run(page)) and not page.get("vega_lite_chart")


def test_people_are_counted_and_compliance_is_told_in_words_and_as_a_line(
    page: AppTest, browser: Browser
) -> None:
    browser.count(COUNTED)
    table = next(html.value for html in run(page).get("html") if "<table" in html.value)
    cells = re.findall(r"<td style[^>]*>([^<]*)</td>", table)
    assert cells == ["2", "1,234", "0", "5", "0", "0", "0", "0"]
    assert "worn **75%** of the time faces were visible" in words(page)
    assert "lowest 25%, highest 100%, latest 100%" in words(page)
    (chart,) = page.get("vega_lite_chart")
    assert "lowest 25%" in str(chart.proto)
    browser.stop()
    cells = re.findall(r"<td style[^>]*>([^<]*)</td>", words(run(page)))
    assert cells == ["0", "1,234", "0", "5", "0", "0", "0", "0"]  # for a last look


@pytest.mark.parametrize(
    ("states", "banners"),
    [
        ((), []),
        ((MaskState.NO_MASK,), ["has no mask"]),
        ((MaskState.NO_MASK, MaskState.INCORRECT_MASK), ["has no mask", "a mask incorrectly"]),
    ],
)
def test_a_violation_is_told_by_a_banner_unless_it_is_not_wanted(
    page: AppTest, browser: Browser, states: tuple[MaskState, ...], banners: list[str]
) -> None:
    browser.count(COUNTED, Alarm(states, len(states)))
    told = spoken(run(page))
    assert told.count("Someone in view") == len(banners)
    assert all(banner in told for banner in banners)
    page.toggle(live.BANNER).set_value(False)
    assert "Someone in view" not in spoken(run(page))


def test_no_banner_says_what_the_count_does_not(page: AppTest, browser: Browser) -> None:
    """The alarm may be of another frame than the one that is shown."""
    browser.show(fakes.verdict(MaskState.MASK))
    browser.video_processor.alarm = Alarm((MaskState.NO_MASK,), 1)
    assert "someone" not in spoken(run(page)).lower()
    browser.video_processor.alarm = Alarm((), 1, (MaskState.NO_MASK,))
    assert ENGLISH.text("warned_before.no_mask") in spoken(run(page))
    browser.show(fakes.verdict(MaskState.NO_MASK))
    browser.video_processor.alarm = Alarm((), 1, (MaskState.NO_MASK,))
    assert "someone" not in spoken(run(page)).lower()


def test_what_to_change_about_the_camera_is_told(page: AppTest, browser: Browser) -> None:
    browser.show(fakes.verdict(MaskState.MASK))
    closer, dark = (ENGLISH.text(f"view_check.{name}") for name in ("closer", "dark"))
    assert closer not in words(run(page))
    browser.video_processor._check.hints = ("closer", "dark")
    assert f"{closer}  \n{dark}" in words(run(page))


def rung(page: AppTest) -> int:
    """The number that makes a sound whenever it is another than before; 0 makes none."""
    scripts = " ".join(html.value for html in run(page).get("html"))
    return int(re.search(r"const wanted = (\d+);", scripts)[1])


def test_it_sounds_only_where_that_is_wanted_and_once_for_each_ring(
    page: AppTest, browser: Browser
) -> None:
    browser.count(COUNTED, Alarm((MaskState.NO_MASK,), 1))
    assert rung(page) == 0
    page.toggle(live.SOUND).set_value(True)
    first = rung(page)  # as a sample
    assert first > 0 and rung(page) == first
    browser.video_processor.alarm = Alarm((MaskState.NO_MASK,), 2)
    assert rung(page) == first + 1 == rung(page)
    browser.stop()
    assert rung(page) == first + 1
    browser.count(COUNTED)
    assert rung(page) == first + 1
    browser.video_processor.alarm = Alarm((MaskState.INCORRECT_MASK,), 1)
    assert rung(page) == first + 2


def test_statistics_are_off_until_they_are_switched_on_and_the_page_says_so(
    page: AppTest, browser: Browser, tmp_path: Path
) -> None:
    kept = ENGLISH.text("consent.only_counts", minutes=20)
    browser.show()
    run(page)
    assert browser.video_processor.counter is None
    assert kept not in words(page)
    page.toggle(consent.KEEP).set_value(True)
    assert kept in words(run(page))
    counter = browser.video_processor.counter
    assert counter is not None
    run(page)
    assert browser.video_processor.counter is counter
    page.toggle(consent.KEEP).set_value(False)
    assert kept not in words(run(page))
    assert browser.video_processor.counter is None
    assert not list(tmp_path.glob("statistics*"))


def test_statistics_that_cannot_be_kept_are_one_message_and_the_video_goes_on(
    page: AppTest, browser: Browser, tmp_path: Path
) -> None:
    (tmp_path / "statistics.sqlite3").mkdir()
    page.toggle(consent.KEEP).set_value(True)
    browser.show()
    run(page)
    for time_s in range(3):
        report = fakes.report(fakes.tracked())
        browser.video_processor.counter.add(report, time_s)
    with pytest.raises(StoreError):
        consent.statistics_writer().flush()
    (warning,) = run(page).warning
    assert ENGLISH.text("store_faults.unavailable") in warning.value
    assert str(tmp_path) not in warning.value
    assert "0 faces" in spoken(page)
    (tmp_path / "statistics.sqlite3").rmdir()
    consent.statistics_writer().flush()
    assert not run(page).warning
