"""Where running and training meet: the ONNX files, their cards, and what was measured of them."""
