"""The Celery worker: from a queued job to its stored result."""
