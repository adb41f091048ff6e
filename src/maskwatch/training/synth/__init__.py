"""Pictures of masks worn right, wrong and not at all, made from photos of bare faces.

A head is a simple surface in three dimensions, posed by five landmarks (`head.py`); a mask is a
sheet of material, drawn (`drawn.py`) or cut from a photo (`sampled.py`), that lies somewhere on it
(`kinds.py`) and is painted into the photo (`render.py`, `blend.py`). The ideas come from
MaskedFace-Net (Cabani et al. 2020), which places masks by landmarks right and wrong, and
MaskTheFace (Anwar and Raychowdhury 2020), which varies material and tilts with the face; no code
and no picture is theirs.
"""
