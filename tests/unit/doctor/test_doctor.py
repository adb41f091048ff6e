"""`maskwatch doctor`: silent where all is well, one line with a remedy for each fault.

Faults are made, not imitated: packages that are written into a folder ahead of the real ones,
networks and files that are spoilt, permissions that are taken away.

Run: pytest tests/unit/doctor/test_doctor.py
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.drawn_video import count_up, write_video
from support.fakes import WITHOUT_ROOT

import maskwatch
from maskwatch.cli.doctor import diagnose
from maskwatch.doctor.machine import (
    check_camera,
    check_cameras,
    check_cores,
    check_fonts,
    check_statistics,
    check_turn,
)
from maskwatch.doctor.networks import check_network, check_networks, check_verdict
from maskwatch.doctor.packages import Finding, check_loading, load
from maskwatch.errors import pip_extra
from maskwatch.models import runtime
from maskwatch.models.card import SHIPPED_DETECTOR, SHIPPED_MODEL, load_detector, load_model
from maskwatch.models.device import DEVICE_VARIABLE

TURN = "turn:turn.example.org:3478"


def add_package(folder: Path, name: str, version: str, module: str = "", more: str = "") -> None:
    """What pip leaves of a package that brings a module, without the module."""
    about = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}"
    )
    (about / "top_level.txt").write_text(module)


def add_module(folder: Path, name: str, code: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(code)


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, with what lies in the folder ahead of all that is installed."""
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-m", "maskwatch", *arguments],
        env={**os.environ, "PYTHONPATH": path, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
    )


def faults_of(folder: Path) -> dict[str, list[str]]:
    """What is found wrong, by topic."""
    told = run(folder, "doctor", "--json")
    document = json.loads(told.stdout)
    faults = {each["topic"]: each["faults"] for each in document["findings"] if each["faults"]}
    assert (told.returncode, document["well"]) == ((1, False) if faults else (0, True))
    return faults


def test_all_is_well_here_and_nothing_tells_who_asked(tmp_path: Path) -> None:
    home = tmp_path / "somebody"
    home.mkdir()
    told = run(tmp_path, "doctor", HOME=str(home), XDG_DATA_HOME="")
    assert (told.returncode, told.stderr) == (0, ""), told.stdout
    assert told.stdout.endswith("\nAll is well.\n")
    for words in (maskwatch.__version__, np.__version__, "cv2 comes from opencv", "~/.local"):
        assert words in told.stdout
    document = run(tmp_path, "doctor", "--json", HOME=str(home), XDG_DATA_HOME="").stdout
    assert "somebody" not in document + told.stdout
    assert json.loads(document)["schema"] == "maskwatch.doctor/1"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("doctor",), 0),
        (("watch", "watch.yaml", "--check"), 0),
        (("events", "export", "out.csv"), 2),  # nothing was ever kept
        (("live", "none.mp4", "--no-window"), 1),
    ],
)
def test_a_user_without_a_home_and_a_name(
    tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    (tmp_path / "watch.yaml").write_text('cameras: [{name: a, source: "0"}]')
    nobody = (
        "import os, pwd\n"
        "for name in ('HOME', 'XDG_DATA_HOME'): os.environ.pop(name, None)\n"
        "def unknown(uid): raise KeyError(uid)\n"
        "pwd.getpwuid = unknown\n"
        "from maskwatch.cli.main import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", nobody, *arguments]
    told = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (told.returncode, "Traceback" in told.stderr) == (code, False), told.stderr


def test_packages_of_the_same_files_and_one_that_is_too_old(tmp_path: Path) -> None:
    for name in ("opencv-python", "opencv-contrib-python"):
        add_package(tmp_path, name, "99.0", "cv2")
    add_package(tmp_path, "onnxruntime-gpu", "99.0", "onnxruntime")
    add_package(tmp_path, "numpy", "1.20.0")
    faults = faults_of(tmp_path)
    assert list(faults) == ["packages", "OpenCV", "ONNX Runtime"]
    (too_old,), (opencv,), (runtime,) = faults.values()
    for fault in (opencv, runtime):
        assert f"overwrite each other's files; {sys.executable} -m pip uninstall -y" in fault
    assert opencv.startswith("opencv-contrib-python and opencv-python")
    assert opencv.endswith("pip install opencv-python-headless")
    assert "onnxruntime-gpu" in runtime and runtime.endswith("pip install onnxruntime")
    assert too_old.startswith("numpy 1.20.0 is none of >=")
    assert f'; {sys.executable} -m pip install --upgrade "numpy>=' in too_old


def test_parts_are_a_choice_but_what_is_there_must_fit(tmp_path: Path) -> None:
    needs = "\n".join(
        f"Requires-Dist: {line}\nProvides-Extra: {line.rpartition('=')[2].strip()[1:-1]}"
        for line in (
            "click>=8; extra == 'whole'",
            "no-such-package>=1; extra == 'absent'",
            "click>=999; extra == 'old'",
            "maskwatch[old]; extra == 'more'",
            "no-such-package; extra == 'dev'",
        )
    )
    add_package(tmp_path, "maskwatch", "1", more=needs + "\n")
    told = run(tmp_path, "doctor")
    lines = dict(line.split(":", 1) for line in told.stdout.splitlines() if ":" in line)
    assert lines["part whole"].split()[0] == "click"
    remedy = pip_extra("absent")
    assert lines["part absent"].strip() == f"not installed (no-such-package missing); {remedy}"
    assert "part dev" not in lines
    assert {name for name in lines if name.startswith("Wrong")} == {
        "Wrong with part old",
        "Wrong with part more",
    }


@pytest.mark.parametrize(
    ("module", "code", "expected"),
    [
        ("cv2", "raise ImportError('numpy.core.multiarray failed to import')", "and numpy as well"),
        ("cv2", "raise ImportError('libGL.so.1: cannot open shared object file')", "to the system"),
        ("cv2", "import os\nos.abort()", "ends the process with signal 6"),
        ("onnxruntime", "raise ModuleNotFoundError('No module')", "install onnxruntime"),
    ],
)
def test_packages_that_do_not_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, code: str, expected: str
) -> None:
    add_module(tmp_path, module, code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    faults = {finding.topic: finding.faults for finding in check_loading()}
    (fault,) = faults[f"loads {module}"]
    assert expected in fault and "--force-reinstall" in fault


def test_it_speaks_even_without_numpy(tmp_path: Path) -> None:
    add_module(tmp_path, "numpy", "import sys\nsys.exit('no')")
    (fault,) = faults_of(tmp_path)["loads numpy"]
    assert "pip install --force-reinstall numpy" in fault


def test_another_command_says_in_one_line_what_does_not_load(tmp_path: Path) -> None:
    add_module(tmp_path, "cv2", "raise ImportError('libGL.so.1: cannot open')")
    told = run(tmp_path, "predict", "x.jpg")
    assert told.returncode == 1
    reason = "a package cannot be loaded (libGL.so.1: cannot open)"
    assert told.stderr == f"Error: {reason}; `maskwatch doctor` says more\n"


def test_a_file_of_the_current_folder_is_no_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_module(tmp_path, "cv2", "raise ImportError('mine')")
    monkeypatch.chdir(tmp_path)
    assert load("cv2")[1] is None


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    for suffix in (".onnx", ".json", ".golden.npz"):
        shutil.copy(SHIPPED_MODEL.with_suffix(suffix), tmp_path)
    return tmp_path / SHIPPED_MODEL.name


def test_shipped_networks_are_well() -> None:
    assert check_network("detector", SHIPPED_DETECTOR, load_detector).faults == ()
    assert check_network("classifier", SHIPPED_MODEL, load_model).faults == ()
    verdict = check_verdict()
    assert verdict.faults == () and verdict.says.startswith("4 drawn faces")


def test_a_network_that_was_altered(classifier: Path) -> None:
    with classifier.open("ab") as file:
        file.write(b"x")
    (fault,) = check_network("classifier", classifier, load_model).faults
    assert "sha256 differs" in fault and "pip install --force-reinstall" in fault


def test_a_network_that_answers_otherwise(classifier: Path) -> None:
    golden = classifier.with_suffix(".golden.npz")
    with np.load(golden) as arrays:
        crops, probabilities = arrays["crops"], arrays["probabilities"]
    np.savez(golden, crops=crops, probabilities=probabilities[::-1])
    (fault,) = check_network("classifier", classifier, load_model).faults
    assert fault.startswith("answers otherwise")


@pytest.mark.parametrize("content", [None, b"", b"PK\3\4 cut short"])
def test_golden_answers_that_are_missing_or_damaged(
    classifier: Path, content: bytes | None
) -> None:
    golden = classifier.with_suffix(".golden.npz")
    golden.unlink()
    if content is not None:
        golden.write_bytes(content)
    (fault,) = check_network("classifier", classifier, load_model).faults
    assert fault.startswith("classifier.golden.npz is missing or damaged")


@pytest.mark.skipif(sys.platform != "linux", reason="cameras are listed on Linux only")
def test_cameras_and_who_may_use_them(tmp_path: Path) -> None:
    assert check_cameras(tmp_path) == Finding("cameras", "none")
    camera = tmp_path / "video0"
    camera.touch()
    assert check_cameras(tmp_path) == Finding("cameras", str(camera))
    camera.chmod(0)
    code = (
        "import grp, sys\nfrom pathlib import Path\n"
        "from maskwatch.doctor.machine import check_cameras\n"
        f"{WITHOUT_ROOT}\nprint(*check_cameras(Path(sys.argv[1])).faults, sep='\\n')"
    )
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    command = [sys.executable, "-c", code, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"{camera}: permission denied; sudo usermod -aG ")
    assert len(said.splitlines()) == 1


def test_a_camera_is_opened(tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", count_up(3))
    assert check_camera(str(film)).says.startswith("gives pictures of ")
    (fault,) = check_camera("199").faults
    assert "camera 199: there is no such camera" in fault or sys.platform != "linux"


@pytest.mark.parametrize(
    ("environment", "secrets", "says", "faulty"),
    [
        ({}, None, "none; needed only", False),
        ({"TURN_URLS": TURN, "TURN_SECRET": "s"}, None, "1 addresses", False),
        ({}, f'TURN_URLS = "{TURN},{TURN}"\nTURN_SECRET = "s"', "2 addresses", False),
        ({"TURN_SECRET": "s"}, None, "set up in part", True),
        ({"TURN_URLS": TURN}, "other = 1", "set up in part", True),
        ({}, "not TOML", "set up in part", True),
    ],
)
def test_turn_server(
    tmp_path: Path, environment: dict[str, str], secrets: str | None, says: str, faulty: bool
) -> None:
    if secrets is not None:
        (tmp_path / ".streamlit").mkdir()
        (tmp_path / ".streamlit" / "secrets.toml").write_text(secrets)
    finding = check_turn(environment, (tmp_path, tmp_path / "home"))
    assert finding.says.startswith(says)
    assert bool(finding.faults) == faulty


def test_statistics(tmp_path: Path) -> None:
    path = tmp_path / "new" / "statistics.sqlite3"
    assert check_statistics(path, named=False).faults == ()
    assert not path.parent.exists()
    path.parent.mkdir()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE somebody_elses (x)")
    (fault,) = check_statistics(path, named=False).faults
    assert "no statistics of MaskWatch; move it away" in fault


def test_statistics_with_a_name_that_is_too_long(tmp_path: Path) -> None:
    assert "not begun" in check_statistics(tmp_path / ("a" * 300), named=False).says


def test_statistics_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (fault,) = check_statistics(tmp_path / "file" / "s.sqlite3", named=True).faults
    assert "file is no folder; name another file" in fault


def test_a_wrong_choice_of_device_is_the_only_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEVICE_VARIABLE, "abacus")
    faults = {finding.topic: finding.faults for finding in check_networks() if finding.faults}
    assert list(faults) == ["device"] and "not abacus" in faults["device"][0]


@pytest.mark.skipif(os.name == "nt", reason="there nobody can remove it")
def test_a_current_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert "TURN server" in [finding.topic for finding in diagnose(None)]


def test_statistics_that_cannot_be_begun(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\nfrom maskwatch.doctor.machine import check_statistics\n"
        "import maskwatch.store.statistics\n"
        f"{WITHOUT_ROOT}\npath = Path('/proc/none/s.sqlite3')\n"
        "print(len(check_statistics(path, named=False).faults))\n"
        "print(*check_statistics(path, named=True).faults, sep='\\n')"
    )
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith("0\n/proc/none/s.sqlite3: may not be written; ")


def test_cores_and_fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_fonts().faults == ()
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    (tmp_path / "cpu.max").write_text("100000 100000")
    monkeypatch.setattr(runtime, "_CGROUP_V2", tmp_path / "cpu.max")
    assert check_cores().says.startswith("1 of 64;")
