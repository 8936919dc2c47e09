"""Whoever opens the address in a problem finds the code explained."""

import html
import re

import pytest

from service.api.routes.errors import show_errors
from service.errors import error_types
from service.schemas.problem import Problem

PAGE = show_errors().body.decode()


@pytest.mark.parametrize(
    "kind",
    [kind for kind in error_types() if kind.__name__ != "JobFailedError"],
    ids=lambda kind: kind.__name__,
)
def test_a_problems_type_leads_to_its_explanation(kind):
    path, _, anchor = Problem.of(kind(), instance="/", request_id="").type.partition("#")
    assert path == "/docs/errors"
    section = re.search(rf'<section id="{anchor}">(.*?)</section>', PAGE, re.DOTALL)[1]
    assert html.escape(kind.title) in section
    assert f"status {kind.status}" in section
    paragraphs = re.findall(r"<p>(.*?)</p>", section)
    assert len(paragraphs[-1].split()) > 2


def test_every_code_is_explained_once_and_in_order():
    codes = re.findall(r'<section id="([^"]+)">', PAGE)
    assert len(codes) == len(set(codes)) == len(list(error_types()))
    statuses = [int(status) for status in re.findall(r"status (\d+)", PAGE)]
    assert statuses == sorted(statuses)
