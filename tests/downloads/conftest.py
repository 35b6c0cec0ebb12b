"""Fixtures of the tests that run downloads but no bot."""

from collections.abc import Iterator

import pytest

from tests.support.downloads_harness import Worker, worker


@pytest.fixture(scope="session")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A downloads worker as it is in production, one for all tests that leave it unchanged."""
    with worker(tmp_path_factory.mktemp("downloads"), knows_all=True) as made:
        yield made
