"""`python -m aarlab` is `aarlab`."""

from aarlab.cli import main

if __name__ == "__main__":
    main()
