"""Image to faces, faces to verdicts, verdicts to steady states."""
