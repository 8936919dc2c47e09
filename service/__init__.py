"""The restoration service: HTTP API, queue, worker and the embedded stack."""
