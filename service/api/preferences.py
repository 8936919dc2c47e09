"""Client preferences: `Prefer` (RFC 7240), and the choice of image or JSON by `Accept`."""

import re
from dataclasses import dataclass
from typing import Self

from starlette.datastructures import Headers

_WAIT = re.compile(r'wait\s*=\s*"?(\d{1,9})"?')
_QUALITY = re.compile(r"q\s*=\s*([01](?:\.\d{0,3})?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The supported preferences; others are ignored, as the RFC requires."""

    respond_async: bool = False
    wait: int | None = None
    """Whole seconds, limited to the maximum of the service."""
    wants_image: bool = False

    @classmethod
    def of(cls, headers: Headers, *, longest_wait: int) -> Self:
        """Parse a request's headers."""
        items = [
            item.partition(";")[0].strip().lower()
            for line in headers.getlist("prefer")
            for item in line.split(",")
        ]
        waits = [found for item in items if (found := _WAIT.fullmatch(item))]
        return cls(
            respond_async="respond-async" in items,
            wait=min(int(waits[0][1]), longest_wait) if waits else None,
            wants_image=_wants_image(headers.get("accept", "")),
        )

    def applied(self, *, ended: bool) -> str | None:
        """Return the value of `Preference-Applied`, depending on whether the job ended in time."""
        waited = [] if self.wait is None else [f"wait={self.wait}"]
        went_on = ["respond-async"] if self.respond_async and not ended else []
        return ", ".join(went_on + waited) or None


def _wants_image(accept: str) -> bool:
    """Return whether an image is preferred to JSON; a client that accepts everything gets JSON."""
    image, other = 0.0, 0.0
    for item in accept.lower().split(","):
        media_type, _, parameters = (part.strip() for part in item.partition(";"))
        found = _QUALITY.search(parameters)
        quality = float(found[1]) if found else 1.0
        if media_type.startswith("image/"):
            image = max(image, quality)
        elif media_type in {"application/json", "application/*"}:
            other = max(other, quality)
    return image > 0 and image >= other
