"""Errors of the HTTP parser as problems: `uvicorn --http service.api.http_protocol:HttpProtocol`.

A request that uvicorn cannot parse never reaches the application; its answer would be plain text.
"""

import uuid
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.errors import PROBLEM_TYPE
from service.errors import ClientError, InvalidRequestError, UrlTooLongError
from service.schemas.problem import Problem

_PARSED_URL_BYTES = 65_535
"""Maximum URL length of the parser itself (`http_parser_parse_url`)."""


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol on httptools, with problem details (RFC 9457)."""

    def send_400_response(self, msg: str) -> None:
        """Answer a request that cannot be parsed, and close the connection."""
        request_id = uuid.uuid4().hex
        problem = Problem.of(self._refusal(msg), instance="", request_id=request_id)
        body = problem.model_dump_json().encode()
        head = (
            f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n"
            f"content-type: {PROBLEM_TYPE}\r\n"
            f"content-length: {len(body)}\r\n"
            f"x-request-id: {request_id}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _refusal(self, message: str) -> ClientError:
        size = len(getattr(self, "url", b""))  # absent until the first request begins
        if size > _PARSED_URL_BYTES:
            return UrlTooLongError(
                f"The URL has at least {size} bytes; the limit is {_PARSED_URL_BYTES}.",
                limit=_PARSED_URL_BYTES,
                actual=size,
            )
        return InvalidRequestError(message)
