"""Runs the process that sends webhooks."""

from service.webhooks.worker.app import main

main()
