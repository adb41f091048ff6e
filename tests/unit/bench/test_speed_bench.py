"""`maskwatch bench`: what it counts is right, its frames hold what it says, its last line is JSON.

Run: pytest tests/unit/bench/test_speed_bench.py
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper

import maskwatch
from maskwatch.bench import contenders, startup
from maskwatch.bench.contenders import (
    CROP,
    WHOLE,
    count_operations,
    matrix_product,
    measure_peak,
    time_contenders,
)
from maskwatch.bench.run import NetworkFloor
from maskwatch.bench.speed import (
    FACES,
    LEAST_ROUNDS,
    SIZES_WH,
    STAGES,
    Times,
    draw_frame,
    take_turns,
)
from maskwatch.bench.speed import WHOLE as WHOLE_STAGES
from maskwatch.cli.bench import bench
from maskwatch.cli.main import cli
from maskwatch.errors import MaskWatchError
from maskwatch.models.network import eager
from maskwatch.models.runtime import create_session
from maskwatch.stream import Stream


@pytest.fixture(scope="module")
def analyzer() -> maskwatch.Analyzer:
    return maskwatch.Analyzer()


def graph_of(node: onnx.NodeProto, given: list[int], answer: list[int], *weights: list[int]):
    """A network of one node with weights of these shapes."""
    tensors = [
        helper.make_tensor(f"w{index}", TensorProto.FLOAT, shape, np.ones(shape).ravel())
        for index, shape in enumerate(weights)
    ]
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, given)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, answer)],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString(), np.ones(given, np.float32)


@pytest.mark.parametrize(
    ("node", "given", "answer", "weights", "by_hand"),
    [
        (helper.make_node("Relu", ["x"], ["y"]), [1, 4], [1, 4], [], 0),
        (helper.make_node("MatMul", ["x", "w0"], ["y"]), [2, 3], [2, 5], [[3, 5]], 2 * 2 * 5 * 3),
        (
            helper.make_node("Gemm", ["x", "w0", "w1"], ["y"], transB=1),
            [2, 3],
            [2, 5],
            [[5, 3], [5]],
            2 * 2 * 5 * 3,
        ),
        (
            helper.make_node("Gemm", ["x", "w0"], ["y"], transA=1),
            [3, 2],
            [2, 5],
            [[3, 5]],
            2 * 2 * 5 * 3,
        ),
        (  # 8 x 8 pixels, 3 channels to 6, kernel 3 x 3, every other pixel
            helper.make_node("Conv", ["x", "w0"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1]),
            [1, 3, 8, 8],
            [1, 6, 4, 4],
            [[6, 3, 3, 3]],
            2 * (6 * 4 * 4) * (3 * 3 * 3),
        ),
        (  # the same depthwise: each channel sees itself alone
            helper.make_node("Conv", ["x", "w0"], ["y"], group=4, pads=[1, 1, 1, 1]),
            [2, 4, 5, 5],
            [2, 4, 5, 5],
            [[4, 1, 3, 3]],
            2 * (2 * 4 * 5 * 5) * (3 * 3),
        ),
    ],
    ids=["nothing to count", "matmul", "gemm", "gemm on its side", "convolution", "depthwise"],
)
def test_operations_are_those_counted_by_hand(node, given, answer, weights, by_hand):
    assert count_operations(*graph_of(node, given, answer, *weights)) == by_hand


def test_the_matrix_product_multiplies_and_has_a_peak():
    model = matrix_product(4)
    onnx.checker.check_model(onnx.load_from_string(model))
    a = np.arange(16, dtype=np.float32).reshape(4, 4)
    b = np.flipud(a)
    (product,) = create_session(model, "product").run(None, {"a": a, "b": b})
    assert np.array_equal(product, a @ b)
    assert measure_peak(seconds=0.05) > 0


def test_a_floor_is_operations_over_peak():
    row = NetworkFloor(2_000_000, 4.0, Times((8.0, 10.0, 9.0))).to_dict()
    assert (row["megaoperations"], row["floor_ms"], row["times_floor"]) == (2.0, 4.0, 2.25)


@pytest.mark.parametrize("size_wh", SIZES_WH)
@pytest.mark.parametrize("faces", [*FACES, 10])
def test_every_drawn_face_is_found_and_nothing_else(analyzer, size_wh, faces):
    frame = draw_frame(size_wh, faces)
    assert frame.shape == (size_wh[1], size_wh[0], 3)
    found, sure = analyzer.find_live(frame)
    assert (sure.sum(), len(analyzer.analyze(frame).faces)) == (faces, faces)
    assert len(found) >= faces


def test_calls_take_turns_and_the_first_round_does_not_count():
    order = []
    calls = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    times = take_turns(calls, seconds=0)
    assert order == ["a", "b"] * (LEAST_ROUNDS + 1)
    assert [len(row.each_ms) for row in times.values()] == [LEAST_ROUNDS] * 2


def test_a_call_that_tells_its_own_time_is_believed():
    times = take_turns({"asked": lambda: 7.5}, seconds=0)
    assert times["asked"].to_dict()["p50_ms"] == 7.5


def test_ratios_are_of_the_same_round():
    slow, base = Times((2.0, 40.0, 6.0)), Times((1.0, 20.0, 2.0))
    assert slow.ratio_to(base) == 2.0


def test_what_is_not_installed_is_left_out_with_a_sentence(analyzer, monkeypatch):
    monkeypatch.setattr(contenders, "_installed", lambda package: False)
    monkeypatch.setattr(contenders, "is_here", lambda device: False)
    monkeypatch.setattr(contenders, "devices_here", lambda: ["cpu"])
    result = time_contenders(analyzer, 0.0, 1.0, same_network=True)
    assert set(result.times) == {WHOLE, CROP}
    told = " ".join(result.left_out)
    for missing in ("int8", "OpenVINO", "report's way", "maskwatch[train]", r"maskwatch[openvino]"):
        assert missing in told
    assert result.to_dict()["ways"][WHOLE]["times_maskwatch"] == 1


@pytest.mark.skipif(find_spec("openvino") is None, reason="needs the extra openvino")
def test_each_device_that_is_here_takes_part_with_its_own_engines(analyzer, monkeypatch):
    monkeypatch.setattr(contenders, "_installed", lambda package: False)
    result = time_contenders(analyzer, 0.0, 1.0, same_network=True)
    assert set(result.times) == {WHOLE, CROP, f"{WHOLE}, openvino", f"{CROP}, openvino"}
    named = maskwatch.Analyzer(device="openvino")
    frame = draw_frame((640, 480), 1)
    with eager():
        Stream(named).update(frame, 0.0)
    assert named.devices == {"classifier": "openvino", "detector": "openvino"}


@pytest.mark.skipif(find_spec("keras") is None, reason="needs the extra train")
def test_a_framework_that_is_not_ready_in_time_is_left_out(analyzer):
    result = time_contenders(analyzer, 0.0, 0.0, same_network=False)
    assert any("not ready in time" in sentence for sentence in result.left_out)
    assert any("int8" in sentence for sentence in result.left_out)


def test_the_base_installation_is_what_run_time_needs():
    names = startup.base_requirements()
    assert {"numpy", "onnxruntime", "opencv-python-headless", "pillow", "click"} <= set(names)
    assert not {"tensorflow", "tensorflow-cpu", "streamlit", "onnx", "pandas"} & set(names)
    found = startup.sizes()
    assert found["base_install_mb"] == pytest.approx(sum(found["packages_mb"].values()), abs=1)
    assert found["models_mb"]["classifier"] > found["models_mb"]["detector"] > 0.1


@pytest.fixture(scope="module")
def quick(tmp_path_factory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """One run of the command, as a user has it."""
    out = tmp_path_factory.mktemp("bench") / "deeper" / "bench.json"
    code = (
        "import sys; from maskwatch.cli.main import cli; cli(sys.argv[1:], standalone_mode=False); "
        "loaded = {'tensorflow', 'keras', 'onnx', 'pandas', 'streamlit'} & set(sys.modules); "
        "print('loaded:', *sorted(loaded), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "bench", "--quick", "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False), out


@pytest.mark.slow
def test_the_last_line_is_one_document_with_all_there_is(quick):
    done, out = quick
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    document = json.loads(last)
    assert json.loads(out.read_text()) == document
    scenes = document["scenes"]
    wanted = {(width, height, faces) for width, height in SIZES_WH for faces in FACES}
    assert {(*scene["size_wh"], scene["faces_drawn"]) for scene in scenes} == wanted
    for scene in scenes:
        assert set(scene["stages"]) == {*STAGES, *WHOLE_STAGES}
        assert scene["faces_found_live"] == scene["faces_found_photo"] == scene["faces_drawn"]
    assert all(row["times_floor"] > 0 for row in document["networks"].values())
    assert set(document["side_by_side"]["ways"]) >= {WHOLE, CROP}
    assert document["start"]["peak_mb"] > 20
    assert document["machine"]["cores"] >= 1
    assert "numpy" in document["sizes"]["packages_mb"]
    table = "\n".join(lines)
    for word in (*STAGES, *WHOLE_STAGES, "1920 x 1080", "20 live, 20 photo", "peak memory"):
        assert word in table
    assert all(sentence in table for sentence in document["side_by_side"]["left_out"])


@pytest.mark.slow
def test_no_training_package_is_loaded_in_the_process_that_measures(quick):
    assert quick[0].stderr.splitlines()[-1] == "loaded:"


def test_help_names_the_option_and_the_commands_that_were_there():
    told = CliRunner().invoke(bench, ["--help"]).output
    assert all(word in told for word in ("--quick", "--out", "detector", "flicker"))


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["street", "."],
        ["flicker", "--data", "photos.parquet"],
        ["detector", "--set", "voc-853"],
    ],
)
def test_where_nothing_can_be_written_is_told_before_the_work(
    command: list[str], tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    result = CliRunner().invoke(cli, ["bench", *command, "--out", str(blocked / "out")])
    assert result.exit_code != 0 and result.output.count("\n") == 1
    assert result.output.startswith(f"Error: {blocked}") and "cannot be written" in result.output


def test_a_report_process_that_was_killed_is_one_line() -> None:
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        with pytest.raises(MaskWatchError, match="the report's way has ended"):
            contenders._ask(process, "eager")
        process.kill()
