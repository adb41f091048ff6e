"""Ask a MaskWatch service from Python: images in, the same reports as from an Analyzer out."""

from __future__ import annotations

import io
import json
import math
import os
import random
import socket as sockets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from maskwatch.errors import ImageError, ImageFault, MissingExtraError, ServiceError, SettingError
from maskwatch.io.addresses import is_here, shown_address, without_addresses
from maskwatch.io.encoding import each_encoded, jpeg
from maskwatch.io.images import ImageSource, source_name
from maskwatch.io.report import Result
from maskwatch.schema import Frame, FrameReport

try:
    import httpx
    from websockets.exceptions import InvalidStatus, WebSocketException
    from websockets.sync.client import ClientConnection, connect
except ModuleNotFoundError as _error:
    raise MissingExtraError("maskwatch.client", "client") from _error

__all__ = ["Client", "StreamAnswer"]

T = TypeVar("T")

_TRY_AGAIN = frozenset({429, 503})
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 30.0
# what websockets waits for a service to say goodbye, at most
_FAREWELL_S = 10.0
# how often to look whether the frames have ended
_LOOK_S = 0.1
_ANSWER_BYTES = 16_000_000
# each may be written in small letters as well
_PROXIES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_FRAMES = "Frames, or image files as bytes"


class Client:
    """Talks to one service; one thread at a time. Close it, or use it in a `with` statement.

    A service on this computer is asked directly, any other through the proxy that the environment
    names (HTTP_PROXY, HTTPS_PROXY, NO_PROXY), if any.

    Example:
        >>> with Client("http://127.0.0.1:8000") as client:
        ...     (report,) = client.analyze(["photo.jpg"])
        ...     [face.state for face in report.faces]
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        api_key: str | None = None,
        timeout_s: float = 30.0,
        tries: int = 5,
    ) -> None:
        """Prepare to talk; nothing is sent yet.

        Args:
            url: where the service is.
            api_key: where it asks for one.
            timeout_s: for each step: to connect, to send and to wait for an answer.
            tries: how often to ask where it is busy (429, 503), with growing pauses, or those that
                the service names.

        Raises:
            SettingError: a value makes no sense, or no proxy or certificate can be what the
                environment says.
        """
        if not (isinstance(url, str) and url.startswith(("http://", "https://"))):
            raise SettingError("url: must begin with http:// or https://")
        if not (api_key is None or isinstance(api_key, str)):
            raise SettingError(f"api_key: must be text, not {type(api_key).__name__}")
        if api_key and not _can_be_sent(api_key):  # what would refuse it shows it
            raise SettingError(
                "api_key: must be ASCII without a line end or a space around it; strip() what was "
                "read from a file"
            )
        if not (isinstance(timeout_s, int | float) and 0 < timeout_s < math.inf):
            raise SettingError(f"timeout_s: must be above 0, not {timeout_s}")
        if not (isinstance(tries, int) and tries >= 1):
            raise SettingError(f"tries: must be at least 1, not {tries}")
        self._url = url.rstrip("/")
        self._name = shown_address(self._url)  # in messages
        self._headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._timeout_s = timeout_s
        self._tries = tries
        self._is_here = is_here(url)
        try:
            # with a transport of its own it looks for no proxy
            transport = httpx.HTTPTransport() if self._is_here else None
            self._http = httpx.Client(headers=self._headers, timeout=timeout_s, transport=transport)
        except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
            concerned = _CERTIFICATES if isinstance(error, OSError) else _PROXIES
            said = [name for name in concerned if {name, name.lower()} & os.environ.keys()]
            raise SettingError(f"{', '.join(said)}: cannot be used ({_why(error)})") from error

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def analyze(self, images: Iterable[ImageSource]) -> tuple[Result, ...]:
        """Judge the faces of images, in one call.

        Args:
            images: each a path, an image file as bytes or as an open binary file, a Pillow image
                or an RGB uint8 array (H, W, 3).

        Returns:
            For each image its report, or the ImageError that says why there is none.

        Raises:
            ImageError: it is the only one and cannot be opened, or is of another kind.
            SettingError: it is one image instead of several.
            ServiceError: the service cannot be reached, refuses or fails.
        """
        _check_several("images", images, "a list of images")
        images = list(images)
        contents = each_encoded(images)
        # a form, because JSON would be a third larger; names stay here
        sent = [content for content in contents if isinstance(content, bytes)]
        parts = [("images", (str(index), content)) for index, content in enumerate(sent)]
        entries = self._patiently(lambda: self._post(parts)) if parts else []
        if len(entries) != len(parts):
            raise self._foreign()
        left = iter(entries)
        try:
            return tuple(
                to_result(next(left), source_name(image)) if isinstance(content, bytes) else content
                for content, image in zip(contents, images, strict=True)
            )
        except (ValueError, TypeError, KeyError) as error:
            raise self._foreign() from error

    def stream(self, frames: Iterable[Frame | bytes]) -> Iterator[StreamAnswer]:
        """Judge live frames as they come; the service drops all but the newest while it is busy.

        The frames are taken in a thread of their own and sent as JPEG. The last one is always
        answered.

        Args:
            frames: pictures with their times, such as `maskwatch.open_source` gives, or the bytes
                of image files, whose time is that of arrival.

        Raises:
            ServiceError: the service cannot be reached, refuses or fails.
            SettingError: `frames` is or holds something else.
            ImageError: the array of a frame is no picture.
            Exception: whatever `frames` raises.
        """
        _check_several("frames", frames, _FRAMES)
        with ExitStack() as stack:
            socket = self._patiently(lambda: self._connect(stack))
            sender = _Sender(socket, frames)
            answered, asked_s = 0, time.monotonic()
            try:
                while not sender.finished(answered):
                    answer = self._next(socket)
                    if answer is not None:
                        answered, asked_s = answer.frame + 1, time.monotonic()
                        yield answer
                    elif answered >= sender.sent:
                        asked_s = time.monotonic()  # nothing is waited for
                    elif time.monotonic() - asked_s > self._timeout_s:
                        raise ServiceError(f"{self._name}: no answer within {self._timeout_s:g} s")
            finally:
                sender.stop()

    def _next(self, socket: ClientConnection) -> StreamAnswer | None:
        """The next answer, None if there is none yet."""
        try:
            return to_stream_answer(socket.recv(_LOOK_S))
        except TimeoutError:
            return None
        except WebSocketException as error:
            raise ServiceError(f"{self._name}: the stream ended ({_why(error)})") from error
        except (ValueError, TypeError, KeyError) as error:
            raise self._foreign() from error

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Ask until there is an answer; a service that is busy is asked again after a pause."""
        pause_s = _FIRST_PAUSE_S
        for _ in range(self._tries - 1):
            try:
                return ask()
            except ServiceError as error:
                wait_s = max(pause_s, error.retry_after_s or 0)
                if error.status not in _TRY_AGAIN or wait_s > _LONGEST_PAUSE_S:
                    raise
            # many clients that were refused at once must not come back at once
            time.sleep(wait_s * random.uniform(1, 1.25))
            pause_s *= 2
        return ask()

    def _post(self, parts: list[tuple[str, tuple[str, bytes]]]) -> list[Mapping[str, Any]]:
        try:
            response = self._http.post(f"{self._url}/v1/analyze", files=parts)
        # UnicodeError: of a name with two dots in a row; RuntimeError: it was closed
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, RuntimeError) as error:
            raise ServiceError(f"{self._name}: cannot be asked ({_why(error)})") from error
        document = to_json(response.content)
        # where no image could be read, the refusal says why for each
        if response.status_code == 200 or "reports" in document:
            reports = document.get("reports")
            return reports if isinstance(reports, list) else []
        raise self._refused(response.status_code, response.headers, document)

    def _connect(self, stack: ExitStack) -> ClientConnection:
        try:
            socket = connect(
                f"ws{self._url.removeprefix('http')}/v1/stream",
                additional_headers=self._headers,
                compression=None,
                open_timeout=self._timeout_s,
                close_timeout=min(self._timeout_s, _FAREWELL_S),
                max_size=_ANSWER_BYTES,
                proxy=None if self._is_here else True,
            )
            return stack.enter_context(socket)
        except InvalidStatus as error:
            answer = error.response
            document = to_json(bytes(answer.body or b""))
            raise self._refused(answer.status_code, answer.headers, document) from error
        # ValueError: no such address; ImportError: a proxy that needs another package
        except (OSError, ValueError, ImportError, WebSocketException) as error:
            raise ServiceError(f"{self._name}: cannot be asked ({_why(error)})") from error

    def _refused(
        self, status: int, headers: Mapping[str, str], document: Mapping[str, Any]
    ) -> ServiceError:
        said = document.get("detail", "no reason given")
        if 300 <= status < 400 and "location" in headers:
            said = f"is redirected to {shown_address(headers['location'])}; give that as url"
        detail = " ".join(str(said).split())
        after = headers.get("retry-after", "")
        retry_after_s = float(after) if after.isdecimal() else None
        return ServiceError(f"{self._name}: {detail} (status {status})", status, retry_after_s)

    def _foreign(self) -> ServiceError:
        return ServiceError(f"{self._name}: gives no reports; is it a MaskWatch service?")


class _Sender:
    """Sends frames from a thread of its own, so that answers can be read meanwhile.

    Attributes:
        sent: how many were.
    """

    def __init__(self, socket: ClientConnection, frames: Iterable[Frame | bytes]) -> None:
        self.sent = 0
        self._socket = socket
        self._sending = threading.Lock()
        self._ended = False
        self._stopped = False
        self._error: BaseException | None = None
        # of no use once the process wants to end, also where a camera keeps it waiting
        threading.Thread(target=self._run, args=(frames,), name="frames", daemon=True).start()

    def finished(self, answered: int) -> bool:
        """Whether there is nothing more to wait for.

        Raises:
            Exception: what ended the frames, if not their end.
        """
        if self._error is not None:
            raise self._error
        return self._ended and answered >= self.sent

    def stop(self) -> None:
        """Send no more; what a service that hangs does not take is cut off: a close would wait."""
        self._stopped = True
        if self._sending.acquire(timeout=_LOOK_S):
            self._sending.release()
            return
        with suppress(OSError):
            self._socket.socket.shutdown(sockets.SHUT_RDWR)

    def _run(self, frames: Iterable[Frame | bytes]) -> None:
        try:
            for frame in frames:
                if self._stopped:
                    return
                self.sent += 1
                messages = _messages(frame)
                with self._sending:
                    for message in messages:
                        self._socket.send(message)
        except WebSocketException:
            pass  # whoever reads the answers is told
        except BaseException as error:
            self._error = error
        finally:
            self._ended = True


def _messages(frame: object) -> tuple[str | bytes, ...]:
    """What is sent for one frame."""
    if isinstance(frame, Frame):
        return json.dumps({"time_s": float(frame.time_s)}), jpeg(frame.image_rgb)
    if isinstance(frame, bytes | bytearray | memoryview):
        return (bytes(frame),)
    raise _wrong("frames", _FRAMES, f"{type(frame).__name__} among them")


def _can_be_sent(api_key: str) -> bool:
    return api_key.isascii() and api_key.isprintable() and api_key == api_key.strip()


def _check_several(name: str, given: object, wanted: str) -> None:
    """Refuse one thing in the place of several; a picture is itself made of several things."""
    is_file = isinstance(given, str | bytes | bytearray | memoryview | io.IOBase)
    is_array = isinstance(given, np.ndarray) and given.ndim < 4
    if is_file or is_array or not isinstance(given, Iterable):
        got = "None" if given is None else f"one {type(given).__name__}"
        raise _wrong(name, wanted, got)


def _wrong(name: str, wanted: str, got: str) -> SettingError:
    return SettingError(f"{name}: must be {wanted}, not {got}")


def _why(error: BaseException) -> str:
    return without_addresses(" ".join(str(error).split())) or type(error).__name__


# What a service answers, as records.


@dataclass(frozen=True, slots=True)
class StreamAnswer:
    """What became of one frame.

    Attributes:
        result: its report, each face a TrackedFace, or why it could not be read.
        frame: its number among those sent, from 0 on.
        time_s: when it was taken.
        dropped: how many frames were dropped so far, because a newer one was there.
        latency_s: from its arrival at the service to the answer.
    """

    result: Result
    frame: int
    time_s: float
    dropped: int
    latency_s: float


def to_result(entry: Mapping[str, Any], source: str | None) -> Result:
    """What the service tells of an image -> its report, or why there is none.

    Raises:
        ValueError, TypeError, KeyError: it is something else.
    """
    if "error" in entry:
        return ImageError(source or "<image>", entry["error"], ImageFault(entry["fault"]))
    return FrameReport.from_dict({**entry, "source": source})


def to_stream_answer(message: str | bytes) -> StreamAnswer:
    """What the service tells of a frame.

    Raises:
        ValueError, TypeError, KeyError: it is something else.
    """
    document = to_json(message)
    about = {name: document.pop(name) for name in ("time_s", "frame", "dropped")}
    latency_s = document.pop("latency_ms") / 1000
    if not all(isinstance(value, int | float) for value in about.values()):
        raise TypeError("no numbers")
    return StreamAnswer(to_result(document, None), latency_s=latency_s, **about)


def to_json(content: str | bytes) -> dict[str, Any]:
    """A JSON object; an empty one where there is something else."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
