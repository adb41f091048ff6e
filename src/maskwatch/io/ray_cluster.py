"""Ray, joined where RAY_ADDRESS says or started on this machine; for batches and the service."""

from __future__ import annotations

import importlib
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from maskwatch.errors import ClusterError, MissingExtraError
from maskwatch.models.runtime import available_cpus


@contextmanager
def ray_cluster(library: str) -> Iterator[list[int]]:
    """The cores of each machine of the cluster; leaves it, or ends what was started, at the end.

    Args:
        library: the part of Ray that is needed, such as "data".

    Raises:
        MissingExtraError: it is not installed.
        ClusterError: there is no cluster where RAY_ADDRESS says, or none can be started.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    alone = not os.environ.get("RAY_ADDRESS")
    if alone:
        # its ports are open to the network, and whoever may talk to Ray may run anything
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        import ray

        importlib.import_module(f"ray.{library}")
    except ModuleNotFoundError as error:
        raise MissingExtraError("--engine ray", "scale") from error
    here = {"num_cpus": available_cpus()} if alone else {}
    try:
        ray.init(**here, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise ClusterError(f"Ray cannot be joined or started ({reason})") from error
    try:
        yield [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    finally:
        ray.shutdown()
