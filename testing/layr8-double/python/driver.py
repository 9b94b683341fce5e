"""Reads calls from standard input and writes answers and events to standard output: one JSON object a line.

The program ends with status 3 at the first violation, after it has written it.
"""

import asyncio
import json
import sys

from strict import Violation

VIOLATION_STATUS = 3


class Driver:
    """Runs calls concurrently. `calls` finds the function of a call by its name."""

    def __init__(self, calls):
        self.calls = calls
        self.tasks = set()
        self.ended = None

    def write(self, value):
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()

    def emit(self, name, event, value):
        self.write({"from": name, "event": event, "value": value})

    def spawn(self, coroutine):
        """Runs something in the background. A violation in it ends the program."""
        task = asyncio.get_running_loop().create_task(self._guard(coroutine))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def _guard(self, coroutine):
        try:
            return await coroutine
        except Violation as violation:
            self.violated(violation)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # A fault of the double itself must be seen as one.
            self.write({"fault": f"{type(error).__name__}: {error}"})
            self._end(1)

    def violated(self, violation):
        self.write({"violation": str(violation)})
        self._end(VIOLATION_STATUS)

    def _end(self, status):
        if not self.ended.done():
            self.ended.set_result(status)

    async def run(self):
        self.ended = asyncio.get_running_loop().create_future()
        reader = asyncio.StreamReader(limit=2**26)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        self.spawn(self._read(reader))
        return await self.ended

    async def _read(self, reader):
        while line := await reader.readline():
            self.spawn(self._call(json.loads(line)))
        self._end(0)

    async def _call(self, call):
        try:
            value = await self.calls(call["call"], call.get("args", {}))
            self.write({"call": call["n"], "value": value})
        except Violation:
            raise
        except Exception as error:
            response = getattr(error, "response", None)
            described = {"name": type(error).__name__, "message": str(error), **(response or {})}
            for name in ("status", "code", "reason"):
                if getattr(error, name, None) is not None:
                    described[name] = getattr(error, name)
            self.write({"call": call["n"], "error": described})


def main(make_calls):
    """@param make_calls gets the driver and returns the function that runs a call."""

    async def run():
        driver = Driver(None)
        driver.calls = make_calls(driver)
        return await driver.run()

    sys.exit(asyncio.run(run()))
