"""OpenAPI descriptions of submissions, whose bodies FastAPI does not parse itself."""

from typing import Any

from hiir.imaging import MAX_NOISE_LEVEL, ColorPolicy, MetadataPolicy, writable_formats
from service.catalogue.tasks import AUTO
from service.jobs.priority import Priority
from service.schemas.dry_run import DryRunView
from service.schemas.job import JobView

_TEXT = {"schema": {"type": "string"}}
_UPLOAD = {"type": "string", "format": "binary"}
_FILE = {"schema": _UPLOAD}
_RAW_BODIES = {"image/*": _FILE, "application/octet-stream": _FILE}
_TASKS = {
    "type": "string",
    "description": "Several tasks as one job, in order, instead of `task`: comma-separated, each "
    "with the value of its parameter behind a colon, as in "
    "`jpeg-artifacts,denoise:25,super-resolution:2`.",
}
_SCALE = {
    "type": "string",
    "enum": ["2", "3", "4"],
    "description": "For `super-resolution`: the upscaling factor, see `/v1/tasks`.",
}
_SOURCE = {
    "type": "string",
    "enum": ["clean", "photo"],
    "description": "For `super-resolution`: what the file is. `clean` was reduced and is otherwise "
    "unharmed; `photo` is blurred, noisy or compressed as well. See `/v1/tasks` for the default.",
}
_PATTERN = {
    "type": "string",
    "enum": ["RGGB", "BGGR", "GRBG", "GBRG"],
    "description": "For `demosaic`: the colors of the four pixels at the top left, row by row. "
    "A camera raw file carries its own pattern.",
}
_NOISE_LEVEL = {
    "anyOf": [{"const": AUTO}, {"type": "number", "minimum": 0, "maximum": MAX_NOISE_LEVEL}],
    "default": AUTO,
    "description": "For `denoise`: standard deviation of the noise on the scale of 255. `auto` "
    "estimates it from the photo.",
}
_RIGHT = {
    "type": "string",
    "format": "binary",
    "description": "For `defocus-deblur`: the right view of a dual-pixel sensor, with the same "
    "size, format and depth as `file`, the left view. Only in a form.",
}
_PRIORITY = {
    "type": "string",
    "enum": [priority.value for priority in Priority],
    "default": Priority.INTERACTIVE.value,
    "description": "`batch` for jobs that are not urgent: they run while interactive jobs leave "
    "slots free.",
}
_CANCELS = {"type": "string", "enum": ["true", "false"], "default": "false"}
_DRY_RUN = {
    "type": "string",
    "enum": ["true", "false"],
    "default": "false",
    "description": "Only of POST: check the submission and predict tiles, time and warnings, with "
    "200. Nothing is stored or queued.",
}
_WEBHOOK_URL = {"type": "string", "format": "uri", "maxLength": 2000}
_CLIENT_METADATA = {
    "type": "string",
    "maxLength": 4096,
    "description": "A JSON object of up to 16 strings, returned with the job and its webhooks.",
}
_WEBHOOK_EVENTS = {
    "type": "string",
    "enum": ["started", "completed", "started,completed"],
    "default": "completed",
}
_BATCH_EVENTS = {
    "type": "string",
    "pattern": "^(started|completed|batch[.]completed)(,(started|completed|batch[.]completed))*$",
    "default": "completed,batch.completed",
    "description": "Comma-separated events of the jobs and of the batch.",
}
_PHOTO: dict[str, dict[str, Any]] = {
    "format": {
        "type": "string",
        "enum": ["same", *(item.value for item in writable_formats())],
        "default": "same",
        "description": "Format of the result; `Accept` can select it, too.",
    },
    "quality": {
        "type": "integer",
        "minimum": 1,
        "maximum": 100,
        "description": "For JPEG, WebP, AVIF and HEIC.",
    },
    "lossless": {
        "type": "string",
        "enum": ["true", "false"],
        "default": "false",
        "description": "Write lossless WebP.",
    },
    "bit_depth": {
        "type": "string",
        "enum": ["preserve", "8", "16"],
        "default": "preserve",
        "description": "Bits per sample; 16 only for PNG and TIFF.",
    },
    "metadata": {
        "type": "string",
        "enum": list(MetadataPolicy),
        "default": "keep",
        "description": "Which of EXIF, XMP and resolution to keep.",
    },
    "color": {
        "type": "string",
        "enum": list(ColorPolicy),
        "default": "preserve",
        "description": "Keep the color profile, or convert to sRGB.",
    },
    "background": {
        "type": "string",
        "pattern": "^#?[0-9a-fA-F]{6}$",
        "description": "Color to flatten transparency onto: `#RRGGBB`.",
    },
    "frame": {
        "type": "integer",
        "minimum": 0,
        "maximum": 999_999,
        "description": "Frame or page to restore, from 0.",
    },
    "strength": {
        "type": "integer",
        "minimum": 0,
        "maximum": 100,
        "default": 100,
        "description": "Share of the restoration in percent; the rest is the photo, or its bicubic "
        "enlargement.",
    },
    "region": {
        "type": "string",
        "pattern": "^[0-9]{1,6},[0-9]{1,6},[0-9]{1,6},[0-9]{1,6}$",
        "description": "`x,y,width,height` in pixels of the upright photo: restore only this part, "
        "in the time of its tiles. It has the pixels that it has in the whole result.",
    },
}
_HEADERS: dict[str, Any] = {
    "Location": {"description": "URL of the job.", **_TEXT},
    "Idempotent-Replayed": {"description": "`true` for a replayed answer.", **_TEXT},
    "Preference-Applied": {"description": "The preferences that were applied.", **_TEXT},
    "Cache-Status": {
        "description": "`hiir; hit` if the result is that of an earlier job, `hiir; fwd=miss` if "
        "there is none, `hiir; fwd=request` if `Cache-Control` declines it (RFC 9211). Absent from "
        "replayed answers, and where the cache is off.",
        **_TEXT,
    },
}
_RETRY_AFTER = {"description": "Seconds to wait before polling.", "schema": {"type": "integer"}}

SUBMISSION: dict[str, Any] = {
    "responses": {
        200: {
            "description": "The job ended within `wait`; with `Accept: image/*`, its result. Or "
            "the prediction of a dry run.",
            "headers": _HEADERS,
            "model": JobView | DryRunView,
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
                        "required": ["file"],
                        "properties": {
                            "file": _UPLOAD,
                            "task": {
                                "type": "string",
                                "description": "One of `/v1/tasks`. `auto` analyzes the photo and "
                                "does what it needs, which may be nothing.",
                            },
                            "tasks": _TASKS,
                            "scale": _SCALE,
                            "source": _SOURCE,
                            "pattern": _PATTERN,
                            "noise_level": _NOISE_LEVEL,
                            "file_right": _RIGHT,
                            **_PHOTO,
                            "priority": _PRIORITY,
                            "cancel_on_disconnect": _CANCELS,
                            "dry_run": _DRY_RUN,
                            "webhook_url": _WEBHOOK_URL,
                            "webhook_events": _WEBHOOK_EVENTS,
                            "client_metadata": _CLIENT_METADATA,
                        },
                    }
                },
                **_RAW_BODIES,
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["upload_id"],
                        "additionalProperties": {"type": ["string", "number", "boolean", "object"]},
                        "properties": {
                            "upload_id": {
                                "type": "string",
                                "description": "A presigned upload, whose file has been sent to "
                                "its URL: see `POST /v1/uploads`. The other properties are those "
                                "of the form, except for the files.",
                            },
                            "filename": {"type": "string"},
                        },
                    }
                },
            },
        },
        "parameters": [
            {
                "name": "task",
                "in": "query",
                "schema": {"type": "string"},
                "description": "The task, for a body that is the image itself.",
            },
            {"name": "tasks", "in": "query", "schema": _TASKS},
            {"name": "scale", "in": "query", "schema": _SCALE},
            {"name": "source", "in": "query", "schema": _SOURCE},
            {"name": "pattern", "in": "query", "schema": _PATTERN},
            {"name": "noise_level", "in": "query", "schema": _NOISE_LEVEL},
            *({"name": name, "in": "query", "schema": _PHOTO[name]} for name in _PHOTO),
            {"name": "priority", "in": "query", "schema": _PRIORITY},
            {
                "name": "cancel_on_disconnect",
                "in": "query",
                "schema": _CANCELS,
                "description": "Cancel the job if the client disconnects while it waits.",
            },
            {"name": "dry_run", "in": "query", "schema": _DRY_RUN},
            {
                "name": "webhook_url",
                "in": "query",
                "schema": _WEBHOOK_URL,
                "description": "URL that receives signed webhooks about the job.",
            },
            {
                "name": "webhook_events",
                "in": "query",
                "schema": _WEBHOOK_EVENTS,
                "description": "Comma-separated events to send webhooks for.",
            },
            {"name": "client_metadata", "in": "query", "schema": _CLIENT_METADATA},
            {
                "name": "Idempotency-Key",
                "in": "header",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                "description": "Repeated requests with the same key create a single job.",
            },
            {
                "name": "Cache-Control",
                "in": "header",
                "schema": {"type": "string"},
                "description": "`no-cache`: restore the image even if an earlier job has the same "
                "result. `no-store`: nor is the result used for later requests.",
            },
            {
                "name": "Prefer",
                "in": "header",
                "schema": {"type": "string"},
                "description": "`respond-async`, or `wait=N` to wait up to N seconds.",
            },
        ],
    },
}

_FORM = SUBMISSION["openapi_extra"]["requestBody"]["content"]["multipart/form-data"]["schema"]
_NOT_OF_BATCHES = {"priority", "cancel_on_disconnect", "dry_run", "Prefer"}

ANALYSIS: dict[str, Any] = {
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "properties": {
                            "file": _UPLOAD,
                            "frame": _PHOTO["frame"],
                        },
                    }
                },
                **_RAW_BODIES,
            },
        },
        "parameters": [{"name": "frame", "in": "query", "schema": _PHOTO["frame"]}],
    },
}

BATCH_SUBMISSION: dict[str, Any] = {
    "responses": {
        202: {
            "description": "The batch is accepted: each file has a job or a refusal.",
            "headers": {
                "Location": {"description": "URL of the batch.", **_TEXT},
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
                            "webhook_events": _BATCH_EVENTS,
                            "file": {
                                "type": "array",
                                "items": _UPLOAD,
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
