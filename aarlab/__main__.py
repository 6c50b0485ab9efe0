"""`python -m aarlab` does the same as `aarlab`."""

from aarlab.cli.main import main

if __name__ == "__main__":
    main()
