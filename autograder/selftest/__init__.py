"""Files whose grade is known beforehand, and the command that grades all of them in the sandbox."""
