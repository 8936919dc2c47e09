"""The worker: takes jobs from the queue and restores their images. Begin with `pipeline`."""
