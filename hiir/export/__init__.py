"""Export of a released model to the formats that are served."""
