"""The API reference at `/docs`."""

import functools
import re

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse

from service.api.dependencies import ServicesDependency, refuse_parameters
from service.api.reference_page import REFERENCE_HEADERS, render_reference
from service.api.route_access import public
from service.settings import AuthMode

router = APIRouter(dependencies=[Depends(refuse_parameters)])

_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")
_UNKNOWN_HOST = "127.0.0.1:8000"


@router.get("/docs", response_class=HTMLResponse, include_in_schema=False)
@public
def show_reference(request: Request, services: ServicesDependency) -> HTMLResponse:
    """Show the API reference; its examples use the address that the client has used."""
    host = request.headers.get("host", "")
    root_path = request.scope.get("root_path", "")
    base_url = f"{request.url.scheme}://{host if _HOST.fullmatch(host) else _UNKNOWN_HOST}"
    with_key = services.settings.auth is AuthMode.KEYS
    page = _render(request.app, base_url + root_path, with_key, root_path)
    return HTMLResponse(page, headers=REFERENCE_HEADERS)


@functools.lru_cache(maxsize=8)
def _render(app: FastAPI, base_url: str, with_key: bool, root_path: str) -> str:
    return render_reference(
        app.openapi(), base_url=base_url, with_key=with_key, root_path=root_path
    )
