"""What holds for every test."""

import os

# Threads of torch, ONNX Runtime and BLAS wait for each other by spinning, which takes minutes where
# seconds would do as soon as something else runs on the same cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
