"""The routes, with one module per resource."""
