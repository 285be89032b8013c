NAME = "dies in every test"
KIND = "denial"
WHY = "A segmentation fault in every call: a new process for each test."

import ctypes


def at_call(task, *arguments):
    ctypes.string_at(0)
