"""`python -m aarlab` is `aarlab`."""

from aarlab.cli.main import main

if __name__ == "__main__":
    main()
