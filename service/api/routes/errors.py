"""The error reference, which each problem's `type` links to, generated from the error tree."""

import functools
from collections.abc import Iterator
from html import escape

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from service.api.dependencies import refuse_parameters
from service.api.route_access import public
from service.errors import ServiceError, error_types
from service.schemas.problem import ERROR_CATALOGUE

router = APIRouter(tags=["errors"], dependencies=[Depends(refuse_parameters)])

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Errors - Hi-IR Restore</title>
<style>
body {{ font-family: system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }}
section:target {{ background: #fff3c4; color: #222 }}
</style>
</head>
<body>
<h1>Errors</h1>
{sections}
</body>
</html>
"""
_SECTION = """<section id="{code}">
<h2>{title}</h2>
<p><code>{code}</code>, status {status}, {advice}</p>
<p>{meaning}</p>
</section>"""


@router.get(ERROR_CATALOGUE, response_class=HTMLResponse)
@public
def show_errors() -> HTMLResponse:
    """Show the reference of all error codes."""
    return HTMLResponse(_render(), headers={"Cache-Control": "public, max-age=3600"})


@functools.cache
def _render() -> str:
    return _PAGE.format(sections="\n".join(_sections()))


def _sections() -> Iterator[str]:
    for kind in sorted(error_types(), key=lambda kind: (kind.status, kind.code)):
        yield _SECTION.format(
            code=escape(kind.code),
            title=escape(kind.title),
            status=kind.status,
            advice="a retry may succeed" if kind.retryable else "a retry will not help",
            meaning=escape(_meaning(kind)),
        )


def _meaning(kind: type[ServiceError]) -> str:
    if kind is ServiceError:
        return "An internal error. The service's log has the details under the request id."
    return (kind.__doc__ or kind.title).partition("\n\n")[0].replace("\n    ", " ")
