"""Training runs, and the release of their models."""
