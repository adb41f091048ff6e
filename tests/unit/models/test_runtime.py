"""The cores a session uses are those the process may use; and nothing is told to anybody."""

import os
import subprocess
import sys

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from support.toy_model import toy_onnx

from maskwatch.errors import ModelError
from maskwatch.models import runtime
from maskwatch.models.card import SHIPPED_MODEL, load_model
from maskwatch.samples import SAMPLES


@pytest.mark.parametrize(
    ("content", "quota"),
    [("max 100000", None), ("150000 100000", 1.5), ("400000 100000", 4.0), ("odd", None)],
)
def test_the_quota_of_a_control_group(tmp_path, monkeypatch, content, quota):
    (tmp_path / "cpu.max").write_text(content)
    monkeypatch.setattr(runtime, "_CGROUP_V2", tmp_path / "cpu.max")
    assert runtime._cgroup_quota() == quota
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    limit = cpus if quota is None else min(cpus, -(-quota // 1))
    assert runtime.available_cpus() == max(1, limit)


def test_without_control_groups_there_is_no_quota(tmp_path, monkeypatch):
    for name in ("_CGROUP_V2", "_CGROUP_V1_QUOTA", "_CGROUP_V1_PERIOD"):
        monkeypatch.setattr(runtime, name, tmp_path / "absent")
    assert runtime._cgroup_quota() is None


def test_the_first_version_of_control_groups(tmp_path, monkeypatch):
    (tmp_path / "quota").write_text("-1")
    (tmp_path / "period").write_text("100000")
    monkeypatch.setattr(runtime, "_CGROUP_V2", tmp_path / "absent")
    monkeypatch.setattr(runtime, "_CGROUP_V1_QUOTA", tmp_path / "quota")
    monkeypatch.setattr(runtime, "_CGROUP_V1_PERIOD", tmp_path / "period")
    assert runtime._cgroup_quota() is None
    (tmp_path / "quota").write_text("250000")
    assert runtime._cgroup_quota() == 2.5


def test_a_session_uses_them_and_does_not_spin():
    options = runtime.create_session(toy_onnx(), "toy").get_session_options()
    assert options.intra_op_num_threads == runtime.available_cpus()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_a_joined_network_has_fewer_steps_and_the_same_answer():
    network, _ = load_model(SHIPPED_MODEL)
    joined = runtime.joined(network, "it")
    before, after = (len(onnx.load_from_string(each).graph.node) for each in (network, joined))
    assert after < 0.8 * before
    crops = np.random.default_rng(7).integers(0, 256, (2, 128, 128, 3), np.uint8)
    plain = onnxruntime.SessionOptions()  # as the browser page runs it
    plain.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    page = onnxruntime.InferenceSession(joined, plain, providers=["CPUExecutionProvider"])
    answers = [
        each.run(None, {each.get_inputs()[0].name: crops})[0]
        for each in (runtime.create_session(network, "it"), page)
    ]
    np.testing.assert_allclose(*answers, atol=1e-5)
    with pytest.raises(ModelError, match="odd: ONNX Runtime cannot load it"):
        runtime.joined(b"nothing", "odd")


def test_a_share_leaves_the_other_cores_to_others(monkeypatch):
    threads = cv2.getNumThreads()
    monkeypatch.setattr(runtime, "_share", None)
    cores = runtime.available_cpus()
    runtime.take_share(1)
    assert (runtime.available_cpus(), cv2.getNumThreads()) == (1, 1)
    runtime.take_share(cores + 1)
    assert runtime.available_cpus() == cores
    cv2.setNumThreads(threads)


def test_a_share_for_a_while_is_given_back(monkeypatch):
    monkeypatch.setattr(runtime, "_share", None)
    before = runtime.available_cpus(), cv2.getNumThreads()
    with pytest.raises(ZeroDivisionError), runtime.share(1):
        assert (runtime.available_cpus(), cv2.getNumThreads()) == (1, 1)
        raise ZeroDivisionError
    assert (runtime.available_cpus(), cv2.getNumThreads()) == before


@pytest.mark.parametrize("arguments", [["predict"], ["doctor"]])
def test_no_identity_is_written_and_nothing_is_to_be_sent(tmp_path, arguments):
    if arguments == ["predict"]:
        arguments += [SAMPLES[0].path]
    # nothing that ONNX Runtime takes for a reason to keep quiet by itself, such as CI
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    environment |= {"HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "maskwatch", *arguments]
    subprocess.run(command, env=environment, cwd=tmp_path, check=True, capture_output=True)
    assert list(tmp_path.iterdir()) == []
