"""A person drawn with a few shapes, real enough for the shipped models: bare or with a mask."""

from __future__ import annotations

import cv2
import numpy as np

WIDTH, HEIGHT = 640, 480
HAIR, SKIN, SHADE, LIPS = (50, 35, 30), (224, 172, 146), (190, 130, 105), (175, 80, 80)
SHIRT, CLOTH, FOLD, STRAP = (60, 70, 110), (150, 200, 225), (130, 180, 205), (240, 240, 240)


def cartoon(masked: bool, shift_px: int = 0) -> np.ndarray:
    """A picture (480, 640, 3) of one person, so many pixels right of the middle."""
    image = np.full((HEIGHT, WIDTH, 3), (120, 130, 140), np.uint8)
    x, y = WIDTH // 2 + shift_px, HEIGHT // 2
    cv2.ellipse(image, (x, y - 20), (120, 150), 0, 0, 360, HAIR, -1)
    cv2.rectangle(image, (x - 40, y + 100), (x + 40, y + 200), SHADE, -1)
    cv2.ellipse(image, (x, HEIGHT), (190, 90), 0, 180, 360, SHIRT, -1)
    cv2.ellipse(image, (x, y + 10), (95, 130), 0, 0, 360, SKIN, -1)
    for eye_x in (x - 40, x + 40):
        cv2.ellipse(image, (eye_x, y - 37), (22, 6), 0, 180, 360, HAIR, -1)
        cv2.ellipse(image, (eye_x, y - 15), (18, 9), 0, 0, 360, (245, 245, 245), -1)
        cv2.circle(image, (eye_x, y - 15), 8, HAIR, -1)
    if masked:
        edge = [(-90, 25), (0, 8), (90, 25), (75, 100), (0, 140), (-75, 100)]
        cv2.fillPoly(image, [np.add(edge, (x, y))], CLOTH)
        for fold_y in (45, 70, 95):
            cv2.line(image, (x - 80, y + fold_y), (x + 80, y + fold_y), FOLD, 2)
        for side in (-1, 1):
            cv2.line(image, (x + side * 90, y + 28), (x + side * 97, y - 10), STRAP, 3)
    else:
        cv2.ellipse(image, (x, y + 35), (14, 8), 0, 0, 180, SHADE, -1)
        cv2.line(image, (x - 4, y - 5), (x - 8, y + 30), SHADE, 3)
        cv2.ellipse(image, (x, y + 78), (34, 12), 0, 0, 360, LIPS, -1)
        cv2.line(image, (x - 34, y + 78), (x + 34, y + 78), HAIR, 2)
    return cv2.GaussianBlur(image, (5, 5), 1.2)
