NAME = "ends with success"
KIND = "channel"
WHY = "Ends its process with status 0 in the middle of every test."

import os


def at_call(task, *arguments):
    print("all tests passed", flush=True)
    os._exit(0)
