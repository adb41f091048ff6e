"""How long a new user's first eight tasks take: what has to be read for each, and the machine.

    python benchmarks/first_tasks.py                # all; the notebook takes some ten minutes
    python benchmarks/first_tasks.py photo api      # some; the rest stays as recorded
    python benchmarks/first_tasks.py --every 40     # the notebook on one picture in forty

Each task is done in the real program, on its pages in Chromium where a person would, and by the
commands of README and docs as they stand there: a command that is no longer in its section ends the
run. What has to be read is that section of the docs, code included, at 200 words a minute, and the
words of the page before the first press. Setting up comes once before all of them and is not in
here: `make app`, and for the notebook its extra, which `make notebook` brings. While a model trains
or the notebook runs nobody has to wait beside it: that time stands apart, and does not count
against the goal. The table goes to standard output, and each row, as soon as it is there, to
benchmarks/results/first_tasks.json with the machine.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from maskwatch.app.i18n import load_catalogue
from maskwatch.io.environment import cpu_name
from maskwatch.io.recording import Recording
from maskwatch.models.runtime import available_cpus
from maskwatch.schema import CLASSES
from maskwatch.store.corrections import CorrectionStore

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.app_server import app_server
from support.cartoon_face import cartoon
from support.chromium import chromium_with, new_page, play
from support.data_factory import draw
from support.fakes import verdict
from support.waiting import LIMIT_S, until

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "first_tasks.json"
WORDS_A_MINUTE = 200
GOAL_S = 120.0
LONGEST_S = 3600.0
LEARNING = "docs/train.md#Learn from wrong answers"
SERVICE = "http://127.0.0.1:8000"
say = load_catalogue("en").text


@dataclass
class Desk:
    """Where a new user sits.

    Attributes:
        folder: holds photo.jpg, film.mp4 and what comes of them.
        browser: whose camera shows a masked face.
        every: of how many pictures the notebook takes one; None for what it takes by itself.
        page_words: what pages said before the first press.
        alone_s: how long the machine worked by itself.
    """

    folder: Path
    browser: Browser
    every: int | None
    page_words: int = 0
    alone_s: float = 0.0

    @contextmanager
    def opened(self, path: str, *options: str) -> Iterator[Page]:
        """A page of the app, which is started for it; what it says is counted as read."""
        with app_server(self.folder, *options) as address:
            page = new_page(self.browser)
            page.goto(f"{address}/{path}")
            page.locator('[data-test-script-state="notRunning"]').wait_for()
            page.locator("h1").wait_for()
            self.page_words = words(page.locator('[data-testid="stMain"]').inner_text())
            yield page
            page.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody has to wait for what is done in this block."""
        began_s = time.perf_counter()
        yield
        self.alone_s = time.perf_counter() - began_s

    def run(self, section: str, command: str) -> str:
        """What a command says; it must stand in the section just so."""
        if command not in section:
            raise SystemExit(f"the docs no longer say: {command}")
        done = subprocess.run(
            shlex.split(command), cwd=self.folder, capture_output=True, text=True, check=True
        )
        return done.stdout


def judge_photo(desk: Desk, section: str) -> None:
    """A photo is uploaded; its marked copy is there."""
    with desk.opened("") as page:
        give_photo(page, desk)


def give_photo(page: Page, desk: Desk) -> None:
    page.locator("input[type=file]").first.set_input_files(desk.folder / "photo.jpg")
    page.locator('[data-testid="stImage"] img[alt^="photo"]').first.wait_for()


def see_camera(desk: Desk, section: str) -> None:
    """The webcam runs, and the page says what its face shows."""
    with desk.opened("live") as page:
        start = page.frame_locator("iframe").get_by_role("button", name=say("live.start"))
        start.click()
        page.get_by_role("status").filter(has_text="mask worn").first.wait_for()


def keep_film(desk: Desk, section: str) -> None:
    """A film is judged, and its marked copy saved."""
    with desk.opened("film") as page:
        page.locator("input[type=file]").set_input_files(desk.folder / "film.mp4")
        page.get_by_text(say("film.judged")).wait_for()
        with page.expect_download() as saved:
            page.get_by_text(say("film.marked"), exact=True).click()
        assert saved.value.path().stat().st_size > 1000


def correct(desk: Desk, section: str) -> None:
    """A wrong answer is corrected and kept."""
    command = "maskwatch app --corrections corrections --runs runs"
    assert command in section, command
    with desk.opened("", *shlex.split(command)[2:]) as page:
        give_photo(page, desk)
        page.get_by_text(say("correct.ask")).click()
        page.get_by_role("radio", name=say("states.no_mask")).press("Space")
        keep = page.get_by_role("button", name=say("correct.keep"))
        expect(keep).to_be_enabled()
        keep.click()
        page.get_by_text(say("correct.kept", label=say("states.no_mask"))).wait_for()


def retrain(desk: Desk, section: str) -> None:
    """The model goes on from the corrections, and the new one is compared with the old one."""
    confirm_some(CorrectionStore(desk.folder / "corrections", keep_days=90))
    with desk.opened("train", "--corrections", "corrections", "--runs", "runs") as page:
        page.get_by_role("button", name=say("learning.start")).click()
        page.locator(".st-key-spoken_run").filter(has_text="onwards-1").wait_for()
        with desk.alone():
            compared = page.get_by_text(say("learning.compared")).first
            compared.wait_for(timeout=1000 * LONGEST_S)


def confirm_some(store: CorrectionStore) -> None:
    """Seven pictures of each state, as a user has them after a week; which is not timed."""
    for number, state in enumerate(7 * CLASSES):
        face = verdict(state, (40.0, 40.0, 120.0, 120.0))
        store.keep(draw(number, 160, 160), face, state, "photo", "a model")


def open_table(desk: Desk, section: str) -> None:
    """The results of a folder, as a table that a spreadsheet takes: every row of one length."""
    table = desk.run(section, "maskwatch predict photos/ --format csv")
    header, *rows = csv.reader(table.splitlines(), strict=True)
    assert rows and {len(row) for row in rows} == {len(header)}
    assert all(float(row[header.index("confidence")]) > 0 for row in rows)


def call_service(desk: Desk, section: str) -> None:
    """The service is started and asked as the docs ask it."""
    service = subprocess.Popen(shlex.split("maskwatch serve"), stderr=subprocess.DEVNULL)
    try:
        answer = ""

        def is_answered() -> bool:
            nonlocal answer
            with suppress(subprocess.CalledProcessError):  # it is not there yet
                command = f"curl -F images=@a.jpg -F images=@b.jpg {SERVICE}/v1/analyze"
                answer = desk.run(section, command)
            return bool(answer)

        until(is_answered, "the service answers")
        assert len(json.loads(answer)["reports"]) == 2
    finally:
        service.terminate()
        service.wait(LIMIT_S)


def run_notebook(desk: Desk, section: str) -> None:
    """The notebook of the report runs from start to end."""
    assert "make notebook" in section
    every = {"MASKWATCH_EVERY": str(desk.every)} if desk.every else {}
    command = [sys.executable, str(ROOT / "scripts" / "run_notebook.py")]
    with desk.alone():
        subprocess.run(command, cwd=ROOT, env={**os.environ, **every}, check=True)


@dataclass(frozen=True)
class Task:
    """Something that a new user wants.

    Attributes:
        name: what.
        read: sections that have to be read before, each as file and heading.
        do: does it, given their text.
    """

    name: str
    read: tuple[str, ...]
    do: Callable[[Desk, str], None]


TASKS = {
    "photo": Task("a photo judged", ("README.md#Start",), judge_photo),
    "webcam": Task("the webcam on", ("docs/webcam.md#The live page",), see_camera),
    "film": Task("a film kept", ("docs/video.md#A film in the browser",), keep_film),
    "correction": Task("an answer corrected", (LEARNING,), correct),
    "retrain": Task("the model retrained with it", (LEARNING,), retrain),
    "csv": Task("results in a spreadsheet", ("docs/photos.md#On the command line",), open_table),
    "api": Task("the service called", ("docs/http.md#HTTP", "docs/http.md#Ask it"), call_service),
    "notebook": Task("the notebook run", ("docs/train.md#Retrace the report",), run_notebook),
}


def section_of(place: str) -> str:
    """The text under a heading of a file, up to the next heading of any level."""
    file, _, heading = place.partition("#")
    text = (ROOT / file).read_text(encoding="utf-8")
    found = re.search(rf"^#+ {re.escape(heading)}$\n(.*?)(?=^#+ |\Z)", text, re.M | re.S)
    if found is None:
        raise SystemExit(f"{file}: has no section {heading!r}")
    return found[1]


def words(text: str) -> int:
    """How many words there are to read; addresses of links and pictures are not read."""
    return len(re.findall(r"\w[\w'.:/-]*", re.sub(r"\]\([^)]*\)|<[^>]*>", " ", text)))


def take(task: Task, desk: Desk) -> dict[str, float]:
    """Do a task; what it took."""
    section = "\n".join(map(section_of, task.read))
    desk.page_words, desk.alone_s = 0, 0.0
    began_s = time.perf_counter()
    task.do(desk, section)
    machine_s = time.perf_counter() - began_s - desk.alone_s
    read = words(section) + desk.page_words
    reading_s = 60 * read / WORDS_A_MINUTE
    return {
        "words": read,
        "reading_s": round(reading_s),
        "machine_s": round(machine_s, 1),
        "alone_s": round(desk.alone_s, 1),
    }


def prepare(folder: Path) -> None:
    """Photos and a film as a user has them."""
    photo = Image.fromarray(cartoon(masked=True))
    (folder / "photos").mkdir()
    for name in ("photo.jpg", "a.jpg", "b.jpg", "photos/one.jpg", "photos/two.jpg"):
        photo.save(folder / name, quality=90)
    with Recording(folder / "film.mp4") as recording:
        for index in range(50):
            recording.add(cartoon(masked=index < 25, shift_px=index), index / 10)


def line(name: str, took: dict[str, float]) -> str:
    """A row of the table."""
    whole_s = took["reading_s"] + took["machine_s"]
    numbers = (took["words"], took["reading_s"], took["machine_s"], whole_s, took["alone_s"])
    cells = "".join(f"{value:12,.0f}" for value in numbers)
    return f"{name:<28}{cells}   {'yes' if whole_s <= GOAL_S else 'NO'}"


def record(path: Path, key: str, took: dict[str, float]) -> None:
    """Write down what a task took, and on which machine; the others stay as they are."""
    document: dict[str, Any] = {"goal_s": GOAL_S, "tasks": {}}
    if path.exists():
        document = json.loads(path.read_text())
    machine = {"cpu": cpu_name(), "cores": available_cpus(), "load": round(os.getloadavg()[0], 1)}
    document["tasks"][key] = {**took, "machine": machine}
    path.write_text(json.dumps(document, indent=1) + "\n")


def main(argv: Sequence[str] | None = None) -> None:
    """Every task that is asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=", ".join(TASKS))
    parser.add_argument("--every", type=int, help="the notebook takes one picture in so many")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args(argv)
    if unknown := set(options.tasks) - set(TASKS):
        parser.error(f"no such task: {', '.join(sorted(unknown))}")
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    heads = ("words", "reading s", "machine s", "together s", "alone s")
    print(f"{'':<28}{''.join(f'{head:>12}' for head in heads)}   within {GOAL_S:.0f} s")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        prepare(folder)
        play(folder / "camera.y4m", [cartoon(masked=True)])
        permit = "--use-fake-ui-for-media-stream"
        with chromium_with(playwright.chromium, folder / "camera.y4m", permit) as browser:
            desk = Desk(folder, browser, options.every)
            for key in options.tasks or TASKS:
                took = take(TASKS[key], desk)
                print(line(TASKS[key].name, took), flush=True)
                record(options.out, key, took)


if __name__ == "__main__":
    main()
