"""The priority of a job: which queue it waits in."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Self


class Priority(StrEnum):
    """Which queue a job waits in; those of each are served in turns of their tenants."""

    INTERACTIVE = "interactive"
    """Someone waits for the result."""
    BATCH = "batch"
    """Jobs of batches, and others that are not urgent; some slots are kept free of them."""

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Self:
        """Return the priority of a job's record; those of the previous release have no field."""
        return cls(fields.get("priority", "batch" if "batch_id" in fields else "interactive"))
