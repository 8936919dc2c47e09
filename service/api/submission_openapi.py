"""OpenAPI descriptions of submissions, whose bodies FastAPI does not parse itself."""

from typing import Any

from hiir.imaging import ColorPolicy, MetadataPolicy, available_formats
from service.schemas.job import JobView

_TEXT = {"schema": {"type": "string"}}
_FILE = {"schema": {"type": "string", "format": "binary"}}
_SCALE = {
    "type": "string",
    "enum": ["2", "3", "4"],
    "description": "Of `super-resolution`: how many times larger. `/v1/tasks` lists what there is.",
}
_PATTERN = {
    "type": "string",
    "enum": ["RGGB", "BGGR", "GRBG", "GBRG"],
    "description": "Of `demosaic`: the colours of the mosaic's four pixels at the top left, row "
    "by row. A camera raw file tells its own.",
}
_RIGHT = {
    "type": "string",
    "format": "binary",
    "description": "Of `defocus-deblur`: the right view of a dual-pixel sensor, alike in size, "
    "format and depth to `file`, which is then the left one. A body that is an image has no room "
    "for it.",
}
_CANCELS = {"type": "string", "enum": ["true", "false"], "default": "false"}
_WEBHOOK_URL = {"type": "string", "format": "uri", "maxLength": 2000}
_WEBHOOK_EVENTS = {
    "type": "string",
    "enum": ["started", "completed", "started,completed"],
    "default": "completed",
}
_PHOTO: dict[str, dict[str, Any]] = {
    "format": {
        "type": "string",
        "enum": ["same", *(item.value for item in available_formats())],
        "default": "same",
        "description": "Format of the result; `Accept` may name one, too.",
    },
    "quality": {
        "type": "integer",
        "minimum": 1,
        "maximum": 100,
        "description": "Of JPEG, WebP, AVIF and HEIC.",
    },
    "lossless": {
        "type": "string",
        "enum": ["true", "false"],
        "default": "false",
        "description": "Write WebP without loss.",
    },
    "bit_depth": {
        "type": "string",
        "enum": ["preserve", "8", "16"],
        "default": "preserve",
        "description": "Bits per sample; 16 in PNG and TIFF.",
    },
    "metadata": {
        "type": "string",
        "enum": list(MetadataPolicy),
        "default": "keep",
        "description": "What of EXIF, XMP and resolution is kept.",
    },
    "color": {
        "type": "string",
        "enum": list(ColorPolicy),
        "default": "preserve",
        "description": "Keep the colour profile, or convert by it to sRGB.",
    },
    "background": {
        "type": "string",
        "pattern": "^#?[0-9a-fA-F]{6}$",
        "description": "What shows through transparency, which is then gone: `#RRGGBB`.",
    },
    "frame": {
        "type": "integer",
        "minimum": 0,
        "maximum": 999_999,
        "description": "Which frame or page of a file that has several, from 0.",
    },
}
_HEADERS: dict[str, Any] = {
    "Location": {"description": "Where the job can be followed.", **_TEXT},
    "Idempotent-Replayed": {"description": "`true`, if it was accepted before.", **_TEXT},
    "Preference-Applied": {"description": "What of `Prefer` was honoured.", **_TEXT},
}
_RETRY_AFTER = {"description": "Seconds until a look is worth it.", "schema": {"type": "integer"}}

SUBMISSION: dict[str, Any] = {
    "responses": {
        200: {
            "description": "The job, or with `Accept: image/*` its result, ended within `wait`.",
            "headers": _HEADERS,
            "model": JobView,
            "content": {"image/*": _FILE},
        },
        202: {
            "description": "The job is accepted.",
            "headers": {**_HEADERS, "Retry-After": _RETRY_AFTER},
        },
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file", "task"],
                        "properties": {
                            "file": {"type": "string", "format": "binary"},
                            "task": {"type": "string", "description": "One of `/v1/tasks`."},
                            "scale": _SCALE,
                            "pattern": _PATTERN,
                            "file_right": _RIGHT,
                            **_PHOTO,
                            "cancel_on_disconnect": _CANCELS,
                            "webhook_url": _WEBHOOK_URL,
                            "webhook_events": _WEBHOOK_EVENTS,
                        },
                    }
                },
                "image/*": _FILE,
                "application/octet-stream": _FILE,
            },
        },
        "parameters": [
            {
                "name": "task",
                "in": "query",
                "schema": {"type": "string"},
                "description": "The task, for a body that is the image itself.",
            },
            {"name": "scale", "in": "query", "schema": _SCALE},
            {"name": "pattern", "in": "query", "schema": _PATTERN},
            *({"name": name, "in": "query", "schema": _PHOTO[name]} for name in _PHOTO),
            {
                "name": "cancel_on_disconnect",
                "in": "query",
                "schema": _CANCELS,
                "description": "Whether a client that waits, and hangs up, wants the job canceled.",
            },
            {
                "name": "webhook_url",
                "in": "query",
                "schema": _WEBHOOK_URL,
                "description": "Where a signed request tells of the job.",
            },
            {
                "name": "webhook_events",
                "in": "query",
                "schema": _WEBHOOK_EVENTS,
                "description": "What it tells of, separated by commas.",
            },
            {
                "name": "Idempotency-Key",
                "in": "header",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                "description": "However often it is sent with the same, one job is made.",
            },
            {
                "name": "Prefer",
                "in": "header",
                "schema": {"type": "string"},
                "description": "`respond-async`, or `wait=N` seconds for the job's end.",
            },
        ],
    },
}

_FORM = SUBMISSION["openapi_extra"]["requestBody"]["content"]["multipart/form-data"]["schema"]
_NOT_OF_BATCHES = {"cancel_on_disconnect", "Prefer"}

BATCH_SUBMISSION: dict[str, Any] = {
    "responses": {
        202: {
            "description": "The batch is accepted: each file is a job, or says why it is not.",
            "headers": {
                "Location": {"description": "Where the batch can be followed.", **_TEXT},
                "Idempotent-Replayed": _HEADERS["Idempotent-Replayed"],
                "Retry-After": _RETRY_AFTER,
            },
        }
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        **_FORM,
                        "properties": {
                            **{
                                name: schema
                                for name, schema in _FORM["properties"].items()
                                if name not in _NOT_OF_BATCHES
                            },
                            "file": {
                                "type": "array",
                                "items": {"type": "string", "format": "binary"},
                                "minItems": 1,
                                "maxItems": 100,
                            },
                        },
                    }
                }
            },
        },
        "parameters": [
            parameter
            for parameter in SUBMISSION["openapi_extra"]["parameters"]
            if parameter["name"] not in _NOT_OF_BATCHES
        ],
    },
}
