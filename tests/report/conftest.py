import warnings

import pytest


@pytest.fixture
def no_warning():
    """Matplotlib's warnings would be printed under --quiet."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
