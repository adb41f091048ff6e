"""Pictures of strangers, opened in processes that can be ended.

A decoder is C code that no thread can stop, and a small file can keep one busy for an hour. So the
service and the pages have files opened by processes (`maskwatch.io.decoder_process`) that end
when a picture has had its processor time, or asks for too much memory; a fresh one takes its place.
They are started by hand and not by `multiprocessing`, which would run the page that asks once more.

Most pictures are small and take some milliseconds. Large ones, and those that turn out to be slow,
go another way, one after the other and behind everything else: however many there are, the others
pass by, and only one takes much memory at a time.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from queue import SimpleQueue
from threading import Lock
from typing import IO, cast

import numpy as np

from maskwatch.errors import ImageError, ImageFault
from maskwatch.io.decoder_process import ANSWER, KERNEL_COUNTS, REQUEST
from maskwatch.schema import ImageRGB

QUICK_PIXELS = 13_000_000
"""What is larger goes the patient way; telephones take pictures of 12 megapixels."""

QUICK_S = 0.75
"""And so does what takes longer: 12 megapixels as JPEG take some 0.15 s of a processor."""

PATIENT_S = 10.0
"""Seconds of a processor that a picture may take; 50 megapixels take some 2 s."""

PATIENT_FAULTS = frozenset({ImageFault.TOO_LARGE, ImageFault.TOO_SLOW})
"""A picture that is refused for one of these on the quick way may go the patient one."""

# of a process before its first picture, and for each pixel: four bytes each for the picture, an
# opaque copy and one that is turned upright, three twice for what is handed on
_BASE_BYTES, _BYTES_PER_PIXEL = 192 << 20, 20
_NICENESS = 5
_PIPE_BYTES = 1 << 20
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",  # NumPy's threads would only take memory
    # glibc: keep the memory of a small picture for the next one; to ask for it anew takes twice as
    # long as to open the picture
    "MALLOC_MMAP_THRESHOLD_": str(8 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(32 << 20),
}
_ATTEMPTS = 2
# how a process ends that has used up its time, by the processor and by the clock
_OUT_OF_TIME = frozenset({"SIGPROF", "SIGALRM"} if KERNEL_COUNTS else {"exit code 1"})


@dataclass(frozen=True, slots=True)
class Grant:
    """What one picture may take.

    Attributes:
        max_pixels: that it may have.
        cpu_s: seconds of a processor.
        niceness: how far its process stands back behind others.
    """

    max_pixels: int
    cpu_s: float
    niceness: int = 0


class DecoderPool:
    """All processes that open pictures for one program; they are started when they are needed.

    Attributes:
        quick: for pictures that are small and fast.
        patient: for all others.
    """

    def __init__(self, max_pixels: int, processes: int, patient_s: float = PATIENT_S) -> None:
        """Plan processes.

        Args:
            max_pixels: a picture with more is not opened.
            processes: how many pictures are opened at once on the quick way; one more process
                stands by for one that is ended.
            patient_s: seconds of a processor that a picture may take.
        """
        few = Grant(min(max_pixels, QUICK_PIXELS), min(patient_s, QUICK_S))
        self.quick = Lane(few, processes + 1)
        self.patient = Lane(Grant(max_pixels, patient_s, _NICENESS), 1)

    def start(self) -> None:
        """Start all processes, so that no picture waits for that."""
        self.quick.start()
        self.patient.start()

    @contextmanager
    def open(self, content: bytes) -> Iterator[ImageRGB]:
        """The pixels of a picture; while the block runs, no other takes its place in memory.

        Raises:
            ImageError: it cannot be read, or takes more than it may.
        """
        opened = self.quick.open(content)
        try:
            image_rgb = opened.__enter__()
        except ImageError as error:
            if error.fault not in PATIENT_FAULTS:
                raise
            opened = self.patient.open(content)
            image_rgb = opened.__enter__()
        try:
            yield image_rgb
        finally:
            opened.__exit__(None, None, None)

    def close(self) -> None:
        """End all processes at once, whatever they are at; safe to call twice."""
        self.quick.close()
        self.patient.close()


class Lane:
    """Processes of one kind, and who waits for one."""

    def __init__(self, grant: Grant, processes: int) -> None:
        self._decoders = [Decoder(grant) for _ in range(processes)]
        # the one that has rested longest is next: one that was just replaced may still be starting
        self._idle: SimpleQueue[Decoder] = SimpleQueue()
        for decoder in self._decoders:
            self._idle.put(decoder)

    def start(self) -> None:
        """Start all processes; they are ready a moment later."""
        for decoder in self._decoders:
            decoder.start()

    @contextmanager
    def open(self, content: bytes) -> Iterator[ImageRGB]:
        """The pixels of a picture; its process takes no other while the block runs.

        Raises:
            ImageError: it cannot be read, or takes more than it may here.
        """
        decoder = self._idle.get()
        try:
            yield decoder.open(content)
        finally:
            self._idle.put(decoder)

    def close(self) -> None:
        """End all processes at once, whatever they are at."""
        for decoder in self._decoders:
            decoder.close()


class Decoder:
    """A process that opens one picture after the other; another takes its place when it ends."""

    def __init__(self, grant: Grant) -> None:
        self._grant = grant
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._in_use = Lock()

    def start(self) -> None:
        """Have a process; it takes a moment until it can open pictures."""
        with self._in_use:
            self._start()

    def open(self, content: bytes) -> ImageRGB:
        """The pixels of a picture.

        Raises:
            ImageError: it cannot be read, or takes more than it may.
        """
        with self._in_use:
            how = ""
            for _ in range(_ATTEMPTS):  # whatever ended the process may not have been the picture
                process = self._start()
                if process is None:
                    raise ImageError("<bytes>", "this program is ending", ImageFault.UNAVAILABLE)
                try:
                    return _ask(process, content, self._grant)
                except (OSError, EOFError, ValueError):  # ValueError: of half an answer
                    how = self._end()
                    self._start()  # so that the next picture need not wait for it
                if how in _OUT_OF_TIME:
                    reason = f"takes more than {self._grant.cpu_s:g} seconds of a processor to open"
                    raise ImageError("<bytes>", reason, ImageFault.TOO_SLOW)
        raise ImageError("<bytes>", f"opening it ends the process ({how})", ImageFault.DAMAGED)

    def close(self) -> None:
        """End the process at once; safe to call twice and from another thread."""
        self._closed = True
        if process := self._process:
            process.kill()  # whoever waits for its answer waits no longer
        with self._in_use:
            self._end()

    def _start(self) -> subprocess.Popen[bytes] | None:
        """The process; None once this is closed."""
        if self._process is None and not self._closed:
            self._process = _spawn(self._grant)
        if self._closed:
            self._end()
        return self._process

    def _end(self) -> str:
        """Clear away the process; how it ended."""
        process, self._process = self._process, None
        if process is None:
            return "never started"
        process.kill()
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):  # what it was still to be sent
                cast(IO[bytes], pipe).close()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _spawn(grant: Grant) -> subprocess.Popen[bytes]:
    memory_bytes = _BASE_BYTES + _BYTES_PER_PIXEL * grant.max_pixels
    # -P: not what lies in the folder that this was started in
    module = [sys.executable, "-P", "-m", "maskwatch.io.decoder_process"]
    return subprocess.Popen(
        [*module, str(memory_bytes), str(grant.niceness)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # where libtiff says what it thinks of a file
        pipesize=_PIPE_BYTES,
        env=os.environ | _ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def _ask(process: subprocess.Popen[bytes], content: bytes, grant: Grant) -> ImageRGB:
    """Have a picture opened.

    Raises:
        ImageError: it cannot be read.
        EOFError, OSError: the process has ended.
    """
    requests, answers = cast(IO[bytes], process.stdin), cast(BufferedReader, process.stdout)
    requests.write(REQUEST.pack(len(content), grant.max_pixels, grant.cpu_s))
    requests.write(content)
    requests.flush()
    head = answers.read(ANSWER.size)
    if len(head) < ANSWER.size:
        raise EOFError
    width, height = ANSWER.unpack(head)
    if not width:
        reason, fault = json.loads(answers.read(height))
        raise ImageError("<bytes>", reason, ImageFault(fault))
    # what comes from there is believed no more than the file itself
    if width * height > grant.max_pixels:
        raise EOFError
    image_rgb = np.empty((height, width, 3), np.uint8)
    if answers.readinto(image_rgb.data.cast("B")) < image_rgb.nbytes:
        raise EOFError
    return image_rgb
