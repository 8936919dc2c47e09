"""The field `client_metadata` of a submission: the client's own data, returned with the job."""

import json
from collections.abc import Mapping

from service.errors import InvalidParameterError

_MAX_KEYS, _MAX_KEY, _MAX_VALUE, _MAX_BYTES = 16, 64, 512, 4096


def read_client_metadata(fields: Mapping[str, str]) -> Mapping[str, str]:
    """Parse the metadata, a JSON object whose values are strings.

    It may have up to 16 keys of up to 64 characters, values of up to 512 characters, and 4096 bytes
    in total.

    Raises:
        InvalidParameterError: if it is not such an object, or exceeds a limit.
    """
    text = fields.get("client_metadata")
    if text is None:
        return {}
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > _MAX_BYTES:
        raise InvalidParameterError(
            f"client_metadata has {size} bytes.", limit=_MAX_BYTES, actual=size
        )
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise InvalidParameterError(
            "client_metadata must be a JSON object whose values are strings.", actual=text[:100]
        )
    if len(values) > _MAX_KEYS:
        raise InvalidParameterError(
            f"client_metadata has {len(values)} keys.", limit=_MAX_KEYS, actual=len(values)
        )
    for name, value in values.items():
        if not 1 <= len(name) <= _MAX_KEY or len(value) > _MAX_VALUE:
            raise InvalidParameterError(
                f"A key of client_metadata has 1 to {_MAX_KEY} characters and its value at most "
                f"{_MAX_VALUE}.",
                limit=f"{_MAX_KEY}, {_MAX_VALUE}",
                actual=f"{len(name)}, {len(value)}",
            )
    return values
