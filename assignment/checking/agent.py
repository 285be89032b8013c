"""The student's end of the conversation: find the requested function, call it, turn its value into plain values.

The agent shares a process with the student's code. At home that is the student's own process. In the sandbox it is an
isolated one, and the grader does not trust the agent's responses.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import random
import sys
import sysconfig
import traceback
from collections.abc import Callable, Sequence
from types import FrameType, ModuleType
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from assignment.checking import probes
from assignment.checking.loops import find_loops
from assignment.checking.outcome import Reason
from assignment.checking.student import Request, Response, describe
from assignment.manifest import Manifest

PLAIN = (type(None), bool, int, float, str, torch.Tensor, np.ndarray, np.generic, list, tuple, dict)


class NoPlainValue(TypeError):
    """A returned value that cannot be sent: it is nested too deeply, or holds an array that is not numeric."""


class NoObject(TypeError):
    """A plain value was returned where an object is expected."""


class Agent:
    """Performs requests on one student's module.

    Args:
        module: the imported file. manifest: for the aliases of its names.
        source: its text, for requests about loops; in the sandbox the examination before the import answers them.
    """

    def __init__(self, module: ModuleType, manifest: Manifest, source: str = "") -> None:
        self.module = module
        self.manifest = manifest
        self.source = source
        self.objects: dict[int, Any] = {}
        self.step = 0

    def perform(self, request: Request) -> Response:
        """Perform a request (see `Student.request`) after those sent with it; return the response to the last one.

        At an exception of the student's code the response has an `error` entry, whose `step` is the position of the
        request that failed.
        """
        if request.get("fresh"):  # a new test starts: release the objects of the last one
            self.objects.clear()
        for self.step, single in enumerate([*request.get("before", ()), request]):
            response = self._perform(single)
            if "error" in response:
                response["error"]["step"] = self.step
                break
        return response

    def _perform(self, request: Request) -> Response:
        torch.set_grad_enabled(True)  # earlier calls may have changed these
        torch.set_default_dtype(torch.float32)
        seed = request["seed"]
        random.seed(seed)
        np.random.seed(seed)
        torch.default_generator.manual_seed(seed)  # torch.manual_seed also formats a stack trace per GPU back end
        try:
            return self._dispatch(request)
        except NotImplementedError as problem:
            return self._error(Reason.NOT_IMPLEMENTED, problem)
        except NoPlainValue as problem:
            return self._error(Reason.VALUE, problem)
        except NoObject as problem:
            return {"error": {"kind": Reason.VALUE, "type_name": "", "message": str(problem), "line": 0}}
        except MissingName as problem:
            return self._error(Reason.MISSING, problem)
        except WrongSignature as problem:
            return self._error(Reason.SIGNATURE, problem)
        except (Exception, SystemExit) as problem:
            return self._error(Reason.MEMORY if out_of_memory(problem) else Reason.EXCEPTION, problem)

    def _dispatch(self, request: Request) -> Response:
        args = [self.tensors(a) for a in request["args"]]
        kwargs = {key: self.tensors(a) for key, a in request["kwargs"].items()}
        if request["op"] == "loops":
            name, *aliases = self.manifest.known_as(request["name"])
            found = find_loops(ast.parse(self.source), name, aliases)
            return {"value": [f"line {line}: {what}" for line, what in found]}
        if request["op"] == "get":
            return {"value": self.plain(getattr(self.objects[request["on"]], args[0]))}
        if request["op"] == "probe":
            return {"value": self._response_value(getattr(probes, request["name"])(self, *args, **kwargs), request)}
        if "on" in request:
            function = self.objects[request["on"]]
            if "method" in request:
                function = getattr(function, request["method"])
        else:
            function = self.find(request["name"])
        return self._call(function, args, kwargs, request)

    def _call(
        self, function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], request: Request
    ) -> Response:
        requested = request.get("gradient", [])
        for position in requested:
            args[position].requires_grad_(True)
        before = [a.detach().clone() if isinstance(a, torch.Tensor) else None for a in args]
        response: Response = {}
        try:
            if request.get("count"):
                value, response["operations"] = count_operations(lambda: function(*args, **kwargs))
            else:
                value = function(*args, **kwargs)
        except TypeError:
            check_signature(function, request["name"], args, kwargs)
            raise
        response["mutated"] = [
            i for i, old in enumerate(before) if old is not None and not torch.equal(old, args[i].detach())
        ]
        first = value[0] if isinstance(value, (tuple, list)) and value else value
        response["has_graph"] = isinstance(first, torch.Tensor) and first.requires_grad
        if requested and response["has_graph"]:
            inputs = [args[position] for position in requested]
            found = torch.autograd.grad(first.sum(), inputs, allow_unused=True)
            response["gradients"] = [
                (torch.zeros_like(x) if g is None else g).detach().numpy() for g, x in zip(found, inputs, strict=True)
            ]
        response["value"] = self._response_value(value, request)
        return response

    def _response_value(self, value: Any, request: Request) -> Any:
        """The value of a response: a plain tree, or a reference where the request creates an object."""
        if "keep" not in request:
            return self.plain(value)
        if isinstance(value, PLAIN):
            raise NoObject(f"expected an object, got {describe(self.plain(value))}")
        return self.keep(value, request["keep"])

    def find(self, name: str) -> Callable[..., Any]:
        """Return the function or class `name` of the student's file, or the first of its aliases that is defined."""
        for candidate in self.manifest.known_as(name):
            if callable(found := getattr(self.module, candidate, None)):
                return found
        own = [key for key, value in vars(self.module).items() if callable(value) and not key.startswith("_")]
        close = difflib.get_close_matches(name, own, n=1, cutoff=0.7)
        raise MissingName(f"the file has no `{name}`" + (f"; did you rename it to `{close[0]}`?" if close else ""))

    def tensors(self, value: Any) -> Any:
        """Turn a plain tree into arguments: arrays become tensors, references become objects."""
        if isinstance(value, np.ndarray):
            return torch.from_numpy(value.copy())
        if isinstance(value, dict):
            if "$object" in value:
                return self.objects[value["$object"]]
            return {key: self.tensors(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self.tensors(part) for part in value]
        return value

    def plain(self, value: Any, depth: int = 0) -> Any:
        """Turn a returned value into a plain tree; other objects are kept here and become references."""
        if depth > 6:
            raise NoPlainValue("the value is nested more than six levels deep")
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, torch.Tensor):
            value = value.detach().cpu()
            return (value.float() if value.dtype in (torch.bfloat16, torch.float16) else value).numpy().copy()
        if isinstance(value, (np.ndarray, np.generic)):
            array = np.array(value)
            if array.dtype.kind not in "biuf":
                raise NoPlainValue(f"an array of {array.dtype} is not an array of numbers")
            return array
        if isinstance(value, (list, tuple)):
            return [self.plain(part, depth + 1) for part in value]
        if isinstance(value, dict):
            return {str(key): self.plain(part, depth + 1) for key, part in value.items()}
        return self.keep(value)

    def keep(self, value: Any, number: int | None = None) -> dict[str, Any]:
        """Keep an object under the given number, or under one below 0, and return the reference to it."""
        number = -1 - len(self.objects) if number is None else number
        self.objects[number] = value
        return {"$object": number, "type_name": type(value).__name__}

    def _error(self, kind: str, problem: BaseException) -> Response:
        own = [f for f in traceback.extract_tb(problem.__traceback__) if f.filename == self.module.__file__]
        line = own[-1].lineno if own else 0
        try:
            message = str(problem)
        except Exception:  # an exception class of the student's may raise anything in __str__
            message = "(its text could not be read)"
        error = {"kind": kind, "type_name": type(problem).__name__, "message": message[:500], "line": line or 0}
        return {"error": error}


def out_of_memory(problem: BaseException) -> bool:
    """Whether Python or torch could not allocate memory."""
    return isinstance(problem, MemoryError) or (
        isinstance(problem, RuntimeError) and "can't allocate memory" in str(problem)
    )


class MissingName(LookupError):
    """The student's file does not define a requested name."""


class WrongSignature(TypeError):
    """The student's function does not take the arguments of the task."""


def check_signature(function: Callable[..., Any], name: str, args: list[Any], kwargs: dict[str, Any]) -> None:
    """Raise WrongSignature if a TypeError came from the arguments of the call."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some callables have no signature
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as problem:
        raise WrongSignature(f"`{name}{signature}` cannot be called as the task says: {problem}") from None


class _OperationCounter(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


LIBRARIES = (
    *{sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")},
    __file__,
    "<frozen",
)


def count_operations(call: Callable[[], Any]) -> tuple[Any, int]:
    """Run `call`; return its value and the number of its tensor operations and lines of Python outside the libraries.

    A loop over data makes the sum grow with the data, whether it calls something or not. Printing a tensor is not
    counted. `call` runs once before the count, to fill the caches of a first call.
    """
    lines = 0

    def on_event(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal lines
        if event == "call":
            return None if frame.f_code.co_filename.startswith(LIBRARIES) else on_event
        lines += event == "line"
        return on_event

    call()
    as_text, before = torch.Tensor.__repr__, sys.gettrace()
    torch.Tensor.__repr__ = lambda tensor, **options: "tensor"  # type: ignore[method-assign, assignment]
    try:
        with _OperationCounter() as tensor_operations:
            sys.settrace(on_event)
            try:
                value = call()
            finally:
                sys.settrace(before)
    finally:
        torch.Tensor.__repr__ = as_text  # type: ignore[method-assign, assignment]
    return value, tensor_operations.count + lines
