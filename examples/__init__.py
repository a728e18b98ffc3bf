"""Programs to learn from: `python -m examples.order_fulfilment`."""
