"""`python -m cluster.cli`: the command, where its script is not on the path."""

from cluster.cli.app import app

if __name__ == "__main__":
    app()
