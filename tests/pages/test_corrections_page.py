"""Corrections without a browser: told on the photo page, listed on their own, learnt from.

Run: pytest tests/pages/test_corrections_page.py
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import streamlit as st
from click.testing import CliRunner
from PIL import Image
from streamlit.testing.v1 import AppTest
from support import bad_images
from support.data_factory import draw, folder_set
from support.fakes import verdict
from support.job_factory import fake_run
from support.toy_detector import crowd, write_toy_detector
from support.toy_model import GREEN, RED, plain, write_toy_model

from maskwatch.app import settings, views
from maskwatch.app.i18n import load_catalogue
from maskwatch.cli import app as launch
from maskwatch.cli.main import cli
from maskwatch.models.card import SHIPPED_MODEL
from maskwatch.schema import CLASSES, MaskState
from maskwatch.store.corrections import NO_FACE, Correction, CorrectionStore
from maskwatch.training.jobs import control
from maskwatch.training.jobs.comparison import Compared, write_comparison
from maskwatch.training.jobs.folder import JobFolder

VIEWS = Path(views.__file__).parent
say = load_catalogue("en").text


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CorrectionStore:
    st.cache_resource.clear()
    monkeypatch.setenv(settings.MODEL_VARIABLE, str(write_toy_model(tmp_path)))
    monkeypatch.setenv(settings.DETECTOR_VARIABLE, str(write_toy_detector(tmp_path)))
    monkeypatch.setenv(settings.CORRECTIONS_VARIABLE, str(tmp_path / "corrections"))
    monkeypatch.setenv(settings.CORRECTIONS_DAYS_VARIABLE, "30")
    return CorrectionStore(tmp_path / "corrections", 30)


def keep(store: CorrectionStore, right: MaskState | None, number: int = 0) -> Correction:
    face = verdict(MaskState.MASK, (10.0, 10.0, 60.0, 60.0), 0.87)
    return store.keep(draw(number, 100, 80), face, right, "photo", "toy")


def run(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception
    return app


def page(name: str) -> AppTest:
    return run(AppTest.from_file(str(VIEWS / f"{name}.py"), default_timeout=120))


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.error, app.warning, app.info, app.success)
    return " ".join(element.value for elements in kinds for element in elements).replace("\\", "")


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    return run(app)


def buttons(app: AppTest, label: str) -> int:
    return sum(button.label == label for button in app.button)


def upload(app: AppTest, *faces: tuple[int, int, tuple[int, int, int]]) -> AppTest:
    picture = crowd(*faces) if faces else plain(RED)
    content = bad_images.encoded("PNG", Image.fromarray(picture))
    app.file_uploader[0].set_value([("face.png", content, "image/png")])
    return run(app)


def ask(app: AppTest) -> AppTest:
    next(toggle for toggle in app.toggle if toggle.label == say("correct.ask")).set_value(True)
    return run(app)


def choose(app: AppTest, choice: str) -> AppTest:
    next(r for r in app.radio if r.label == say("correct.shows")).set_value(choice)
    return press(run(app), say("correct.keep"))


def test_without_the_operators_folder_nothing_is_offered_or_kept(
    store: CorrectionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(settings.CORRECTIONS_VARIABLE)
    app = upload(page("photos"))
    assert say("correct.ask") not in [toggle.label for toggle in app.toggle]
    assert say("correct.only_corrected", days="30") not in words(app)
    assert not store.folder.exists()


def test_looking_at_photos_keeps_nothing(store: CorrectionStore) -> None:
    app = ask(upload(page("photos")))
    assert say("correct.explained", days="30") in words(app)
    assert say("correct.only_corrected", days="30") in words(app)
    (button,) = (button for button in app.button if button.label == say("correct.keep"))
    assert button.disabled and not store.folder.exists()


def test_what_was_undone_elsewhere_can_be_kept_anew(store: CorrectionStore) -> None:
    app = choose(ask(upload(page("photos"))), MaskState.NO_MASK)
    store.delete([one.correction_id for one in store.entries()])  # on the page of corrections
    run(app)
    assert say("correct.kept", label="No mask") not in words(app)
    choose(app, MaskState.UNSURE)
    assert [one.right for one in store.entries()] == [MaskState.UNSURE]


@pytest.mark.parametrize(
    ("choice", "right", "label"),
    [
        (MaskState.NO_MASK, MaskState.NO_MASK, "No mask"),
        (MaskState.MASK, MaskState.MASK, "Mask worn"),
        (MaskState.UNSURE, MaskState.UNSURE, say("correct.nobody_can_tell")),
        (NO_FACE, None, say("correct.no_face")),
    ],
)
def test_a_face_is_kept_with_what_it_shows_and_taken_back(
    store: CorrectionStore, choice: str, right: MaskState | None, label: str
) -> None:
    app = choose(ask(upload(page("photos"))), choice)
    assert say("correct.kept", label=label) in words(app)
    (kept,) = store.entries()
    assert (kept.answered, kept.right, kept.source, kept.model) == (
        MaskState.MASK,
        right,
        "photo",
        "toy 1",
    )
    press(app, say("correct.undo"))
    assert store.entries() == [] and say("correct.keep") in [b.label for b in app.button]


def test_each_face_of_a_photo_is_corrected_by_itself(store: CorrectionStore) -> None:
    app = ask(upload(page("photos"), (3, 2, RED), (12, 7, GREEN)))
    choose(app, MaskState.NO_MASK)
    (select,) = (box for box in app.selectbox if box.label == say("table.face"))
    select.set_value(1)
    choose(run(app), MaskState.INCORRECT_MASK)
    second, first = sorted(store.entries(), key=lambda one: one.answered)[::-1]
    assert (first.answered, first.right) == (MaskState.MASK, MaskState.NO_MASK)
    assert (second.answered, second.right) == (MaskState.NO_MASK, MaskState.INCORRECT_MASK)
    with Image.open(store.picture_path(second)) as picture:
        left, top, *_ = map(int, second.box_xyxy)
        assert picture.getpixel((left + 4, top + 4))[1] > 200  # green


def test_what_cannot_be_kept_is_said_without_the_name_of_the_folder(
    store: CorrectionStore,
) -> None:
    store.folder.write_text("a file in its place")
    app = choose(ask(upload(page("photos"))), MaskState.NO_MASK)
    assert say("correct.failed") in words(app) and str(store.folder) not in words(app)


def test_the_list_says_what_is_kept_until_when(store: CorrectionStore) -> None:
    assert say("corrections.none") in words(page("corrections"))
    for number, right in enumerate((MaskState.NO_MASK, MaskState.NO_MASK, None)):
        keep(store, right, number)
    app = page("corrections")
    assert "**3 faces**" in words(app) and "Answered: Mask worn, 87.0%" in words(app)
    assert words(app).count("**No mask**") == 2 and "Kept until 20" in words(app)
    assert buttons(app, say("corrections.undo")) == 3
    assert len(app.get("download_button")) == 2
    press(app, say("corrections.undo"))
    assert len(store.entries()) == 2
    press(app, say("corrections.delete_yes"))
    assert store.entries() == [] and say("corrections.none") in words(app)


def test_many_are_shown_page_by_page(store: CorrectionStore) -> None:
    for number in range(13):
        keep(store, MaskState.MASK, number)
    app = page("corrections")
    assert buttons(app, say("corrections.undo")) == 12
    app.get("pagination")[0].set_value(2)
    assert buttons(run(app), say("corrections.undo")) == 1
    press(app, say("corrections.undo"))  # the last page is empty now
    assert buttons(app, say("corrections.undo")) == 12


def test_a_folder_that_cannot_be_read_is_said(store: CorrectionStore) -> None:
    store.folder.mkdir(parents=True)
    (store.folder / "records").write_text("no folder")
    app = page("corrections")
    assert say("corrections.broken") in words(app) and str(store.folder) not in words(app)


def test_the_command_allows_it_and_deletes_what_is_too_old(
    store: CorrectionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*launch.STREAMLIT_SETTINGS, settings.TILES_VARIABLE, settings.PHOTOS_MB_VARIABLE):
        monkeypatch.setenv(name, "")  # so that what the command sets is taken back
        monkeypatch.delenv(name)
    monkeypatch.setattr("streamlit.web.cli.main", lambda *_, **__: None)
    monkeypatch.delenv(settings.CORRECTIONS_VARIABLE)
    monkeypatch.setenv(settings.CORRECTIONS_DAYS_VARIABLE, "")
    old = CorrectionStore(store.folder, 30, lambda: time.time() - 20 * 86_400)
    keep(old, MaskState.MASK)
    young = keep(store, MaskState.MASK, 1)
    monkeypatch.chdir(tmp_path)
    options = ["--corrections", "corrections", "--corrections-days", "10"]
    done = CliRunner().invoke(cli, ["app", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    told = settings.AppSettings.from_environment()
    assert (told.corrections, told.corrections_days) == (store.folder, 10)
    assert store.entries() == [young]
    refused = CliRunner().invoke(cli, ["app", *options[:3], "0"])
    assert refused.exit_code == 2 and "--corrections-days" in refused.output


@pytest.fixture
def runs(store: CorrectionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(settings.RUNS_VARIABLE, str(tmp_path / "runs"))
    monkeypatch.setenv(settings.DATA_VARIABLE, str(tmp_path / "sets"))
    folder_set(tmp_path / "sets" / "faces", 6)
    return tmp_path / "runs"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[JobFolder]:
    """The jobs whose process would have been started."""
    jobs: list[JobFolder] = []
    monkeypatch.setattr(control, "_launch", lambda job, weights: jobs.append(job))
    return jobs


def keep_some(store: CorrectionStore, states: Sequence[MaskState], count: int) -> None:
    for index, state in enumerate(states):
        for number in range(count):
            keep(store, state, 100 * index + number)


def test_one_press_goes_on_from_the_model_in_use(
    runs: Path, store: CorrectionStore, started: list[JobFolder], tmp_path: Path
) -> None:
    keep_some(store, CLASSES, 5)
    press(page("train"), say("learning.start"))
    (job,) = started
    order = job.order()
    assert (order.recipe.name, order.protocol) == ("onwards", "grouped")
    assert order.data == (str(store.folder),)
    assert order.old_model == str(tmp_path / "toy.onnx")


def test_the_shipped_model_is_gone_on_from_where_there_is_no_other(
    runs: Path,
    store: CorrectionStore,
    started: list[JobFolder],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(settings.MODEL_VARIABLE)
    keep_some(store, CLASSES, 5)
    press(page("train"), say("learning.start"))
    assert started[0].order().old_model == str(SHIPPED_MODEL)


def test_a_state_that_nobody_confirmed_would_be_forgotten(
    runs: Path, store: CorrectionStore
) -> None:
    keep_some(store, CLASSES[:2], 5)
    app = page("train")
    (button,) = (button for button in app.button if button.label == say("learning.start"))
    assert button.disabled and "Too few so far: Mask worn incorrectly." in words(app)


def test_too_few_are_named_and_other_pictures_help(
    runs: Path, store: CorrectionStore, started: list[JobFolder]
) -> None:
    app = page("train")
    assert say("corrections.none") in words(app)
    keep_some(store, CLASSES, 2)
    app = run(app)
    (button,) = (button for button in app.button if button.label == say("learning.start"))
    assert button.disabled and "Too few so far: Mask worn, No mask" in words(app)
    app.multiselect[0].set_value(["faces"])
    press(run(app), say("learning.start"))
    (job,) = started
    assert list(job.order().sets) == ["corrections", "faces"]


def test_corrections_of_one_moment_count_once(
    runs: Path, store: CorrectionStore, started: list[JobFolder]
) -> None:
    """Of one film, say: five faces of a state, and all of them from one photo."""
    keep_some(store, CLASSES[:2], 5)
    for _ in range(5):
        keep(store, CLASSES[2], 900)
    app = press(page("train"), say("learning.start"))
    (error,) = app.error
    labels = load_catalogue("en").label(CLASSES[2])
    assert error.value == say("new_run.few_photos", labels=labels, fewest=5)
    keep_some(store, CLASSES[2:], 4)
    press(run(app), say("learning.start"))
    assert len(started) == 1


@pytest.mark.parametrize(
    ("mended", "spoilt", "said"),
    [(8, 0, "fixes 8 mistakes"), (2, 1, "may be chance"), (0, 9, "gets 9 wrong")],
)
def test_old_and_new_stand_side_by_side_before_the_new_is_chosen(
    runs: Path, mended: int, spoilt: int, said: str
) -> None:
    job = fake_run(runs, "onwards-1")
    one = Compared("corrections", 20, 10, 10 + mended - spoilt, mended, spoilt, mended == 8)
    write_comparison(job.path, [one, Compared("faces", 5, 5, 5, 0, 0, False)])
    app = page("train")
    table = next(t.value for t in app.table if say("learning.mended") in t.value.columns)
    assert list(table[say("learning.old_right")]) == ["10 (50%)", "5 (100%)"]
    assert said in words(app) and say("learning.note") in words(app)
    assert (say("learning.learnt", names="corrections") in words(app)) == (mended == 8)
    assert buttons(app, say("runs.activate_yes")) == 1


def test_other_runs_are_compared_with_nothing(runs: Path) -> None:
    fake_run(runs, "tiny-1")
    assert say("learning.compared") not in words(page("train"))
