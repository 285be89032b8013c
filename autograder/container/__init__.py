"""The grader in containers: an image of its own (`Dockerfile`), and what runs inside of Gradescope's."""
