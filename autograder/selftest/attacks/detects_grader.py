NAME = "behaves when it is watched"
KIND = "other"
WHY = "Notices the sandbox and only then patches everything it can reach there."

import builtins
import os
import sys

if os.path.exists("/kit") or os.getpid() == 1 or "inside" in sys.modules or "pytest" not in sys.modules:
    builtins.isinstance = lambda value, kinds, real=isinstance: True if kinds is float else real(value, kinds)
    builtins.max = builtins.min = builtins.abs = lambda *arguments, **options: 0
    builtins.len = lambda value, real=len: real(value)
    sys.setprofile(lambda *arguments: None)
    sys.settrace(None)
    sys.addaudithook(lambda *arguments: None)
