"""The web page at `/`."""

from fastapi import APIRouter, Request, Response

from service.api.byte_range import is_unchanged
from service.api.route_access import public
from service.api.static_page import INDEX, PAGE_HEADERS, load_page
from service.errors import NotFoundError

router = APIRouter(include_in_schema=False)

_FILES = load_page()


@router.get("/")
@public
def show_page(request: Request) -> Response:
    """Show the page that restores photos in a browser."""
    return _answer(INDEX, request)


@router.get("/page/{name}")
@public
def fetch_page_file(name: str, request: Request) -> Response:
    """Return a script, a style sheet or an image of the page."""
    return _answer(name, request)


def _answer(name: str, request: Request) -> Response:
    file = _FILES.get(name)
    if file is None:
        raise NotFoundError
    headers = {**PAGE_HEADERS, "ETag": file.etag, "Vary": "Accept-Encoding"}
    if is_unchanged(request.headers, file.etag):
        return Response(status_code=304, headers=headers)
    content = file.content
    if file.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["Content-Encoding"] = file.gzipped, "gzip"
    return Response(content, media_type=file.media_type, headers=headers)
