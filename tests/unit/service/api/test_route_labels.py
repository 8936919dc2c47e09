import pytest

from service.api.route_labels import RouteLabels
from service.api.routes import events, health, jobs, results

LABELS = RouteLabels(
    route for module in (jobs, events, results, health) for route in module.router.routes
)


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("/v1/jobs", "/v1/jobs"),
        ("/v1/jobs/holiday-17", "/v1/jobs/{job_id}"),
        ("/v1/jobs/holiday-17/result", "/v1/jobs/{job_id}/result"),
        ("/livez", "/livez"),
        ("/v1/jobs/a/b/c", "none"),
        ("/wp-login.php", "none"),
    ],
)
def test_no_part_of_a_path_that_a_client_chose_becomes_a_label(path, label):
    assert LABELS.of(path) == label
