"""How the tests of this folder train: step by step, without the graph that a user's run has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def eager() -> Iterator[None]:
    """To trace the graph of even the smallest MobileNetV2 takes 13 s, and its few steps two.

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
