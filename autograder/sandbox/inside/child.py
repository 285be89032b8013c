"""One submission's process once it is isolated: examine the file, import it, respond to requests until killed."""

from __future__ import annotations

import os
import sys
import traceback
import types
from pathlib import Path
from typing import Any, NoReturn

from assignment.checking.agent import Agent
from assignment.checking.outcome import Reason
from assignment.manifest import Manifest

from . import static, wire


class Channel:
    """Frames over a connected socket's descriptor."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._reader = wire.Reader(max_body=1 << 30)
        self._waiting: list[Any] = []

    def send(self, frame: bytes) -> None:
        """Write one frame, all of it."""
        data = memoryview(frame)
        while data:
            data = data[os.write(self.descriptor, data) :]

    def receive(self) -> Any:
        """Wait for one frame; the process exits when the other side has closed the socket."""
        while not self._waiting:
            data = os.read(self.descriptor, 1 << 20)
            if not data:
                os._exit(0)
            self._waiting += self._reader.feed(data)
        return self._waiting.pop(0)


def serve(
    descriptor: int, source: str, folder: Path, names: dict[str, list[str]], answer_bytes: int, manifest: Manifest
) -> NoReturn:
    """Serve one file: send the findings, then whether it could be imported, then one response per request."""
    channel = Channel(descriptor)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # the process is killed, never flushed
    runnable, findings = static.examine(source, names)
    channel.send(wire.encode({"findings": findings}))
    if not findings["usable"]:
        os._exit(0)
    module, problem = import_source(runnable, folder / manifest.file)
    channel.send(wire.encode({"imported": problem is None, "problem": problem}))
    if problem is not None:
        os._exit(0)
    agent = Agent(module, manifest)
    while True:
        request = channel.receive()
        channel.send(answer(agent, request, answer_bytes))


def import_source(source: str, path: Path) -> tuple[types.ModuleType, dict[str, Any] | None]:
    """Write the file to its folder and run it as the module `dml`; return the module and the error, if any."""
    path.write_text(source, encoding="utf-8")
    os.chdir(path.parent)
    module = types.ModuleType(path.stem)
    module.__file__ = str(path)
    sys.modules[path.stem] = module
    try:
        code = compile(static.parsed(source), str(path), "exec")
        exec(code, module.__dict__)  # the submission itself
    except BaseException as error:
        return module, describe_import_error(error, str(path))
    return module, None


def describe_import_error(error: BaseException, path: str) -> dict[str, Any]:
    """The error that stopped the import, and its line in the file."""
    own = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    try:
        message = str(error)[:500]
    except Exception:  # an exception class of the student's may raise anything in __str__
        message = ""
    return {"type_name": type(error).__name__, "message": message, "line": (own[-1] or 0) if own else 0}


def answer(agent: Agent, request: dict[str, Any], answer_bytes: int) -> bytes:
    """Perform one request and write the frame of its response.

    Whatever the student's code raises becomes an error entry, and so does a response over the limit.
    """
    number = request["number"]
    try:
        frame = wire.encode({"number": number, "response": agent.perform(request)})
        if len(frame) <= answer_bytes:
            return frame
        kind, type_name, message = Reason.VALUE, "", "the returned value is too large"
    except MemoryError:
        kind, type_name, message = Reason.MEMORY, "MemoryError", ""
    except BaseException as error:
        kind, type_name, message = Reason.EXCEPTION, type(error).__name__, ""
    entry = {"kind": kind, "type_name": type_name, "message": message, "line": 0, "step": agent.step}
    return wire.encode({"number": number, "response": {"error": entry}})
