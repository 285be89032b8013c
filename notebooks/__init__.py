"""The walkthrough notebooks: build them from `texts/`, execute them, open them in JupyterLab, collect their plots."""
