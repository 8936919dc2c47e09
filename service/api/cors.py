"""CORS: requests that pages of other origins may send, if an operator allows their origins.

Starlette's middleware implements it. Credentials are never allowed: the service has no cookies, and
a page sends its API key as a header.
"""

CORS_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
CORS_REQUEST_HEADERS = (
    "Authorization",
    "Cache-Control",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "If-Range",
    "Last-Event-ID",
    "Prefer",
    "Range",
    "X-API-Key",
    "X-Request-ID",
    "traceparent",
    "tracestate",
)
CORS_RESPONSE_HEADERS = (
    "Accept-Ranges",
    "Cache-Status",
    "Content-Disposition",
    "Content-Range",
    "ETag",
    "Idempotent-Replayed",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Limit",
    "RateLimit-Policy",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "X-Model",
    "X-Model-SHA256",
    "X-Model-Version",
    "X-Request-ID",
)
