"""`python -m serve.cli`: the command, where its script is not on the path."""

from .app import app

if __name__ == "__main__":
    app()
