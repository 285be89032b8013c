NAME = "puts its own modules in the way"
KIND = "comparison"
WHY = "Writes torch.py, numpy.py, conftest.py, sitecustomize.py, pytest.ini and .pth files where Python might look."

import os
import site
import sys

PAYLOAD = "import builtins; builtins.print('shadow'); raise SystemExit(0)"
for folder in (".", "/tmp", "/kit", "/kit/assignment", "/kit/inside", *sys.path, *site.getsitepackages(), "/usr/lib/python3"):
    for name in ("torch.py", "numpy.py", "conftest.py", "sitecustomize.py", "usercustomize.py", "evil.pth", "pytest.ini"):
        try:
            with open(os.path.join(folder, name), "w") as file:
                file.write(PAYLOAD)
        except OSError:
            pass
