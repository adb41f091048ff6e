"""The face detector's own training: photos, scenes, targets, network, loss, run, export, scores."""
