"""WS /v1/stream against a real server: the newest frame wins, and each connection is by itself.

Run: pytest tests/process/test_service_stream.py
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from support import bad_images
from support.service_server import GatedAnalyzer, Running, held_picture, png, running
from support.toy_detector import crowd
from support.toy_model import BLUE, GREEN, RED
from support.waiting import LIMIT_S, until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from maskwatch import Stream
from maskwatch.schema import FrameReport, MaskState
from maskwatch.service.engine import SwitchCounter

from support.fakes import tracked  # isort: skip

FACE = crowd((3, 2, RED))
NOBODY = np.full((300, 400, 3), 128, np.uint8)


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory: pytest.TempPathFactory) -> GatedAnalyzer:
    return GatedAnalyzer(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="module")
def service(analyzer: GatedAnalyzer) -> Iterator[Running]:
    """One for all tests that leave it as it was."""
    with running(analyzer, body_bytes=500_000, image_pixels=200_000) as service:
        yield service


def opened(service: Running) -> AbstractContextManager[ClientConnection]:
    address = service.url.replace("http", "ws") + "/v1/stream"
    return connect(address, compression=None)


def ask(socket: ClientConnection, content: bytes, time_s: float | None = None) -> dict[str, Any]:
    """Send a frame and wait for its answer."""
    if time_s is not None:
        socket.send(json.dumps({"time_s": time_s}))
    socket.send(content)
    answer: dict[str, Any] = json.loads(socket.recv(LIMIT_S))
    return answer


def test_answers_what_a_stream_of_ones_own_says(service: Running) -> None:
    frames = [FACE, NOBODY, FACE, crowd((3, 2, GREEN)), crowd((4, 2, GREEN), (16, 3, BLUE))]
    stream = Stream(service.engine.analyzer)
    with opened(service) as socket:
        for index, image_rgb in enumerate(frames):
            time_s = 100 + index / 10
            answer = ask(socket, png(image_rgb), time_s)
            expected = json.loads(json.dumps(stream.update(image_rgb, time_s).to_dict()))
            about = {name: answer.pop(name) for name in ("time_s", "frame", "dropped")}
            assert about == {"time_s": time_s, "frame": index, "dropped": 0}
            assert answer.pop("latency_ms") > 0
            assert answer == expected
            FrameReport.from_dict(answer)


@pytest.mark.parametrize("name", ["plain.jpg", "plain.png", "plain.webp"])
def test_takes_every_kind_of_file(service: Running, name: str) -> None:
    with opened(service) as socket:
        assert ask(socket, bad_images.FINE[name]())["image_size_wh"] == [60, 40]


def test_without_times_those_of_arrival_count(service: Running) -> None:
    with opened(service) as socket:
        times_s = [ask(socket, png(FACE))["time_s"] for _ in range(3)]
    assert times_s == sorted(times_s)
    assert times_s[0] < times_s[2]


def test_the_newest_frame_wins_and_the_others_are_counted(service: Running) -> None:
    before = service.metric("dropped_frames_total")
    service.gate.shut()
    with opened(service) as socket:
        socket.send(png(held_picture()))
        service.gate.await_one()  # the first is being judged
        for _ in range(4):
            socket.send(png(NOBODY))
        socket.send(png(FACE))
        until(lambda: service.metric("dropped_frames_total") == before + 4, "four are dropped")
        service.gate.open()
        first, last = json.loads(socket.recv(LIMIT_S)), json.loads(socket.recv(LIMIT_S))
        assert (first["frame"], first["dropped"], first["faces"]) == (0, 0, [])
        assert (last["frame"], last["dropped"]) == (5, 4)
        assert len(last["faces"]) == 1
        assert ask(socket, png(NOBODY))["frame"] == 6


def test_each_connection_has_a_stream_of_its_own(service: Running) -> None:
    with opened(service) as one, opened(service) as other:
        for index in range(5):
            mine = ask(one, png(FACE), index / 10)
            yours = ask(other, png(crowd((3, 2, GREEN))), index / 10)
            assert (mine["frame"], yours["frame"]) == (index, index)
        assert [face["track_id"] for face in mine["faces"] + yours["faces"]] == [1, 1]
        assert [face["state"] for face in mine["faces"] + yours["faces"]] == ["mask", "no_mask"]
    with opened(service) as later:
        assert ask(later, png(FACE), 1.0)["faces"][0]["state"] != "no_mask"


def test_a_broken_frame_does_not_end_the_stream(service: Running) -> None:
    with opened(service) as socket:
        ask(socket, png(FACE), 0.0)
        for index, name in enumerate(bad_images.BAD, start=1):
            make, reason = bad_images.BAD[name]
            answer = ask(socket, make(), index / 10)
            assert reason.replace("89 mega", "0.2 mega") in answer["error"]
            assert answer["frame"] == index
            assert "faces" not in answer
        assert ask(socket, png(FACE), 2.0)["faces"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.0",
        "[]",
        "{}",
        "null",
        '{"time": 1}',
        '{"time_s": "now"}',
        '{"time_s": null}',
        '{"time_s": NaN}',
        '{"time_s": Infinity}',
        '{"time_s": 1' + "0" * 400 + "}",
        '{"time_s": 1, "url": "http://x"}',
        "[" * 100_000,
    ],
)
def test_a_message_that_says_nothing_ends_it(service: Running, text: str) -> None:
    with opened(service) as socket:
        socket.send(text)
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(LIMIT_S)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1008
    assert caught.value.rcvd.reason == 'a text message must be {"time_s": seconds}'


@pytest.mark.parametrize("times_s", [(1.0, None), (None, 1.0)])
def test_two_clocks_in_one_stream_end_it(
    service: Running, times_s: tuple[float | None, float | None]
) -> None:
    with opened(service) as socket:
        ask(socket, png(FACE), times_s[0])
        with pytest.raises(ConnectionClosed, match="a time with every frame or with none"):
            ask(socket, png(FACE), times_s[1])


def test_a_frame_that_is_too_large_ends_it(service: Running) -> None:
    with opened(service) as socket:
        with pytest.raises(ConnectionClosed) as caught:
            ask(socket, bytes(500_001))
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009


def test_a_client_that_hangs_up_frees_its_place(service: Running) -> None:
    service.gate.shut()
    with opened(service) as socket:
        socket.send(png(held_picture()))
        service.gate.await_one()
        socket.send(png(FACE))
        until(lambda: service.engine.sessions.taken == 1, "those of other tests are over")
        socket.socket.close()
    until(lambda: service.engine.sessions.taken == 0, "its place is free")
    service.gate.open()
    with opened(service) as socket:
        assert ask(socket, png(FACE))["faces"]


def test_where_no_stream_is_it_is_counted_as_refused(service: Running) -> None:
    with pytest.raises(InvalidStatus) as caught:
        connect(service.url.replace("http", "ws") + "/nowhere")
    assert caught.value.response.status_code == 403
    until(lambda: service.metric("requests_total", route="none", status="403") == 1, "counted")


def test_more_streams_than_can_be_borne_are_refused(analyzer: GatedAnalyzer) -> None:
    with running(analyzer, sessions=1) as service:
        with opened(service) as socket:
            ask(socket, png(FACE))
            with pytest.raises(InvalidStatus) as caught, opened(service):
                pass
            response = caught.value.response
            assert response.status_code == 503
            assert response.headers["retry-after"] == "1"
            assert json.loads(response.body or b"")["type"] == "busy"
            assert ask(socket, png(FACE))["frame"] == 1
        until(lambda: service.engine.sessions.taken == 0, "its place is free")
        with opened(service) as socket:
            assert ask(socket, png(FACE))["frame"] == 0


def test_a_stream_lasts_longer_than_a_client_may_take_to_ask_for_it(
    analyzer: GatedAnalyzer,
) -> None:
    # it is asked for within this, also on a machine that stands still for some seconds
    with running(analyzer, header_s=5) as service, opened(service) as socket:
        began_s = time.monotonic()
        ask(socket, png(FACE))
        until(lambda: time.monotonic() > began_s + 6, "the time for headers is over")
        assert ask(socket, png(FACE))["frame"] == 1


def test_a_stream_without_frames_is_closed(analyzer: GatedAnalyzer) -> None:
    with (
        running(analyzer, idle_s=0.2) as service,
        opened(service) as socket,
        pytest.raises(ConnectionClosed, match="no frame for too long"),
    ):
        socket.recv(LIMIT_S)


def test_streams_are_told_when_the_service_ends(analyzer: GatedAnalyzer) -> None:
    with running(analyzer) as service, opened(service) as socket:
        ask(socket, png(FACE))
        service.server.stop()
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(LIMIT_S)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1012


class Broken(GatedAnalyzer):
    """Fails in a way that nobody foresaw."""

    def find_live(self, image_rgb: Any, window_xyxy: Any = None) -> Any:
        if image_rgb.shape[1] == self.WIDTH_PX:
            raise ZeroDivisionError("secret /tmp/frame.png")
        return super().find_live(image_rgb, window_xyxy)


def test_a_fault_of_ours_ends_it_without_saying_what(tmp_path: Any) -> None:
    with running(Broken(tmp_path)) as service:
        with opened(service) as socket:
            ask(socket, png(FACE))
            with pytest.raises(ConnectionClosed) as caught:
                ask(socket, png(held_picture()))
            assert caught.value.rcvd is not None
            assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1011, "internal")
        until(lambda: "ZeroDivisionError" in service.log.getvalue(), "it is logged")
        with opened(service) as socket:
            assert ask(socket, png(FACE))["faces"]


def test_what_streams_do_is_counted(analyzer: GatedAnalyzer) -> None:
    with running(analyzer) as service:
        with opened(service) as socket:
            for index in range(30):
                colour = RED if index < 10 else GREEN
                answer = ask(socket, png(crowd((3, 2, colour))), index / 10)
            assert answer["faces"][0]["state"] == "no_mask"
            ask(socket, b"no picture", 3.0)
            assert service.metric("sessions") == 1
        until(lambda: service.engine.sessions.taken == 0, "it is over")
        until(
            lambda: service.metric("requests_total", route="/v1/stream", status="101") == 1,
            "it is counted",
        )
        assert service.metric("images_total", door="stream", outcome="judged") == 30
        assert service.metric("images_total", door="stream", outcome="unreadable") == 1
        seen = {
            state: service.metric("faces_total", door="stream", state=state) for state in MaskState
        }
        assert sum(seen.values()) == 30
        assert seen[MaskState.MASK] and seen[MaskState.NO_MASK]
        assert service.metric("unsure_ratio") == pytest.approx(seen[MaskState.UNSURE] / 30)
        assert service.metric("label_switches_total") >= 1
        assert service.metric("frame_age_seconds_count") == 31


def test_switches_are_those_of_one_face_from_state_to_state() -> None:
    counter = SwitchCounter()
    mask, bare = tracked(MaskState.MASK), tracked(MaskState.NO_MASK)
    assert counter.count([]) == 0
    assert [counter.count([face]) for face in (mask, mask, bare, bare, mask)] == [0, 0, 1, 0, 1]
    assert counter.count([]) == 0
    assert counter.count([bare]) == 1
