"""Degradations of clean images, as pure functions of an image and a random generator."""
