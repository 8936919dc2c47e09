import pytest
from fastapi import APIRouter

from service.api.route_access import AccessRule, rule_of
from service.api.route_table import RouteTable
from service.api.routes import events, health, jobs, results
from service.keys import Scope

TABLE = RouteTable(
    route for module in (jobs, events, results, health) for route in module.router.routes
)


def find(path, method="GET", root_path="", table=TABLE):
    scope = {"type": "http", "method": method, "path": root_path + path, "root_path": root_path}
    return table.find(scope)


@pytest.mark.parametrize("root_path", ["", "/api", "/v1/jobs"])
@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("/v1/jobs", "/v1/jobs"),
        ("/v1/jobs/", "/v1/jobs"),
        ("/v1/jobs/holiday-17", "/v1/jobs/{job_id}"),
        ("/v1/jobs/holiday-17/result", "/v1/jobs/{job_id}/result"),
        ("/livez", "/livez"),
        ("/v1/jobs/a/b/c", "none"),
        ("//v1/jobs", "none"),
        ("/wp-login.php", "none"),
    ],
)
def test_a_label_is_a_template_and_never_the_text_of_a_client(root_path, path, label):
    assert find(path, root_path=root_path).label == label


def test_all_labels_are_known_before_the_first_request():
    found = {find(path).label for path in ("/v1/jobs", "/v1/jobs/x", "/livez", "/wp-login.php")}
    assert found == {"/v1/jobs", "/v1/jobs/{job_id}", "/livez", "none"}
    assert found < TABLE.labels


def test_the_methods_of_a_path_are_those_of_all_its_routes():
    allowed = find("/v1/jobs/holiday-17", "PATCH")
    assert allowed.rule is None
    assert allowed.methods == {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}
    assert find("/nowhere").methods == frozenset()


def test_head_has_the_rule_of_get():
    assert find("/v1/jobs", "HEAD").rule == find("/v1/jobs", "GET").rule
    assert find("/v1/jobs", "GET").rule.scope is Scope.READ
    assert find("/v1/jobs/a/cancel", "HEAD").rule is None


def test_an_endpoint_that_declares_nothing_requires_an_administrator():
    router = APIRouter()

    @router.get("/forgotten")
    def forgotten():
        """Return nothing."""

    assert rule_of(forgotten) == AccessRule(scope=Scope.ADMIN)
    assert find("/forgotten", table=RouteTable(router.routes)).rule.scope is Scope.ADMIN
