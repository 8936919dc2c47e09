"""What is done to clean images: pure functions of image and generator."""
