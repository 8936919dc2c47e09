"""Redis keys of jobs that several modules use. The Lua scripts build the same keys."""

from service.jobs.priority import Priority


def index_key(tenant: str) -> str:
    """Key of a tenant's jobs by creation time."""
    return f"hiir:jobs:{tenant}"


def held_key(tenant: str) -> str:
    """Key of the jobs of a tenant's batches that wait for their turn."""
    return f"hiir:held:{tenant}"


def cached_key(tenant: str, key: str) -> str:
    """Key of the latest jobs of a tenant that have the same result."""
    return f"hiir:cached:{tenant}:{key}"


def turns_key(priority: Priority) -> str:
    """Key of the turns of the queued jobs of a priority."""
    return f"hiir:turns:{priority}"


def slots_key(worker: str) -> str:
    """Key of a live worker's number of slots."""
    return f"hiir:slots:{worker}"


def job_key(job_id: str) -> str:
    """Key of a job's record."""
    return f"hiir:job:{job_id}"
