"""Hi-IR: hierarchical information flow for image restoration, as a library."""
