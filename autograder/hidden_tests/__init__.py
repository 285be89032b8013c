"""Hidden tests: ordinary pytest files that ask a `student` fixture. Nothing in here ever reaches a student."""
