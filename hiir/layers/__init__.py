"""Building blocks of the Hi-IR architecture, on NHWC tokens."""
