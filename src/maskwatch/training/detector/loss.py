"""What a detector's answer costs, written in keras.ops so that every backend can train it."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("maskwatch")
class DetectionLoss(keras.losses.Loss):  # type: ignore[misc]  # Keras has no type information
    """Score, box and landmarks, each per face point of the batch.

    Score: quality focal loss (Li et al. 2020, "Generalized Focal Loss"): a face point is to answer
    with the overlap its own box reaches, so that the best-placed box wins the suppression. Box:
    1 - complete IoU (Zheng et al. 2020). Landmarks: absolute distance in tenths of the face size.
    """

    def __init__(
        self, box_weight: float = 2.0, landmark_weight: float = 0.5, name: str = "detection"
    ) -> None:
        super().__init__(name=name, reduction=None)
        self.box_weight = box_weight
        self.landmark_weight = landmark_weight

    def get_config(self) -> dict[str, Any]:
        """What Keras writes into a checkpoint."""
        return {"box_weight": self.box_weight, "landmark_weight": self.landmark_weight}

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of a batch, a scalar.

        Args:
            y_true: (n, A, targets.COLUMNS).
            y_pred: (n, A, 15) as the network answers.
        """
        state, box, points = y_true[..., 0], y_true[..., 1:5], y_true[..., 16:18]
        stride = y_true[..., 18:19]
        is_face = ops.cast(state > 0.5, "float32")
        counts = ops.cast(state > -0.5, "float32")
        faces = ops.maximum(ops.sum(is_face), 1.0)

        centre = points + y_pred[..., 1:3] * stride
        half = ops.exp(ops.clip(y_pred[..., 3:5], -4.0, 5.0)) * stride / 2
        iou, penalty = _complete_iou(ops.concatenate([centre - half, centre + half], -1), box)
        quality = ops.stop_gradient(ops.clip(iou, 0.0, 1.0)) * is_face

        logit = y_pred[..., 0]
        entropy = ops.maximum(logit, 0.0) - logit * quality + ops.log1p(ops.exp(-ops.abs(logit)))
        score_loss = ops.sum(counts * ops.square(ops.sigmoid(logit) - quality) * entropy)
        box_loss = ops.sum(is_face * (1.0 - iou + penalty))
        shape = ops.shape(y_pred)
        marks = ops.reshape(y_pred[..., 5:15], (shape[0], shape[1], 5, 2))
        wanted = ops.reshape(y_true[..., 5:15], (shape[0], shape[1], 5, 2))
        placed = ops.expand_dims(points, 2) + marks * ops.expand_dims(stride, 2)
        size = ops.sqrt(ops.maximum((box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1]), 1.0))
        distance = ops.mean(ops.abs(placed - wanted), axis=(2, 3)) / size
        landmark_loss = ops.sum(y_true[..., 15] * distance)
        total = score_loss + self.box_weight * box_loss
        return (total + self.landmark_weight * 10.0 * landmark_loss) / faces


def _complete_iou(pred: Any, true: Any) -> tuple[Any, Any]:
    """IoU and the complete-IoU penalty for distance and shape, of boxes (..., 4)."""
    epsilon = 1e-6
    low, high = ops.maximum(pred[..., :2], true[..., :2]), ops.minimum(pred[..., 2:], true[..., 2:])
    common = ops.prod(ops.maximum(high - low, 0.0), -1)
    pred_wh, true_wh = pred[..., 2:] - pred[..., :2], true[..., 2:] - true[..., :2]
    union = ops.prod(pred_wh, -1) + ops.prod(true_wh, -1) - common
    iou = common / (union + epsilon)
    outer = ops.maximum(pred[..., 2:], true[..., 2:]) - ops.minimum(pred[..., :2], true[..., :2])
    shift = pred[..., :2] + pred[..., 2:] - true[..., :2] - true[..., 2:]
    distance = ops.sum(ops.square(shift), -1) / 4 / (ops.sum(ops.square(outer), -1) + epsilon)
    angle = ops.arctan(true_wh[..., 0] / (true_wh[..., 1] + epsilon)) - ops.arctan(
        pred_wh[..., 0] / (pred_wh[..., 1] + epsilon)
    )
    shape = 0.4052847 * ops.square(angle)  # 4 / pi^2
    weight = ops.stop_gradient(shape / (1.0 - iou + shape + epsilon))
    return iou, distance + weight * shape
