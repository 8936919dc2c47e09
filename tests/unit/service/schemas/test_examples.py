"""The examples of the OpenAPI document are answers that the service could give."""

import pytest

from service.schemas.batch import BatchView
from service.webhooks.views import DeliveryList, DeliveryView, WebhookSecretView


@pytest.mark.parametrize("view", [BatchView, DeliveryList, DeliveryView, WebhookSecretView])
def test_an_example_is_what_it_is_an_example_of(view):
    example = view.model_json_schema()["example"]
    assert view.model_validate(example).model_dump(mode="json") == example
    with pytest.raises(ValueError, match="unknown"):
        view.model_validate({**example, "unknown": 1})
