"""The backend that Triton copies in and runs in its own Python stub; see `model.py`."""
