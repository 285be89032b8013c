"""The walkthrough notebooks: text in `texts/`, built to `.ipynb`, executed, shown in JupyterLab, pictures collected."""
