"""The sidecar: restores the photos of an album or tag, and stacks the results on the originals.

Run it by `python -m hiir_immich.sidecar`; README.md lists the environment variables.
"""

import hashlib
import json
import logging
import math
import os
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Literal, Self

from hiir_client import ApiError, Client, HiirClientError, Job, JobOptions
from hiir_immich.immich import Immich, ImmichError, Photo
from hiir_immich.progress import Entry, Progress, next_try

__all__ = ["Settings", "SettingsError", "Sidecar", "main", "pause", "run"]

_LOG = logging.getLogger("hiir_immich")
_LONGEST_PAUSE = 3600.0
_OF_ONE_PHOTO = {413, 415, 422}
"""Statuses of the restoration service for a photo that it cannot restore."""
_SUFFIXES = {"jpeg": "jpg", "tiff": "tif"}


class SettingsError(Exception):
    """An environment variable is missing, or has a wrong value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings; the environment variables have the same names in capitals."""

    immich_url: str
    immich_api_key: str
    immich_album: str | None = None
    immich_tag: str | None = None
    """Either the name of an album or the full path of a tag."""
    immich_primary: Literal["restored", "original"] = "restored"
    """Which photo the stack shows."""
    immich_suffix: str = "_restored"
    """Added to the file name of restored photos, before the extension."""
    hiir_url: str = "http://127.0.0.1:8000"
    hiir_api_key: str | None = None
    hiir_task: str = "auto"
    hiir_strength: int = 100
    """Share of the restoration in the result, in percent."""
    hiir_format: str = "same"
    poll_seconds: float = 60.0
    state_file: str = "hiir-immich.sqlite"

    def __post_init__(self) -> None:
        if (self.immich_album is None) == (self.immich_tag is None):
            raise SettingsError("Set either IMMICH_ALBUM or IMMICH_TAG.")
        for name in ("immich_url", "hiir_url"):
            if not getattr(self, name).startswith(("http://", "https://")):
                raise SettingsError(
                    f"{name.upper()} begins with http:// or https://, not {getattr(self, name)!r}."
                )
        if self.immich_primary not in {"restored", "original"}:
            raise SettingsError(
                f"IMMICH_PRIMARY is restored or original, not {self.immich_primary!r}."
            )
        if not self.immich_suffix:
            raise SettingsError("IMMICH_SUFFIX must not be empty.")
        if not 0 <= self.hiir_strength <= 100:
            raise SettingsError(f"HIIR_STRENGTH is 0 to 100, not {self.hiir_strength}.")
        if not self.poll_seconds > 0:
            raise SettingsError(f"POLL_SECONDS must be positive, not {self.poll_seconds}.")

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self:
        """Return the settings of an environment; raises `SettingsError`."""
        given = {
            name: environment[name.upper()]
            for name in cls.__dataclass_fields__
            if environment.get(name.upper())
        }
        for name in ("immich_url", "immich_api_key"):
            if name not in given:
                raise SettingsError(f"{name.upper()} is not set.")
        parsed: dict[str, Any] = dict(given)
        try:
            for name, kind in (("hiir_strength", int), ("poll_seconds", float)):
                if name in given:
                    parsed[name] = kind(given[name])
        except ValueError as error:
            raise SettingsError(f"A number in the environment is wrong: {error}.") from error
        return cls(**parsed)

    @property
    def options(self) -> JobOptions:
        """What is asked of the service, besides the task."""
        options: JobOptions = {"format": self.hiir_format, "priority": "batch"}
        if self.hiir_strength < 100:
            options["strength"] = self.hiir_strength
        return options

    def request(self, photo: Photo) -> str:
        """Return the hash of an original and of what is asked for it."""
        asked = [photo.checksum, self.hiir_task, self.hiir_strength, self.hiir_format]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sidecar:
    """Carries each photo through its steps: restore, upload, stack."""

    settings: Settings
    immich: Immich
    client: Client
    progress: Progress

    def run_once(self) -> None:
        """Advance all photos of the album or tag.

        A photo that fails does not stop the others: it is tried again later, or never if the
        service cannot restore it. Raises `ImmichError` or `HiirClientError` for everything that
        would stop the others too.
        """
        settings = self.settings
        photos = self.immich.photos(album=settings.immich_album, tag=settings.immich_tag)
        results = self.progress.restored_ids()
        for photo in photos:
            request = settings.request(photo)
            entry = self.progress.entry(photo.id, request)
            is_result = photo.id in results or self._has_suffix(photo)
            if is_result or entry.step == "done" or entry.retry_at > time.time():
                continue
            try:
                self._advance(photo, request)
            except ImmichError as error:
                if not error.is_of_one_photo:
                    raise
                self._fail(photo, request, reason=str(error), is_final=False)
            except ApiError as error:
                if error.job_id is None and error.status not in _OF_ONE_PHOTO:
                    raise
                self._fail(photo, request, reason=str(error), is_final=not error.retryable)

    def _has_suffix(self, photo: Photo) -> bool:
        """Whether the file name is that of a result, perhaps of another sidecar."""
        return PurePath(photo.filename).stem.endswith(self.settings.immich_suffix)

    def _advance(self, photo: Photo, request: str) -> None:
        """Do the steps that are left, each saved before the next one begins."""
        entry = self.progress.entry(photo.id, request)
        if entry.step == "found":
            entry = self._restore(photo, request)
        if entry.step == "restored":
            restored_id = self.immich.upload(entry.content, filename=entry.filename, original=photo)
            # Without any change Immich recognizes the original itself.
            is_new = restored_id != photo.id
            entry = Entry(
                step="uploaded" if is_new else "done",
                filename=entry.filename,
                restored_id=restored_id if is_new else None,
            )
            self.progress.save(photo.id, request, entry)
        if entry.step == "uploaded" and entry.restored_id is not None:
            self.immich.stack(
                entry.restored_id,
                photo,
                restored_first=self.settings.immich_primary == "restored",
            )
            entry = replace(entry, step="done")
            self.progress.save(photo.id, request, entry)
        shown = "needs no restoration" if entry.restored_id is None else "is restored and stacked"
        _LOG.info("%s %s", photo.filename, shown)

    def _restore(self, photo: Photo, request: str) -> Entry:
        """Restore and save a photo; raises `ImmichError` or `HiirClientError`."""
        original = self.immich.download(photo)
        result = self.client.restore(
            original,
            task=self.settings.hiir_task,
            filename=photo.filename,
            **self.settings.options,
        )
        if result.job.steps:
            name = PurePath(photo.filename)
            written = result.job.output
            suffix = name.suffix[1:] if written is None else written.format
            suffix = _SUFFIXES.get(suffix, suffix)
            entry = Entry(
                step="restored",
                filename=f"{name.stem}{self.settings.immich_suffix}.{suffix}",
                content=result.read_bytes(),
            )
        else:  # `auto` found nothing to restore
            entry = Entry(step="done")
        self.progress.save(photo.id, request, entry)
        self._delete(result.job)
        return entry

    def _delete(self, job: Job) -> None:
        """Free the service's store; if that fails, the files expire."""
        try:
            self.client.jobs.delete(job.id)
        except HiirClientError as error:
            _LOG.info("job %s is not deleted: %s", job.id, error)

    def _fail(self, photo: Photo, request: str, *, reason: str, is_final: bool) -> None:
        entry = self.progress.entry(photo.id, request)
        failures = entry.failures + 1
        retry_at = math.inf if is_final else next_try(failures)
        changed = replace(entry, failures=failures, reason=reason, retry_at=retry_at)
        self.progress.save(photo.id, request, changed)
        _LOG.warning("%s failed: %s", photo.filename, reason)


def pause(settings: Settings, failures: int, error: Exception | None) -> float:
    """Return the seconds until the next pass, after passes that failed one after another."""
    backoff = min(settings.poll_seconds * 2.0 ** min(failures, 20), _LONGEST_PAUSE)
    retry_after = error.retry_after if isinstance(error, ApiError) else None
    return max(settings.poll_seconds, backoff, retry_after or 0.0)


def run(sidecar: Sidecar) -> None:
    """Repeat passes until the process is terminated."""
    failures = 0
    while True:
        failure: Exception | None = None
        try:
            sidecar.run_once()
            failures = 0
        except (ImmichError, HiirClientError) as error:
            failure = error
            failures += 1
            _LOG.warning("the pass ended early: %s", error)
        time.sleep(pause(sidecar.settings, failures, failure))


def main() -> int:
    """Run the sidecar until SIGTERM or Ctrl-C; returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # Every step is durable before the next one, so the process can end at any point.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        settings = Settings.read(os.environ)
    except SettingsError as error:
        _LOG.critical("%s", error)
        return 2
    with (
        suppress(KeyboardInterrupt),
        Immich(settings.immich_url, api_key=settings.immich_api_key) as immich,
        Client(settings.hiir_url, api_key=settings.hiir_api_key) as client,
        Progress(settings.state_file) as progress,
    ):
        run(Sidecar(settings=settings, immich=immich, client=client, progress=progress))
    return 0


if __name__ == "__main__":
    sys.exit(main())
