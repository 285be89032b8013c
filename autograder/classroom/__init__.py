"""Grade a class: output folder, journal, summary, and the workers that grade the files."""
