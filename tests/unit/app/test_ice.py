"""The servers that help to connect: from the environment only, and nothing half set up.

Run: pytest tests/unit/app/test_ice.py
"""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from maskwatch.app.ice import ice_servers
from maskwatch.errors import SettingError

URLS, SECRET = "turn:turn.example.org:3478", "shared secret"
HOUR_S = 3600


@pytest.mark.parametrize("environment", [{}, {"TURN_URLS": " "}, {"PATH": "/bin"}])
def test_a_local_network_needs_no_server(environment: dict[str, str]) -> None:
    assert ice_servers(environment, 0.0) == []


def test_a_fixed_login_is_passed_on() -> None:
    environment = {
        "TURN_URLS": f"{URLS}, turns:turn.example.org:5349",
        "TURN_USERNAME": "me",
        "TURN_PASSWORD": "word",
    }
    (server,) = ice_servers(environment, 0.0)
    assert server == {
        "urls": [URLS, "turns:turn.example.org:5349"],
        "username": "me",
        "credential": "word",
    }


def test_a_secret_stays_here_and_its_logins_end() -> None:
    now_s = 1000 * HOUR_S + 5.0
    (server,) = ice_servers({"TURN_URLS": URLS, "TURN_SECRET": SECRET}, now_s)
    assert SECRET not in str(server)
    ends_s = int(server["username"])
    assert 5 * HOUR_S < ends_s - now_s <= 6 * HOUR_S
    signature = hmac.digest(SECRET.encode(), server["username"].encode(), hashlib.sha1)
    assert base64.b64decode(server["credential"]) == signature


def test_a_login_stays_the_same_for_an_hour_so_that_video_goes_on() -> None:
    environment = {"TURN_URLS": URLS, "TURN_SECRET": SECRET}
    logins = [ice_servers(environment, time_s) for time_s in (0.0, HOUR_S - 1.0, HOUR_S)]
    assert logins[0] == logins[1] != logins[2]


@pytest.mark.parametrize(
    "environment",
    [
        {"TURN_SECRET": SECRET},
        {"TURN_USERNAME": SECRET},
        {"TURN_URLS": URLS},
        {"TURN_URLS": URLS, "TURN_USERNAME": SECRET},
        {"TURN_URLS": URLS, "TURN_PASSWORD": SECRET},
        {"TURN_URLS": "https://turn.example.org", "TURN_SECRET": SECRET},
        {"TURN_URLS": f"{URLS},", "TURN_SECRET": SECRET},
    ],
)
def test_half_a_set_up_is_an_error_that_tells_no_secret(environment: dict[str, str]) -> None:
    with pytest.raises(SettingError, match="TURN_URLS") as error:
        ice_servers(environment, 0.0)
    assert SECRET not in str(error.value)
