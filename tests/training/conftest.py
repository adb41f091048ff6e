"""How the tests of this folder train: a short network, step by step.

Most are about what is done with a network. Those with `all_layers` have the whole of it, and those
with `graph` the graph that a user's run has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.short_base import short_base


@pytest.fixture(scope="module", autouse=True)
def short() -> Iterator[Any]:
    """Seven blocks of MobileNetV2, for as long as this patch holds."""
    patch = short_base()
    patch.start()
    yield patch
    patch.stop()


@pytest.fixture
def all_layers(short: Any) -> Iterator[None]:
    """This test has the network of a user's run."""
    short.stop()
    yield
    short.start()


@pytest.fixture(scope="module", autouse=True)
def eager() -> Iterator[None]:
    """To trace the graph of a network takes much longer than its few steps.

    Graphs are what training jobs run, which are processes of their own, and tests with `graph`.
    """
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def graph() -> Iterator[None]:
    """This test trains as a user does."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(False)
    yield
    tf.config.run_functions_eagerly(True)
