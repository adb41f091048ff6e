"""Golden vectors for what is done with one picture: scaling, finding, cutting out, judging."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from maskwatch.models.card import SHIPPED_DETECTOR, DetectorCard, load_detector
from maskwatch.pipeline import reading_order
from maskwatch.schema import Face, ImageRGB
from maskwatch.vision.classify import calibrate
from maskwatch.vision.crop import crop_faces
from maskwatch.vision.detect import (
    POINT_VALUES,
    FaceDetector,
    decode_faces,
    grid_points,
    suppress_overlaps,
)
from maskwatch.vision.edge import fills, looks_like_crop, with_border, without_border
from maskwatch.vision.letter_box import letter_box
from maskwatch.vision.quality import evidence_weight, measure_quality
from maskwatch.vision.tiles import TILE_PX, is_part, is_whole, tile_corners, tile_scales
from support.contract_parts import Values, drawn, face_of, packed, part, picture


@part
def scale(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    sizes = [
        (24, 18, 24, 18),
        (24, 18, 12, 9),
        (24, 18, 8, 6),
        (25, 17, 11, 7),
        (19, 23, 7, 3),
        (12, 9, 31, 22),
        (12, 9, 24, 18),
        (13, 7, 9, 11),
        (9, 13, 11, 9),
        (1, 9, 3, 4),
        (7, 1, 5, 1),
        (40, 3, 17, 1),
    ]
    for width, height, to_width, to_height in sizes:
        image = drawn(rng, width, height)
        for mode, kind in (("area", cv2.INTER_AREA), ("linear", cv2.INTER_LINEAR)):
            out = cv2.resize(image, (to_width, to_height), interpolation=kind)
            yield {**picture(image), "to": [to_width, to_height], "mode": mode}, packed(out)


@part
def letter_boxes(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    for width, height, side in (
        (40, 30, 64),
        (90, 60, 64),
        (130, 40, 48),
        (5, 64, 32),
        (33, 1, 40),
    ):
        image = drawn(rng, width, height)
        padded, ratio = letter_box(image, side)
        yield {**picture(image), "side": side}, {**picture(padded), "ratio": ratio.tolist()}


@part
def decode(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    for width, height, least in ((64, 32, 0.5), (32, 32, 0.3), (32, 64, 0.999)):
        points = len(grid_points(width, height)[0])
        output = rng.normal(-0.5, 1.2, (points, POINT_VALUES)).round(3)
        output[3, 3] = 20.0  # a size that is cut
        boxes, scores, landmarks = decode_faces(output.astype(np.float32), width, height, least)
        given = {"output": output.ravel().tolist(), "size": [width, height], "least": least}
        yield (
            given,
            [
                {"box": box, "score": score, "landmarks": points}
                for box, score, points in zip(
                    boxes.tolist(), scores.tolist(), landmarks.reshape(-1, 10).tolist(), strict=True
                )
            ],
        )


class ScriptedDetector(FaceDetector):
    """Looks with a network that says what a script holds for each width of its input."""

    def __init__(self, card: DetectorCard, outputs: dict[int, np.ndarray]) -> None:
        self.card, self.outputs = card, outputs

    def _run(self, padded_rgb: ImageRGB) -> Any:
        return self.outputs[padded_rgb.shape[1]]


@part
def looks(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    _, shipped = load_detector(SHIPPED_DETECTOR)
    for smallest in (0, 20, 28):
        sizes = {"coarse_side_px": 32, "fine_face_px": 32, "coarse_face_px": smallest}
        outputs = {}
        for side in (64, 32):
            output = rng.normal(-1, 1.2, (len(grid_points(side, side)[0]), POINT_VALUES))
            outputs[side] = output.round(3).astype(np.float32)
        detector = ScriptedDetector(replace(shipped, **sizes), outputs)
        card = {**sizes, "side_px": 64, "min_score": 0.5, "nms_iou": shipped.nms_iou}
        faces = detector._detect(np.zeros((128, 128, 3), np.uint8), 64, 0.5)
        told = {side: output.ravel().tolist() for side, output in outputs.items()}
        yield {"card": card, "outputs": told}, [found_face(face) for face in faces]


def found_face(face: Face) -> Values:
    return {
        "box": list(face.box_xyxy),
        "score": face.detection_score,
        "landmarks": np.ravel(face.landmarks_xy).tolist(),
    }


@part
def tiled_looks(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    """In panoramas of few rows, where tiles of every round are told the same faces."""
    _, shipped = load_detector(SHIPPED_DETECTOR)
    sizes = {"coarse_side_px": 0, "fine_face_px": 128, "coarse_face_px": 0}
    for width, side in ((2001, 512), (4100, 512)):
        outputs, told = {}, {}
        for columns in (side, TILE_PX):
            output = np.zeros((len(grid_points(columns, 32)[0]), POINT_VALUES), np.float32)
            output[:, 0] = -9
            points = rng.choice(len(output), 24, replace=False)
            output[points] = rng.uniform((0.5, *14 * [-1]), (3, *14 * [1]), (24, 15)).round(3)
            output[points, 3:5] += 1.2
            outputs[columns] = output
            told[columns] = {
                "points": len(output),
                "faces": dict(zip(points.tolist(), output[points].tolist(), strict=True)),
            }
        detector = ScriptedDetector(replace(shipped, **sizes), outputs)
        detector._tiles, detector._side_px, detector.min_score = "auto", side, 0.5
        card = {**sizes, "side_px": side, "min_score": 0.5, "nms_iou": shipped.nms_iou}
        faces = detector.detect(np.zeros((32, width, 3), np.uint8))
        given = {"size": [width, 32], "card": {**card, "tiles": "auto"}, "outputs": told}
        yield given, [found_face(face) for face in faces]


@part
def tiles(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    for size, shrunk, scale in (
        ((2001, 500), 2, 1),
        ((2400, 1600), 5, 1),
        ((960, 3000), 5.1, 1),
        ((4000, 3001), 25, 1),
        ((961, 961), 25.1, 1),
        ((9000, 3000), 126, 5),
        ((16000, 5001), 9.4, 5),
    ):
        low = rng.uniform(0, 0.95, (12, 2)) * size
        boxes = np.hstack([low, low + scale * rng.uniform(8, 230, (12, 2))]).round(1)
        faces = np.hstack([low[:4] - 20, low[:4] + rng.uniform(20, 300, (4, 2))]).round(1)
        corners = tile_corners(*size, scale)
        given = {"size": size, "shrunk": shrunk, "scale": scale}
        yield (
            {**given, "boxes": boxes.tolist(), "faces": faces.tolist()},
            {
                "scales": tile_scales(shrunk),
                "corners": corners,
                "whole": [is_whole(boxes, corner, size, scale).tolist() for corner in corners],
                "part": is_part(boxes, faces).tolist(),
            },
        )


@part
def suppress(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    for count, max_iou in ((0, 0.45), (1, 0.45), (40, 0.45), (40, 0.7)):
        centres = rng.integers(20, 60, (count, 2)).repeat(2, axis=0)[:count]
        low = centres - 12 + rng.normal(0, 2, (count, 2))
        high = centres + 12 + rng.normal(0, 2, (count, 2))
        boxes = np.hstack([low, high]).round(2)
        scores = rng.uniform(0.3, 1, count).round(2)  # some alike: the order given counts
        landmarks = rng.uniform(0, 80, (count, 10)).round(2)
        given = [
            {"box": b, "score": s, "landmarks": p}
            for b, s, p in zip(boxes.tolist(), scores.tolist(), landmarks.tolist(), strict=True)
        ]
        answer = []
        for voters in suppress_overlaps(boxes, scores, max_iou):
            weights = scores[voters] / scores[voters].sum()
            box, points = weights @ boxes[voters], weights @ landmarks[voters]
            score = float(scores[voters[0]])
            answer.append({"box": box.tolist(), "score": score, "landmarks": points.tolist()})
        yield {"faces": given, "max_iou": max_iou}, answer


@part
def crop(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    image = drawn(rng, 40, 30)
    boxes = [
        (10.2, 8.7, 25.9, 22.1),
        (-6.0, -4.0, 9.5, 12.0),
        (30.0, 20.0, 60.0, 44.0),
        (0.0, 0.0, 40.0, 30.0),
        (12.0, 9.0, 14.5, 12.5),
        (39.5, 0.0, 41.0, 30.0),
    ]
    for box in boxes:
        for side, margin in ((16, 0.15), (8, 0.0)):
            (out,) = crop_faces(image, np.array([box]), side, margin)
            yield {**picture(image), "box": box, "side": side, "margin": margin}, packed(out)


@part
def quality(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    upright = np.array([-8, -5, 8, -5, 0, 1, -6, 9, 6, 9.0])
    for case in range(8):
        image = drawn(rng, 60, 50)
        x, y = rng.uniform(10, 45, 2).round(2).tolist()
        side = round(float(rng.uniform(5, 58)), 2)
        box = [max(0.0, x - side / 2), max(0.0, y - side / 2), x + side / 2, y + side / 2]
        points = (upright + rng.normal(0, 2, 10) + np.tile((x, y), 5)).round(2).tolist()
        landmarks = None if case == 0 else [x, y] * 5 if case == 1 else points
        score, margin = round(float(rng.uniform(0.3, 1)), 3), 0.0 if case == 2 else 0.15
        (seen,) = measure_quality(image, [face_of(box, score, landmarks)], margin)
        given = {**picture(image), "box": box, "landmarks": landmarks}
        yield (
            {**given, "score": score, "margin": margin},
            [
                seen.side_px,
                seen.sharpness,
                seen.visible_ratio,
                seen.roll_deg,
                seen.yaw_deg,
                evidence_weight(seen, score),
            ],
        )


@part
def probabilities(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    rows = rng.dirichlet((0.5, 0.5, 0.5), 5).round(4)
    rows[0] = 1.0, 0.0, 0.0
    for temperature, shift in ((1.0, (0.0, 0.0, 0.0)), (0.732, (0.1, -0.3, 0.0)), (2.0, (0, 0, 0))):
        out = calibrate(rows.astype(np.float32), temperature, shift)
        yield {"rows": rows.tolist(), "temperature": temperature, "shift": shift}, out.tolist()


@part
def order(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    for count in (0, 1, 12):
        low = rng.uniform(0, 300, (count, 2)).round(1)
        boxes = np.hstack([low, low + rng.uniform(20, 60, (count, 2)).round(1)]).tolist()
        faces = [face_of(box) for box in boxes]
        yield {"boxes": boxes}, [faces.index(face) for face in reading_order(faces)]


@part
def crops_of_faces(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    for width, height in ((256, 256), (257, 256), (256, 154), (256, 153), (20, 30)):
        yield {"size": [width, height]}, looks_like_crop(width, height)


@part
def borders(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    for width, height in ((12, 9), (7, 11), (1, 1)):
        image = drawn(rng, width, height)
        yield picture(image), picture(with_border(image))


@part
def borders_off(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    for width, height in ((120, 160), (160, 120), (90, 90), (1, 1)):
        image = np.zeros((height, width, 3), np.uint8)
        low = rng.uniform(0, 1.4, (5, 2)) * (width, height)
        boxes = np.hstack([low, low + rng.uniform(2, 70, (5, 2))]).round(1)
        points = rng.uniform(0, 200, (5, 10)).round(1)
        known = [*zip(boxes.tolist(), points.tolist(), strict=True), ([0, 0, 9, 9], None)]
        inside = without_border([face_of(box, 0.8, marks) for box, marks in known], image)
        yield (
            {
                "size": [width, height],
                "faces": [{"box": box, "score": 0.8, "landmarks": marks} for box, marks in known],
            },
            {
                "faces": [
                    {
                        "box": list(face.box_xyxy),
                        "score": face.detection_score,
                        "landmarks": face.landmarks_xy and np.ravel(face.landmarks_xy).tolist(),
                    }
                    for face in inside
                ],
                "fills": fills(inside, image),
            },
        )
