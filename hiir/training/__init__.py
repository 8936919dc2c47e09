"""Training runs and their release."""
