"""The fields `webhook_url` and `webhook_events` of a submission."""

from collections.abc import Mapping

from service.errors import InvalidParameterError
from service.jobs.job import JOB_EVENTS, Webhook, WebhookEvent
from service.settings.webhooks import WebhookSettings
from service.webhooks.target import WebhookTarget


def read_webhook(
    fields: Mapping[str, str], settings: WebhookSettings, *, of_batch: bool = False
) -> Webhook | None:
    """Parse the webhook of a job, or of a batch and its jobs.

    Raises:
        InvalidWebhookUrlError: if the URL is not valid or not allowed.
        InvalidParameterError: if an event is not known.
    """
    url, events = fields.get("webhook_url"), fields.get("webhook_events")
    if url is None:
        if events is not None:
            raise InvalidParameterError("webhook_events requires webhook_url.")
        return None
    WebhookTarget.parse(url, settings)
    if events is None:
        default = (WebhookEvent.COMPLETED, WebhookEvent.BATCH_COMPLETED)
        return Webhook(url=url, events=default if of_batch else default[:1])
    known = tuple(event.value for event in (WebhookEvent if of_batch else JOB_EVENTS))
    names = [name.strip() for name in events.split(",")]
    if any(name not in known for name in names):
        raise InvalidParameterError(
            "webhook_events must be a comma-separated list of events.",
            limit=", ".join(known),
            actual=events[:100],
        )
    return Webhook(url=url, events=tuple(event for event in WebhookEvent if event.value in names))
