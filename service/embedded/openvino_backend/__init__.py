"""A Triton backend that Triton copies and runs in its Python stub; see `model.py`."""
