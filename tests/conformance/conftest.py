"""What the conformance tests share: a blackboard of their own on each store."""

import pytest

from blackboard import Blackboard


@pytest.fixture
def bb(store_url: str, namespace: str) -> Blackboard:
    """Return a blackboard that is not connected yet, so that a test can add its sources first."""
    return Blackboard(namespace, url=store_url)
