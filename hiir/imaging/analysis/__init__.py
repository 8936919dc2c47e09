"""Analysis of a photo's defects, without a network.

Begin with `photo_analysis`: the measurements, and what they suggest.
"""
