"""The page for training without a browser: what is offered, what is said, what a press does.

Run: pytest tests/pages/test_train_page.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import streamlit as st
from click.testing import CliRunner
from streamlit.testing.v1 import AppTest
from support.data_factory import folder_set
from support.job_factory import fake_run, living_process
from support.toy_detector import write_toy_detector
from support.waiting import LIMIT_S

from maskwatch.app import settings, views
from maskwatch.app.i18n import load_catalogue
from maskwatch.app.runs import run_words, share_done, time_left
from maskwatch.app.session import CHOICE, activate, active_model
from maskwatch.cli import app as launch
from maskwatch.cli.main import cli
from maskwatch.errors import pip_extra
from maskwatch.training.jobs import control
from maskwatch.training.jobs.folder import (
    GROUPED,
    REPORT,
    STOP,
    JobFolder,
    State,
    Status,
    Step,
    list_jobs,
    write_status,
)
from maskwatch.training.recipes.classifier import classifier_recipes

ENGLISH, INDONESIAN = load_catalogue("en"), load_catalogue("id")
PAGE = Path(views.__file__).with_name("train.py")
say = ENGLISH.text


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    st.cache_resource.clear()
    monkeypatch.delenv(settings.MODEL_VARIABLE, raising=False)
    monkeypatch.setenv(settings.DETECTOR_VARIABLE, str(write_toy_detector(tmp_path)))
    monkeypatch.setenv(settings.RUNS_VARIABLE, str(tmp_path / "runs"))
    monkeypatch.setenv(settings.DATA_VARIABLE, str(tmp_path / "sets"))
    monkeypatch.delenv(settings.WEIGHTS_VARIABLE, raising=False)
    folder_set(tmp_path / "sets" / "faces", 6)
    return tmp_path / "runs"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[JobFolder]:
    """The jobs whose process would have been started."""
    jobs: list[JobFolder] = []
    monkeypatch.setattr(control, "_launch", lambda job, weights: jobs.append(job))
    return jobs


def page() -> AppTest:
    return run(AppTest.from_file(str(PAGE), default_timeout=LIMIT_S))


def run(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception
    return app


def press(app: AppTest, label: str) -> AppTest:
    (button,) = (button for button in app.button if button.label == label)
    button.click()
    return run(app)


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.error, app.warning, app.info, app.success)
    values = [element.value for elements in kinds for element in elements]
    return " ".join([*values, *(html.value for html in app.get("html"))]).replace("\\", "")


def start_button(app: AppTest):
    (button,) = (button for button in app.button if button.label == say("new_run.start"))
    return button


def test_before_the_first_run_it_says_so_and_what_judges(runs: Path) -> None:
    app = page()
    assert say("runs.none") in words(app) and say("model_origins.shipped") in words(app)
    assert say("training.trusted") in words(app)
    assert not app.dataframe and labels(app) == [say("new_run.start")]


def test_the_only_set_is_chosen_and_its_pictures_are_counted(runs: Path) -> None:
    app = page()
    for words_of_class in ("Mask worn</strong> 6", "No mask</strong> 6", "incorrectly</strong> 6"):
        assert words_of_class in words(app)
    assert not start_button(app).disabled and not app.error


def test_without_pictures_to_offer_it_says_what_the_operator_does(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(settings.DATA_VARIABLE)
    app = page()
    assert "--data" in words(app) and not labels(app)


@pytest.mark.parametrize(
    ("name", "classes", "complaint"),
    [
        ("empty", (), "empty holds no labelled picture"),
        ("one", ("with_mask",), "Too few pictures of: No mask, Mask worn incorrectly."),
        ("cats", ("with_mask", "cats"), "cats has classes that are not known here: cats."),
    ],
)
def test_what_is_wrong_with_a_set_is_one_line_and_keeps_it_from_starting(
    runs: Path, name: str, classes: tuple[str, ...], complaint: str
) -> None:
    folder = runs.parent / "sets" / name
    folder.mkdir()
    folder_set(folder, 6, classes)
    app = page()
    assert start_button(app).disabled  # of several sets, none is chosen
    app.multiselect[0].set_value([name])
    (error,) = run(app).error
    assert complaint in error.value.replace("\\", "") and start_button(app).disabled


def test_sets_that_lack_a_class_can_be_trained_on_and_do_together(runs: Path) -> None:
    folder_set(runs.parent / "sets" / "a", 6, ("WithMask", "without_mask"))
    folder_set(runs.parent / "sets" / "b", 6, ("incorrect_mask",))
    app = page()
    app.multiselect[0].set_value(["a"])
    (warning,) = run(app).warning
    assert "No picture shows: Mask worn incorrectly." in warning.value
    assert not app.error and not start_button(app).disabled
    said = [caption.value.replace("\\", "") for caption in app.caption]
    assert "a: WithMask = Mask worn, without_mask = No mask" in said
    app.multiselect[0].set_value(["a", "b"])
    assert not run(app).error and not app.warning and not start_button(app).disabled


def test_files_that_cannot_be_used_are_counted_and_the_rest_is_trained_on(runs: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (runs.parent / "sets" / "faces" / "with_mask" / name).touch()
    app = page()
    (warning,) = app.warning
    assert "2 files or boxes" in warning.value and not start_button(app).disabled


def test_a_start_orders_what_was_chosen(runs: Path, started: list[JobFolder]) -> None:
    app = page()
    app.selectbox[0].set_value("smoke")
    run(app)
    app.number_input[0].set_value(7)
    app.radio[0].set_value(REPORT)
    press(app, say("new_run.start"))
    (job,) = started
    order = job.order()
    assert (order.recipe.name, order.recipe.fit.epochs, order.protocol) == ("smoke", 7, REPORT)
    assert order.data == (str(runs.parent / "sets" / "faces"),)


def test_photos_that_cannot_be_split_are_refused_before_a_run_begins(
    runs: Path, started: list[JobFolder]
) -> None:
    pictures = runs.parent / "sets" / "faces" / "with_mask"
    for number in range(1, 6):
        (pictures / f"{number}.jpg").write_bytes((pictures / "0.jpg").read_bytes())
    app = press(page(), say("new_run.start"))
    (error,) = app.error
    assert "Too few different photos of: Mask worn." in error.value and not started
    app.radio[0].set_value(REPORT)  # counts pictures, whatever they show
    press(run(app), say("new_run.start"))
    assert len(started) == 1


def test_what_a_browser_makes_up_is_not_opened(
    runs: Path, started: list[JobFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_run(runs, "tiny-1")
    made_up = str(runs.parent / "sets" / "faces")
    monkeypatch.setattr(st, "multiselect", lambda *_, **__: [made_up, "../faces"])
    monkeypatch.setattr(st, "selectbox", lambda *_, **__: "../../recipes/smoke")
    app = page()
    assert start_button(app).disabled
    assert say("runs.delete_yes") not in labels(app)


def test_a_second_start_is_refused_with_the_name_of_the_first(runs: Path) -> None:
    app = page()
    with living_process() as process:
        fake_run(runs, "tiny-1", State.RUNNING, step=Step.READING, **process)
        press(app, say("new_run.start"))  # the page was open before the other run began
        assert say("new_run.busy", name="tiny-1") in words(app)
        assert [job.name for job in list_jobs(runs)] == ["tiny-1"]


def test_a_run_that_is_going_on_is_shown_and_can_be_stopped(runs: Path) -> None:
    with living_process() as process:
        progress = {"done": 5, "total": 10, "epoch": 2, "epochs": 4, "left_s": 300.0}
        job = fake_run(runs, "tiny-1", State.RUNNING, step=Step.TRAINING, **progress, **process)
        app = page()
        assert "**tiny-1**: training, epoch 2 of 4" in words(app)
        assert any("polite" in html.value for html in app.get("html"))
        assert say("new_run.busy", name="tiny-1") in words(app)
        assert len(app.get("vega_lite_chart")) == 2 and app.code[0].value == "Epoch 3/3\nlast line"
        assert say("new_run.start") not in labels(app) and say("runs.resume") not in labels(app)
        press(app, say("training.stop"))
        assert (job.path / STOP).exists()
        assert job.status().state in (State.STOPPING, State.STOPPED)  # the signal may be quick


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (State.STOPPED, "stopped, can be resumed"),
        (State.FAILED, "faces: *no* picture"),
        (State.LOST, "Its process is gone"),
    ],
)
def test_a_run_that_did_not_end_well_says_why_and_goes_on(
    runs: Path, started: list[JobFolder], state: State, said: str
) -> None:
    written = State.RUNNING if state is State.LOST else state
    job = fake_run(runs, "tiny-1", written, error="faces: *no* picture", pid=1, process="gone")
    app = page()
    assert said in words(app) and ENGLISH.text(f"run_states.{state}") in words(app)
    assert say("runs.activate_yes") not in labels(app)
    press(app, say("runs.resume"))
    assert started == [job]


def test_runs_are_compared_in_a_table_and_a_chart(runs: Path) -> None:
    fake_run(runs, "honest-1")
    fake_run(runs, "leaky-1", protocol=REPORT)
    fake_run(runs, "stopped-1", State.STOPPED)
    app = page()
    (table,) = app.dataframe
    assert list(table.value[say("runs.run")]) == ["stopped-1", "leaky-1", "honest-1"]
    accuracies = list(table.value[say("runs.accuracy")])
    assert accuracies[0] == "-" and accuracies[1].startswith("93.3% (")
    assert list(table.value[say("runs.split")]) == [
        say("protocols.grouped"), say("protocols.report"), say("protocols.grouped")
    ]  # fmt: skip
    assert app.multiselect[1].value == ["stopped-1", "leaky-1", "honest-1"]


def test_a_run_shows_its_scores_and_how_far_to_trust_them(runs: Path) -> None:
    fake_run(runs, "honest-1")
    fake_run(runs, "leaky-1", protocol=REPORT)
    app = page()
    assert "On 30 pictures in 30 groups: accuracy **93.3%" in words(app)
    assert "47% of these pictures have a near-identical one" in words(app)
    per_class, confusion = (table.value for table in app.table)
    assert per_class[say("runs.recall")].iloc[0].startswith("100.0% (")
    assert list(confusion["Mask worn"]) == ["10 (100.0%)", "1 (10.0%)", "1 (10.0%)"]
    app.selectbox(key="shown_run").set_value("honest-1")
    run(app)
    assert say("runs.no_leak") in words(app) and "near-identical" not in words(app)
    assert "Exported file toy of honest-1" in words(app)


def test_a_model_is_chosen_and_taken_back(runs: Path) -> None:
    job = fake_run(runs, "tiny-1")
    app = page()
    press(app, say("runs.activate_yes"))
    assert say("runs.activated") in words(app)
    assert "Model in use: **toy of tiny-1**" in words(app)
    assert say("model_origins.by_run", run="tiny-1") in words(app)
    assert say("runs.activate_yes") not in labels(app)
    chosen = active_model(runs)
    assert chosen is not None and chosen.path == job.model_path
    assert say("runs.activated") not in words(run(app))  # said once
    press(app, say("chosen.use_shipped"))
    assert active_model(runs) is None and say("model_origins.shipped") in words(app)


def test_a_choice_that_is_broken_can_be_taken_back(runs: Path) -> None:
    runs.mkdir()
    (runs / CHOICE).write_text("{")
    app = page()
    assert "cannot be used" in app.warning[0].value
    press(app, say("chosen.use_shipped"))
    assert not app.warning and not (runs / CHOICE).exists()


def test_a_damaged_model_is_not_chosen(runs: Path) -> None:
    job = fake_run(runs, "tiny-1")
    job.model_path.write_bytes(b"no network")
    app = page()
    press(app, say("runs.activate_yes"))
    (error,) = app.error
    assert "sha256 differs" in error.value and active_model(runs) is None


def test_a_run_is_deleted_after_a_question(runs: Path) -> None:
    job = fake_run(runs, "tiny-1")
    fake_run(runs, "tiny-2")
    activate(job.model_path)
    app = page()
    app.selectbox(key="shown_run").set_value("tiny-1")
    run(app)
    assert say("runs.delete_active", name="tiny-1") in words(app)
    press(app, say("runs.delete_yes"))
    assert not job.path.exists() and active_model(runs) is None
    assert say("runs.deleted", name="tiny-1") in words(app)
    assert app.selectbox(key="shown_run").value == "tiny-2"


def test_a_run_that_another_visitor_deletes_meanwhile_is_gone(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, _ = fake_run(runs, "tiny-1"), fake_run(runs, "tiny-2")
    scores = JobFolder.scores

    def delete_then(self: JobFolder) -> dict:
        if job.path.exists():
            control.delete_job(job)
        return scores(self)

    monkeypatch.setattr(JobFolder, "scores", delete_then)
    (table,) = page().dataframe
    assert list(table.value[say("runs.run")]) == ["tiny-2"]


def test_the_end_of_a_run_is_told(runs: Path) -> None:
    with living_process() as process:
        job = fake_run(runs, "tiny-1", State.RUNNING, step=Step.READING, **process)
        app = page()
        assert "**tiny-1**: reading the pictures" in words(app)
    write_status(job.path, Status(State.FINISHED))
    app = run(app)
    assert "**tiny-1**: finished" in words(app) and say("new_run.start") in labels(app)


@pytest.mark.parametrize("code", ["en", "id"])
def test_every_step_state_and_shipped_recipe_has_words(tmp_path: Path, code: str) -> None:
    say, job = load_catalogue(code), JobFolder(tmp_path / "tiny-1")
    told = {run_words(job, Status(state), say) for state in State}
    told |= {run_words(job, Status(State.RUNNING, step), say) for step in Step}
    assert len(told) == len(State) + len(Step) - 1
    for protocol in (GROUPED, REPORT):
        assert say.text(f"protocols.{protocol}") and say.text(f"split_notes.{protocol}")
    for recipe in classifier_recipes():
        assert f"recipes.{recipe.replace('-', '_')}" in say.texts


@pytest.mark.parametrize(
    ("status", "share"),
    [
        ({}, None),
        ({"step": Step.AUDITING, "done": 5, "total": 20}, 0.25),
        ({"step": Step.AUDITING, "done": 20, "total": 20}, None),  # what follows has no measure
        ({"step": Step.TRAINING, "done": 5, "total": 10, "epoch": 3, "epochs": 4}, 0.625),
        ({"step": Step.TRAINING, "done": 10, "total": 10, "epoch": 4, "epochs": 4}, 1.0),
    ],
)
def test_how_much_is_done(status: dict, share: float | None) -> None:
    assert share_done(Status(State.RUNNING, **status)) == share


@pytest.mark.parametrize(
    ("left_s", "english", "indonesian"),
    [
        (None, "", ""),
        (5, "Less than a minute left", "Kurang dari satu menit lagi"),
        (62, "About 1 minute left", "Sekitar 1 menit lagi"),
        (600, "About 10 minutes left", "Sekitar 10 menit lagi"),
        (7300, "About 2 hours left", "Sekitar 2 jam lagi"),
    ],
)
def test_how_long_it_will_take(left_s: float | None, english: str, indonesian: str) -> None:
    status = Status(State.RUNNING, left_s=left_s)
    assert (time_left(status, ENGLISH), time_left(status, INDONESIAN)) == (english, indonesian)


HOME = """
import sys
from pathlib import Path
from streamlit.testing.v1 import AppTest
from maskwatch.training.jobs.different_photos import different_photos
app = AppTest.from_file(sys.argv[1], default_timeout=300).run()
assert not app.exception and app.multiselect, app.exception
assert different_photos([Path(sys.argv[2])])["mask"] >= 5
print(sorted({"tensorflow", "keras", "sklearn", "matplotlib"} & set(sys.modules)))
"""


def test_what_trains_is_never_loaded_beside_live_video(runs: Path) -> None:
    fake_run(runs, "tiny-1")
    fake_run(runs, "tiny-2")
    seen = subprocess.run(
        [sys.executable, "-c", HOME, str(PAGE), str(runs.parent / "sets" / "faces")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stdout == "[]\n"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What Streamlit's own command would have been called with."""
    for name in (settings.RUNS_VARIABLE, settings.DATA_VARIABLE, settings.WEIGHTS_VARIABLE):
        monkeypatch.setenv(name, "")  # so that what the command sets is taken back
        monkeypatch.delenv(name)
    for name in launch.STREAMLIT_SETTINGS:
        monkeypatch.setenv(name, launch.STREAMLIT_SETTINGS[name])
    calls: list[list[str]] = []
    monkeypatch.setattr("streamlit.web.cli.main", lambda args, **_: calls.append(args))
    return calls


def test_the_operator_says_what_may_be_used(served: list[list[str]], tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "w.h5").touch()
    options = ["--runs", tmp_path / "runs", "--data", tmp_path / "a", "--data", tmp_path / "b"]
    options += ["--weights", tmp_path / "w.h5", "--server.port", "9000"]
    done = CliRunner().invoke(cli, ["app", *map(str, options)])
    assert done.exit_code == 0, done.output
    assert os.environ[settings.RUNS_VARIABLE] == str(tmp_path / "runs")
    assert os.environ[settings.DATA_VARIABLE] == f"{tmp_path / 'a'}{os.pathsep}{tmp_path / 'b'}"
    assert os.environ[settings.WEIGHTS_VARIABLE] == str(tmp_path / "w.h5")
    assert served[0][2:] == ["--server.port", "9000"]


@pytest.mark.parametrize("option", ["--data", "--weights"])
def test_what_is_of_no_use_without_runs_is_refused(
    served: list[list[str]], tmp_path: Path, option: str
) -> None:
    path = tmp_path if option == "--data" else tmp_path / "w.h5"
    (tmp_path / "w.h5").touch()
    done = CliRunner().invoke(cli, ["app", option, str(path)])
    assert done.exit_code == 2 and f"{option}: is of use with --runs only" in done.output
    assert not served


def test_without_the_extra_one_line_says_what_to_install(
    served: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "can_train", lambda: False)
    done = CliRunner().invoke(cli, ["app", "--runs", str(tmp_path)])
    assert done.exit_code == 1 and pip_extra("train") in done.output
    assert not served


def test_the_help_warns_of_strangers() -> None:
    said = " ".join(CliRunner().invoke(cli, ["app", "--help"]).output.split())
    assert "Whoever can open the page can then start training on this computer" in said
