"""Analysis of a photo's defects, without a neural network.

Begin with `photo_analysis`: the measurements, and the tasks that they suggest.
"""
