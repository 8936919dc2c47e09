"""The sender of webhooks, a worker of its own: begin with `postman`."""
