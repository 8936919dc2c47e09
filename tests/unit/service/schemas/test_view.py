import pytest
from pydantic import ValidationError

from service.schemas.health import HealthView


def test_views_take_no_unknown_fields_and_cannot_be_changed():
    with pytest.raises(ValidationError, match="Extra inputs"):
        HealthView(ready=True, components={}, version="1")
    view = HealthView(ready=True, components={"redis": "ready"})
    with pytest.raises(ValidationError, match="frozen"):
        view.ready = False
