"""Catalogue: the models in the model repository, and the tasks that they perform.

Begin with `tasks`, which chooses the model for an image.
"""
