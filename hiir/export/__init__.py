"""From a released model to what Triton serves."""
