"""Analyses: the defects of a photo, and the tasks that would improve it."""

import contextlib

from fastapi import APIRouter, Request

from service.api.dependencies import ServicesDependency, TenantDependency
from service.api.route_access import Submits, requires
from service.api.submission_openapi import ANALYSIS
from service.errors import InvalidParameterError
from service.intake.photo_parameters import read_photo_options
from service.intake.receive import RIGHT_FIELD, Upload, receive_upload, refuse_unknown
from service.keys import Scope
from service.schemas.analysis import AnalysisView

router = APIRouter(prefix="/v1", tags=["jobs"])

_PARAMETERS = ("frame",)


@router.post("/analyses", **ANALYSIS)
@requires(Scope.WRITE, submits=Submits.ANALYSIS)
async def analyze_photo(
    request: Request, services: ServicesDependency, tenant: TenantDependency
) -> AnalysisView:
    """Measure noise, compression and blur of an image, and suggest tasks. Nothing is stored."""
    query = request.query_params.multi_items()
    refuse_unknown([name for name, _ in query], known=_PARAMETERS)
    with services.submission.uploads.take(tenant):
        upload = await receive_upload(
            headers=request.headers,
            stream=request.stream(),
            limits=services.settings.limits,
            allowed_fields=_PARAMETERS,
        )

        def analyze() -> AnalysisView:
            with contextlib.closing(upload):
                given = [*query, *upload.fields.items()]
                refuse_unknown([name for name, _ in given], known=_PARAMETERS)
                _require_one_view(upload)
                options = read_photo_options(dict(given))
                photo, analysis = services.submission.submitter.analyze(upload, options)
                return AnalysisView.of(photo, analysis)

        return await services.threads.for_upload(analyze)


def _require_one_view(upload: Upload) -> None:
    if upload.right is not None:
        raise InvalidParameterError("An analysis takes one file.", limit=1, actual=RIGHT_FIELD)
