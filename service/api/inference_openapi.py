"""OpenAPI description of an inference request, whose body FastAPI does not parse itself."""

from typing import Any

from service.api.submission_openapi import SUBMISSION

_JSON = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "parameters": {
            "type": "object",
            "description": "Parameters of the task, options of the result and the other fields of "
            "`POST /v1/jobs`; and `binary_data_output`.",
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        },
        "inputs": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {
                "type": "object",
                "required": ["name", "datatype", "shape"],
                "properties": {
                    "name": {"enum": ["image", "image_right"]},
                    "datatype": {"const": "BYTES"},
                    "shape": {"const": [1]},
                    "parameters": {
                        "type": "object",
                        "properties": {"binary_data_size": {"type": "integer"}},
                    },
                    "data": {
                        "type": "array",
                        "items": {"type": "string", "contentEncoding": "base64"},
                    },
                },
            },
        },
        "outputs": {"type": "array", "maxItems": 1, "items": {"type": "object"}},
    },
}
INFERENCE: dict[str, Any] = {
    "responses": {
        200: {
            "description": "The restored image: base64 in JSON, or binary data behind the JSON.",
            "headers": {
                "Inference-Header-Content-Length": {
                    "description": "Length of the JSON, if binary data follows.",
                    "schema": {"type": "string"},
                },
                "Cache-Status": SUBMISSION["responses"][202]["headers"]["Cache-Status"],
            },
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _JSON},
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            },
        },
        "parameters": [
            {
                "name": "Inference-Header-Content-Length",
                "in": "header",
                "schema": {"type": "integer"},
                "description": "Length of the JSON, if binary data follows.",
            },
            *(
                parameter
                for parameter in SUBMISSION["openapi_extra"]["parameters"]
                if parameter["name"] in {"Idempotency-Key", "Cache-Control"}
            ),
        ],
    },
}
