"""An example sidecar of Immich: restores the photos of an album or tag and stacks the results.

Begin with `sidecar`.
"""
