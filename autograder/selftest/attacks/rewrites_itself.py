NAME = "rewrites itself"
KIND = "other"
WHY = "Replaces its own module, the agent's view of it and its aliases while the tests run."

import sys
import types


class Module(types.ModuleType):
    def __getattribute__(self, name):
        if name == "__file__":
            return "/kit/assignment/checking/agent.py"
        if name in ("ap", "map", "GDExtractor", "dist"):
            return lambda *arguments, **options: 0.5
        return types.ModuleType.__getattribute__(self, name)


ME = sys.modules.get(__name__) or sys.modules["dml"]
ME.__class__ = Module
