"""Runs the process that sends webhooks."""

from service.webhooks.worker.app import main

if __name__ == "__main__":
    main()
