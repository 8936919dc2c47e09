"""A batch's results as a ZIP archive, streamed in chunks."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

from zipstream import ZipStream

from service.errors import BatchNotFinishedError, ResultExpiredError
from service.jobs.batch import BatchItem, BatchState, ItemStatus
from service.jobs.blobs import BlobStore
from service.jobs.job import Job
from service.schemas.batch import Manifest, ManifestItem
from service.schemas.job import FailureView, StepView
from service.schemas.view import to_datetime

MANIFEST = "manifest.json"


@dataclass(slots=True)
class ResultsArchive:
    """An archive of known length that can be read once."""

    _stream: ZipStream = field(default_factory=lambda: ZipStream(sized=True))

    def __len__(self) -> int:
        return len(self._stream)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    @classmethod
    def of(
        cls, state: BatchState, blobs: BlobStore, *, now: float, partial: bool = False
    ) -> "ResultsArchive":
        """Build the archive of all available results, and a manifest of all files.

        Images are stored uncompressed, because compression would not shrink them.

        Args:
            state: the batch and its jobs.
            blobs: the store of the results.
            now: the time of Redis's clock.
            partial: whether the batch may still have jobs that have not ended.

        Raises:
            BatchNotFinishedError: if it has, and `partial` is not set.
            ResultExpiredError: if all results have expired.
        """
        if not state.ended and not partial:
            left = sum(job is not None and not job.status.is_terminal for job in state.jobs)
            raise BatchNotFinishedError(
                "The batch has not ended yet; partial=true returns the results so far.",
                limit=0,
                actual=left,
            )
        archive = cls()
        listed = []
        missing = 0
        for index, (item, job) in enumerate(zip(state.batch.items, state.jobs, strict=True)):
            result = None
            if job is not None and job.result is not None:
                result = archive._add(index, item, job, blobs, now)
                missing += result is None
            listed.append(_list_item(index, item, job, result))
        if missing and not any(entry.file for entry in listed):
            raise ResultExpiredError("The results were deleted or have expired.")
        manifest = Manifest(
            batch=state.batch.public_id,
            created_at=to_datetime(state.batch.created_at),
            items=listed,
        )
        archive._stream.add(manifest.model_dump_json(indent=2), MANIFEST)
        return archive

    def _add(
        self, index: int, item: BatchItem, job: Job, blobs: BlobStore, now: float
    ) -> str | None:
        """Add a result and return its filename; None if it has expired."""
        result = job.result
        pieces = None
        if result is not None and not job.purged and job.expires_at > now:
            pieces = blobs.open(result.blob)
        if result is None or pieces is None:
            return None
        # The number makes the name unique and preserves the order.
        stem = PurePath(item.filename or "photo").stem
        name = f"{index:03d}-{stem}-restored{result.extension}"
        self._stream.add(pieces, name, size=result.blob.size)
        return name


def _list_item(index: int, item: BatchItem, job: Job | None, name: str | None) -> ManifestItem:
    status = item.status(job)
    if status is ItemStatus.SUCCEEDED and name is None:
        status = ItemStatus.EXPIRED
    blob = job.result.blob if job is not None and job.result is not None and name else None
    failure = item.refusal or (job.failure if job is not None else None)
    return ManifestItem(
        index=index,
        filename=item.filename,
        status=status,
        file=name,
        sha256=None if blob is None else blob.sha256,
        bytes=None if blob is None else blob.size,
        task=None if job is None else job.task,
        steps=[] if job is None else [StepView.of(step) for step in job.steps],
        error=None if failure is None else FailureView.of(failure),
    )
