"""What is wrong with a photo, measured without a network.

Begin with `photo_analysis`: the measurements, and what they suggest.
"""
