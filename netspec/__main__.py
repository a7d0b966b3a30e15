"""`python -m netspec`: the command."""

from netspec.cli.entry import run

if __name__ == "__main__":
    run()
