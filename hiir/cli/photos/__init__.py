"""The parts of `hiir restore`. Begin with `run.PhotoRun.restore`, which restores one photo."""
