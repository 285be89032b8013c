"""The tests' end of the conversation with a student's file: plain values are sent, plain values are received.

A `Student` does not know where the file runs. It passes each request, a tree of plain values, to a `perform` function:
at home that is `Agent.perform` in this process, in the grader it is a session of the sandbox.

A request that creates or changes an object has no value to check. It is sent together with the next request that has
one, because a round trip costs more than most calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from assignment.checking.outcome import REPORTED, Reason

Request = dict[str, Any]
Response = dict[str, Any]


class GraderFault(RuntimeError):
    """The grader itself failed: no submission is at fault, and none can be graded."""


class StudentError(Exception):
    """The student's code returned no usable value.

    Attributes:
        kind: one of `Reason`.
        type_name: the exception's class, "" where there is none.
        message: the student's own text (never shown in a hidden test's feedback), or the grader's for session kinds.
        line: line in the student's file, 0 if unknown.
        called: what was called.
    """

    def __init__(self, kind: str, message: str = "", type_name: str = "", line: int = 0, called: str = "") -> None:
        super().__init__(f"{called or 'the file'}: {kind} {type_name} {message}".strip())
        self.kind, self.message, self.type_name, self.line, self.called = kind, message, type_name, line, called


@dataclass(frozen=True)
class Answer:
    """A returned value, and the call that returned it.

    Attributes:
        value: None, bool, int, float, str, numpy array, RemoteObject, or lists and dicts of them.
        called: description of the call, e.g. "triplet_loss(float32 (5,), float32 (5,), 0.2)".
        gradients: one array per requested argument, zeros without a gradient; empty if none was requested.
        has_graph: whether the value could be differentiated.
        operations: number of tensor operations and Python steps of the call, if requested.
        mutated: positions of the arguments that the call changed.
    """

    value: Any
    called: str
    gradients: tuple[np.ndarray, ...] = ()
    has_graph: bool = False
    operations: int | None = None
    mutated: tuple[int, ...] = ()

    def __getitem__(self, index: int) -> Answer:
        """The index-th part of a tuple, from the same call; StudentError if the value has no such part."""
        if not isinstance(self.value, list) or index >= len(self.value):
            raise StudentError(
                Reason.VALUE, f"expected at least {index + 1} values, got {describe(self.value)}", "", 0, self.called
            )
        return Answer(self.value[index], f"{self.called}[{index}]")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Raise StudentError: an object was expected, and a plain value was returned."""
        raise StudentError(Reason.VALUE, f"expected an object, got {describe(self.value)}", "", 0, self.called)

    method = get = gradient = __call__

    @property
    def array(self) -> np.ndarray:
        """The value as a numeric array; StudentError if it is not numeric."""
        try:
            array = np.asarray(self.value)
        except ValueError:
            array = np.asarray(None)
        if array.dtype.kind not in "biuf":
            raise StudentError(Reason.VALUE, f"expected numbers, got {describe(self.value)}", "", 0, self.called)
        return array


@dataclass(frozen=True)
class RemoteObject:
    """An object that stays on the student's side; attribute access and calls become requests."""

    student: Student = field(repr=False)
    id: int
    type_name: str
    called: str = ""
    gradients: tuple[np.ndarray, ...] = ()
    has_graph: bool = False
    operations: int | None = None
    mutated: tuple[int, ...] = ()

    @property
    def array(self) -> np.ndarray:
        """Raise StudentError: numbers were expected, and an object was returned."""
        raise StudentError(Reason.VALUE, f"expected numbers, got {describe(self)}", "", 0, self.called)

    value = array

    def __getitem__(self, index: int) -> Answer:
        """Raise StudentError: a tuple was expected, and an object was returned."""
        raise StudentError(Reason.VALUE, f"expected several values, got {describe(self)}", "", 0, self.called)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.student.request("call", self.type_name, args, kwargs, on=self.id)

    def run(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Call a method and ignore its value; the call is sent with the next request."""
        self.student.later("call", f"{self.type_name}.{name}", args, kwargs, on=self.id, method=name)

    def gradient(self, *args: Any, wrt: Sequence[int] = (0,), **kwargs: Any) -> Any:
        """Call, sum the value, differentiate with respect to the arguments at the positions `wrt`."""
        return self.student.request("call", self.type_name, args, kwargs, on=self.id, gradient=list(wrt))

    def method(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the object."""
        return self.student.request("call", f"{self.type_name}.{name}", args, kwargs, on=self.id, method=name)

    def get(self, name: str) -> Any:
        """Read an attribute of the object."""
        return self.student.request("get", f"{self.type_name}.{name}", (name,), {}, on=self.id)


@dataclass(frozen=True)
class Function:
    """A function or class of the student's file, under its canonical name."""

    student: Student
    name: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call; a class (its name begins with a capital letter) gives a RemoteObject, anything else an Answer."""
        if self.name[:1].isupper():
            return self.student.make(self.name, "call", self.name, args, kwargs)
        return self.student.request("call", self.name, args, kwargs)

    def run(self, *args: Any, **kwargs: Any) -> None:
        """Call and ignore the value; the call is sent with the next request."""
        self.student.later("call", self.name, args, kwargs)

    def gradient(self, *args: Any, wrt: Sequence[int] = (0,), **kwargs: Any) -> Answer:
        """Call, sum the value, differentiate with respect to the arguments at the positions `wrt`."""
        return self.student.request("call", self.name, args, kwargs, gradient=list(wrt))

    def operations(self, *args: Any, **kwargs: Any) -> Answer:
        """Call and count tensor operations and Python steps."""
        return self.student.request("call", self.name, args, kwargs, count=True)


MAKERS = {  # probes that create an object, and the name of its class; {1} is an argument
    "linear_model": "Linear",
    "optimizer": "{1}",
    "shift": "Shift",
    "split": "ArraySplit",
    "tiny_resnet": "TinyResNet",
    "triplet_loader": "DataLoader",
}
SETTERS = frozenset(["set_attribute", "set_indices", "set_parameter", "set_training"])


class Probes:
    """`student.probe.name(...)` runs a function of `assignment.checking.probes` beside the student's code."""

    def __init__(self, student: Student) -> None:
        self._student = student

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def probe(*args: Any, **kwargs: Any) -> Any:
            if name in MAKERS:
                return self._student.make(MAKERS[name].format(*args), "probe", name, args, kwargs)
            if name in SETTERS:
                return self._student.later("probe", name, args, kwargs)
            return self._student.request("probe", name, args, kwargs)

        return probe


class Student:
    """A student's file as a test sees it: `student.triplet_loss(a, b, margin=0.2)` gives an Answer.

    Args:
        perform: takes a request and returns a response, both trees of plain values (see `Agent.perform`).
        seed: seeds Python's, numpy's and torch's generators on the other side before each call.
    """

    def __init__(self, perform: Callable[[Request], Response], seed: int = 0) -> None:
        self._perform = perform
        self._seed = seed
        self._calls = 0
        self._waiting: list[tuple[Request, str]] = []
        self.probe = Probes(self)

    def __getattr__(self, name: str) -> Function:
        if name.startswith("_"):
            raise AttributeError(name)
        return Function(self, name)

    def loops(self, name: str) -> list[str]:
        """Loops in the source of a function and of what it calls: ["line 12: for loop", …]; empty if there are none."""
        request, called = self._prepared("loops", name, (), {}, {})
        found = self._interpret(self._perform(request), [called]).value
        return [str(entry) for entry in found] if isinstance(found, list) else []

    def request(self, op: str, name: str, args: Sequence[Any], kwargs: dict[str, Any], **options: Any) -> Any:
        """Send one request, together with those that wait; return an Answer, or a RemoteObject for an object.

        Raises:
            StudentError: this request, or one of those that waited, returned no usable value; `called` says which.
        """
        self.later(op, name, args, kwargs, **options)
        return self._send()

    def later(self, op: str, name: str, args: Sequence[Any], kwargs: dict[str, Any], **options: Any) -> None:
        """Keep a request until the next one is sent."""
        self._waiting.append(self._prepared(op, name, args, kwargs, options))

    def make(self, type_name: str, op: str, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> RemoteObject:
        """Keep a request that creates an object until the next one is sent; an error if its value is not an object."""
        request, called = self._prepared(op, name, args, kwargs, {})
        request["keep"] = self._calls
        self._waiting.append((request, called))
        return RemoteObject(self, self._calls, type_name, called)

    def finish(self) -> None:
        """Send the requests that still wait at the end of a test, so that their errors are raised."""
        if self._waiting:
            self._send()

    def described(self, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> str:
        """The description of a call, without any value."""
        return describe_call(name, args, kwargs)

    def _prepared(
        self, op: str, name: str, args: Sequence[Any], kwargs: dict[str, Any], options: dict[str, Any]
    ) -> tuple[Request, str]:
        self._calls += 1
        request = {
            "op": op,
            "name": name,
            "args": [plain(a) for a in args],
            "kwargs": {key: plain(a) for key, a in kwargs.items()},
            "seed": (self._seed + 7919 * self._calls) % 2**31,
            **options,
        }
        return request, self.described(name, args, kwargs)

    def _send(self) -> Any:
        waiting, self._waiting = self._waiting, []
        *before, request = [request for request, _ in waiting]
        return self._interpret(self._perform({**request, "before": before}), [called for _, called in waiting])

    def _interpret(self, response: Response, calls: list[str]) -> Any:
        """Return the value of the response to the last of these calls; raise the error of the one that failed."""
        called = calls[-1]
        error = response.get("error")
        if isinstance(error, dict):
            texts = {key: str(error.get(key, ""))[:500] for key in ("kind", "message", "type_name")}
            line, step = error.get("line"), error.get("step")
            if texts["kind"] not in REPORTED | {Reason.TIMEOUT}:  # the second: from the time limit at home
                texts = {"kind": Reason.GARBAGE, "message": "an error of an unknown kind"}
            if isinstance(step, int) and 0 <= step < len(calls):
                called = calls[step]
            raise StudentError(**texts, line=line if isinstance(line, int) else 0, called=called)
        value = self._revive(response.get("value"), called)
        if isinstance(value, RemoteObject):
            return value
        gradients = response.get("gradients") or []
        if not all(isinstance(gradient, np.ndarray) for gradient in gradients):
            raise StudentError(Reason.GARBAGE, "gradients are not arrays", called=called)
        operations = response.get("operations")
        return Answer(
            value=value,
            called=called,
            gradients=tuple(gradients),
            has_graph=response.get("has_graph") is True,
            operations=operations if isinstance(operations, int) else None,
            mutated=tuple(i for i in response.get("mutated") or [] if isinstance(i, int)),
        )

    def _revive(self, value: Any, called: str) -> Any:
        if isinstance(value, dict):
            if isinstance(value.get("$object"), int):
                name = str(value.get("type_name", ""))[:60]  # descriptions of calls contain it
                return RemoteObject(self, value["$object"], name if name.isidentifier() else "object", called)
            return {key: self._revive(part, called) for key, part in value.items()}
        if isinstance(value, list):
            return [self._revive(part, called) for part in value]
        return value


def plain(value: Any) -> Any:
    """Turn a test's argument into a plain tree: tensors become arrays, remote objects become references."""
    if isinstance(value, RemoteObject):
        return {"$object": value.id}
    if isinstance(value, Answer):
        return plain(value.value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return np.asarray(value)


def describe(value: Any) -> str:
    """Describe the kind of a value without its content: "float32 (5,)", "a list of 3", "None"."""
    if isinstance(value, Answer):
        return describe(value.value)
    if isinstance(value, RemoteObject):
        return f"a {value.type_name}"
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return "a string"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"a dictionary of {len(value)}"
    if isinstance(value, (int, float)):
        return "a number"
    array = np.asarray(value)
    return f"{dtype_name(array.dtype)} {array.shape}"


@cache
def dtype_name(dtype: np.dtype) -> str:
    """The name of a dtype; numpy computes it each time, slowly."""
    return str(dtype)


def describe_call(name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> str:
    """Describe a call by the kinds of its arguments: "distances(float32 (5, 3), float32 (4, 3))"."""
    parts = [describe(a) for a in args] + [f"{key}={describe(a)}" for key, a in kwargs.items()]
    return f"{name}({', '.join(parts)})"
