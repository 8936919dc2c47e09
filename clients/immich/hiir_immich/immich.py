"""The part of Immich's API that the sidecar uses, as in version 3.1.0.

The requests are also valid for version 2, which requires the two `device` fields of an upload.
"""

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx

__all__ = ["Immich", "ImmichError", "Photo"]

_PAGE = 250
_TIMEOUT = httpx.Timeout(120.0, connect=10.0)
_NOT_OF_ONE_PHOTO = {401, 403, 408, 429, 502, 503, 504}
"""Statuses that all requests would receive: wrong API key, rate limits, Immich unavailable."""


class ImmichError(Exception):
    """Immich could not be reached, refused a request, or has no such album or tag."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status; None without a response."""

    @property
    def is_of_one_photo(self) -> bool:
        """Whether requests for other photos can still succeed."""
        return self.status is not None and self.status not in _NOT_OF_ONE_PHOTO


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """An asset of Immich, before restoration."""

    id: str
    filename: str
    owner_id: str
    checksum: str
    """SHA-1 in base64; of the path instead of the content for external libraries."""
    created_at: str
    """ISO 8601, as the next one."""
    modified_at: str


class Immich:
    """A client of one Immich server and user; a context manager."""

    def __init__(
        self, url: str, *, api_key: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/api/",
            headers={"x-api-key": api_key},
            timeout=_TIMEOUT,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._http.close()

    def photos(self, *, album: str | None, tag: str | None) -> list[Photo]:
        """Return the user's own photos in an album or with a tag, oldest first.

        Photos of other users in a shared album are left out: only their owner can stack them.
        Raises `ImmichError`, also unless exactly one album or tag has the name.
        """
        if album is not None:
            chosen = {"albumIds": [self._find("albums", "albumName", album)]}
        else:
            chosen = {"tagIds": [self._find("tags", "value", tag or "")]}
        user_id = self._json("GET", "users/me")["id"]
        found: list[Photo] = []
        page: int | None = 1
        while page is not None:
            query = {"type": "IMAGE", "withStacked": True, "order": "asc", "size": _PAGE}
            answer = self._json("POST", "search/metadata", json={**chosen, **query, "page": page})[
                "assets"
            ]
            found += map(_read_photo, answer["items"])
            page = None if answer["nextPage"] is None else int(answer["nextPage"])
        return [photo for photo in found if photo.owner_id == user_id]

    def download(self, photo: Photo) -> bytes:
        """Return the bytes of the original file."""
        return self._send("GET", f"assets/{photo.id}/original").content

    def upload(self, content: bytes, *, filename: str, original: Photo) -> str:
        """Upload a restored file with the dates of its original; returns the asset's id.

        If Immich already has a file with these bytes, nothing is stored, and the id is that
        asset's: Immich compares the checksum.
        """
        answer = self._json(
            "POST",
            "assets",
            headers={"x-immich-checksum": hashlib.sha1(content, usedforsecurity=False).hexdigest()},
            data={
                "deviceId": "hiir-immich",
                "deviceAssetId": f"hiir-{original.id}",
                "fileCreatedAt": original.created_at,
                "fileModifiedAt": original.modified_at,
            },
            files={"assetData": (filename, io.BytesIO(content))},
        )
        return str(answer["id"])

    def stack(self, restored_id: str, original: Photo, *, restored_first: bool) -> None:
        """Put a restored photo into one stack with its original, or into the original's stack.

        The first asset is the primary one, which the timeline shows. Immich merges the stacks of
        which a given asset is the primary one, so a repeated call changes nothing.
        """
        stack = self._json("GET", f"assets/{original.id}").get("stack") or {}
        top = stack.get("primaryAssetId", original.id)
        if restored_first:
            ids = [restored_id, top, original.id]
        else:
            ids = [original.id if top == restored_id else top, restored_id, original.id]
        ids = [*dict.fromkeys(ids)]
        self._send("POST", "stacks", json={"assetIds": ids})

    def _find(self, path: str, field: str, name: str) -> str:
        """Return the id of the only album or tag with a name."""
        found = [item["id"] for item in self._json("GET", path) if item[field] == name]
        if len(found) != 1:
            raise ImmichError(f"Immich has {len(found)} {path} named {name!r}; one is needed.")
        return str(found[0])

    def _json(self, method: str, path: str, **content: Any) -> Any:
        response = self._send(method, path, **content)
        try:
            return response.json()
        except ValueError as error:
            raise ImmichError(f"{method} {path}: the response is not JSON.") from error

    def _send(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, object] | None = None,
        data: Mapping[str, str] | None = None,
        files: Mapping[str, tuple[str, io.BytesIO]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        try:
            response = self._http.request(
                method, path, json=json, data=data, files=files, headers=headers
            )
        except httpx.HTTPError as error:
            raise ImmichError(f"{method} {path}: {error or type(error).__name__}") from error
        if not response.is_success:
            raise ImmichError(
                f"{method} {path}: {response.status_code} {_message(response)}",
                status=response.status_code,
            )
        return response


def _read_photo(item: Mapping[str, Any]) -> Photo:
    return Photo(
        id=item["id"],
        filename=item["originalFileName"],
        owner_id=item["ownerId"],
        checksum=item["checksum"],
        created_at=item["fileCreatedAt"],
        modified_at=item["fileModifiedAt"],
    )


def _message(response: httpx.Response) -> str:
    """Return the reason that Immich gives; a proxy's page has none."""
    try:
        message: str | Sequence[str] = response.json()["message"]
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase
    return message if isinstance(message, str) else ", ".join(message)
