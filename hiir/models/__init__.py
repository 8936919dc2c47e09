"""The Hi-IR architectures, their presets and released weights."""
