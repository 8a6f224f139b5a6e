"""Contexts as the platforms, and the runtimes that are published of them, hand them to a handler. Standard library alone."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping

REQUEST_ID = "8f1a3b1c-0000-4000-8000-000000000001"
PROJECT_ID = "0123456789abcdef0123456789abcdef"


class FunctionGraphContext:
    """As FunctionGraph's developer guide has it; `without` leaves out methods that an older runtime lacks."""

    def __init__(
        self, settings: Mapping[str, str], *, ak: str, sk: str, token: str, left_s: float = 900.0, without: tuple[str, ...] = ()
    ) -> None:
        answers: dict[str, object] = {
            "getRequestID": REQUEST_ID,
            "getRemainingTimeInMilliSeconds": int(left_s * 1000),
            "getSecurityAccessKey": ak,
            "getSecuritySecretKey": sk,
            "getSecurityToken": token,
            "getFunctionName": "dcs-upkeep",
            "getRunningTimeInSeconds": 900,
            "getVersion": "latest",
            "getPackage": "default",
            "getProjectID": PROJECT_ID,
        }
        for name, answer in answers.items():
            if name not in without:
                setattr(self, name, lambda answer=answer: answer)
        self.getUserData = settings.get


class OddContext(FunctionGraphContext):
    """A runtime whose times are not what their names say. `left`, `limit`: what the two methods answer, or raise."""

    def __init__(self, settings: Mapping[str, str], left: object, limit: object) -> None:
        super().__init__(settings, ak="ak", sk="sk", token="token")
        self.getRemainingTimeInMilliSeconds = lambda: _answer(left)
        self.getRunningTimeInSeconds = lambda: _answer(limit)


class _Published:
    """What two published runtimes have in common. `key`: the agency's ak, sk and token; empty where the function has none."""

    def __init__(
        self,
        settings: Mapping[str, str],
        *,
        timeout: object = 900,
        key: tuple[str, str, str] = ("", "", ""),
        request_id: str = REQUEST_ID,
        project_id: str = PROJECT_ID,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._told = json.loads(json.dumps(dict(settings)))  # they reach it as the text of one variable
        self._timeout = self._kept(timeout)
        self._key = key
        self._request_id = request_id
        self._project_id = project_id
        self._clock = clock
        self._began_ms = int(clock() * 1000)

    @staticmethod
    def _kept(timeout: object) -> object:
        return timeout

    def getRequestID(self) -> str:
        return self._request_id

    def getProjectID(self) -> str:
        return self._project_id

    def getPackage(self) -> str:
        return "default"

    def getFunctionName(self) -> str:
        return "dcs-upkeep"

    def getVersion(self) -> str:
        return "latest"

    def getAlias(self) -> str:
        return ""

    def getMemorySize(self) -> object:
        return 512

    def getCPUNumber(self) -> object:
        return 400

    def getAccessKey(self) -> str:
        return ""

    def getSecretKey(self) -> str:
        return ""

    def getSecurityAccessKey(self) -> str:
        return self._key[0]

    def getSecuritySecretKey(self) -> str:
        return self._key[1]

    def getSecurityToken(self) -> str:
        return self._key[2]

    def getLogger(self) -> logging.Logger:
        return logging.getLogger("function")

    def getRunningTimeInSeconds(self) -> object:
        return self._timeout

    def getRemainingTimeInMilliSeconds(self) -> object:
        return self._timeout + self._began_ms - int(self._clock() * 1000)  # type: ignore[operator]  # it does raise, if that is text


class OtcContext(_Published):
    """Open Telekom Cloud's. What it tells as seconds are milliseconds; a timeout that is text is repeated a thousand times instead."""

    @staticmethod
    def _kept(timeout: object) -> object:
        return timeout * 1000 if timeout else 3000  # type: ignore[operator]

    def getMemorySize(self) -> object:
        return "512"

    def getCPUNumber(self) -> object:
        return "400"

    def getUserData(self, key: str) -> object:
        return self._told.get(key)

    def getToken(self) -> str:
        return ""


class OpenYuanrongContext(_Published):
    """The open-source engine's. It adds the timeout's seconds to the milliseconds of its beginning."""

    @staticmethod
    def _kept(timeout: object) -> object:
        return int(timeout)  # type: ignore[call-overload]

    def getTenantID(self) -> str:
        return self._project_id

    def getUserData(self, key: str, default: object = None) -> object:
        return self._told.get(key, default)

    def getAuthToken(self) -> str:
        return ""


def text_everywhere(settings: Mapping[str, str]) -> OddContext:
    """A runtime whose RUNTIME_TIMEOUT is text, and which computes with it wherever it is asked: all that it is asked raises."""
    error = TypeError("unsupported operand type(s) for +: 'int' and 'str'")
    return OddContext(settings, left=error, limit=error)


def _answer(given: object) -> object:
    if isinstance(given, Exception):
        raise given
    return given


class LambdaContext:
    """As AWS Lambda's Python runtime has it."""

    function_name = "dcs-upkeep"
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:dcs-upkeep"

    def __init__(self, left_s: float = 900.0, *, told: object = None) -> None:
        self._told = int(left_s * 1000) if told is None else told

    def get_remaining_time_in_millis(self) -> object:
        return _answer(self._told)
