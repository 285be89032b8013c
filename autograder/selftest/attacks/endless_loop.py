NAME = "loops without end"
KIND = "denial"
WHY = "Never returns from any call."

def at_call(task, *arguments):
    while True:
        pass
