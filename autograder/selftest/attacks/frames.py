NAME = "walks up the frames"
KIND = "reading"
WHY = "Looks at the local variables of all callers, changes the request and the response it finds there."

import ctypes
import sys


def at_call(task, *arguments):
    frame = sys._getframe()
    while frame is not None:
        for name, value in list(frame.f_locals.items()):
            if name in ("expected", "wanted", "answer_key"):
                raise RuntimeError(f"{name} = {value}")
            if name in ("request", "response") and isinstance(value, dict):
                value["passed"] = value["correct"] = True
                value["points"] = 25
        ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(frame), ctypes.c_int(0))
        frame = frame.f_back
