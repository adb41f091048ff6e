"""The same service on Ray Serve: each replica is a process with an Analyzer and the whole app.

Ray's proxies take the calls and hand each, and each stream as a whole, to the replica that has the
least to do. Limits hold for each replica. docs/scale.md says what is different behind a proxy.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection
from contextlib import ExitStack, suppress
from queue import SimpleQueue

from starlette.types import ASGIApp

from maskwatch.errors import ClusterError, SettingError
from maskwatch.io.process import stopping_on_signals
from maskwatch.io.ray_cluster import ray_cluster
from maskwatch.models import runtime
from maskwatch.pipeline import Networks
from maskwatch.service.app import create_app
from maskwatch.service.engine import Engine, configure_log, logger
from maskwatch.service.guard import KEYS_VARIABLE, KeyRing
from maskwatch.service.limits import Limits
from maskwatch.service.pages import page_of
from maskwatch.service.server import KEEP_ALIVE_S

_NAME, _DEPLOYMENT = "maskwatch", "service"
_CORES = 1
"""Of a replica: several with one core each judge more pictures than one with several cores."""

_BUSY = 2.0
"""Calls and streams of a replica from which on more replicas are wanted: one judged, one waits."""

_SPARE = 16
"""How many a replica is handed beyond what it takes, so that it is the one that refuses them."""


def serve_on_ray(
    networks: Networks,
    limits: Limits,
    keys: KeyRing,
    origins: Collection[str],
    hosts: Collection[str] | None,
    address: tuple[str, int],
    most_replicas: int | None,
) -> None:
    """Serve until Ctrl-C or SIGTERM, then end once what was accepted is answered.

    Args:
        networks: what judges; the files must lie at the same place on every machine.
        limits: of each replica.
        keys: who may call; only hashes travel.
        origins: of pages that may call.
        hosts: names that it may be called by; see `create_app`.
        address: host and port that each machine listens on.
        most_replicas: how many there may be; one a core of the cluster as it is now if None.

    Raises:
        MissingExtraError: Ray or Ray Serve is not installed.
        ModelError: a network cannot be loaded.
        SettingError: the cluster serves something already.
        ClusterError: there is no cluster, or no replica comes up.
    """
    networks = networks.pinned()
    os.environ.pop(KEYS_VARIABLE, None)  # what Ray starts would inherit it
    ending: SimpleQueue[None] = SimpleQueue()
    with ExitStack() as stack:
        machines = stack.enter_context(ray_cluster("serve"))
        from ray import serve

        logging.getLogger("ray").setLevel(logging.ERROR)  # it would name files and processes
        logging.getLogger("ray.serve").setLevel(logging.ERROR)
        if serve.status().proxies:
            raise SettingError("Ray Serve runs on this cluster already; end that first")
        host, port = address
        quiet = {"log_level": "WARNING", "enable_access_log": False}
        serve.start(
            http_options={"host": host, "port": port, "keep_alive_timeout_s": KEEP_ALIVE_S},
            logging_config=quiet,
        )
        if os.environ.get("RAY_ADDRESS"):  # a Ray of its own ends as a whole
            stack.callback(serve.shutdown)
        replica = serve.deployment(
            name=_DEPLOYMENT,
            ray_actor_options={"num_cpus": _CORES},
            max_ongoing_requests=limits.calls + limits.sessions + _SPARE,
            max_queued_requests=limits.connections,
            autoscaling_config={
                "min_replicas": 1,
                "max_replicas": most_replicas or max(1, sum(machines) // _CORES),
                "target_ongoing_requests": _BUSY,
                "upscale_delay_s": 5.0,
            },
            graceful_shutdown_timeout_s=limits.shutdown_s,
            max_constructor_retry_count=1,
            logging_config=quiet,
        )(serve.ingress()(_Replica))
        stack.enter_context(stopping_on_signals(lambda: ending.put(None)))
        try:
            serve.run(replica.bind(networks, limits, keys, tuple(origins), hosts), name=_NAME)
        except RuntimeError as error:
            found = serve.status().applications[_NAME].deployments[_DEPLOYMENT].message
            reason = (found or str(error)).strip().splitlines()[-1]
            raise ClusterError(f"Ray Serve starts no replica ({reason})") from error
        logger.info("listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)
        ending.get()
        logger.info("ending, once what was accepted is answered")
        with suppress(TimeoutError):  # Ray asks for no longer than a minute whether it is done
            serve.delete(_NAME)  # before the proxies, which the answers go through
    logger.info("ended")


class _Replica:
    """What Ray makes as many of as there is work for."""

    def __init__(
        self,
        networks: Networks,
        limits: Limits,
        keys: KeyRing,
        origins: Collection[str],
        hosts: Collection[str] | None,
    ) -> None:
        configure_log()
        runtime.take_share(_CORES)
        self._engine = Engine(networks.load(), limits)
        self._page = page_of(networks, bool(keys))
        self._keys = keys
        self._origins = origins
        self._hosts = hosts

    async def __serve_build_asgi_app__(self) -> ASGIApp:
        """The app. Ray hands nothing to a replica before this has ended."""
        await self._engine.warm_up()
        return create_app(self._engine, self._keys, self._origins, self._hosts, self._page)
