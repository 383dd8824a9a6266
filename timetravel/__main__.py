"""`python -m timetravel` is the command `timetravel`."""

from timetravel.cli import main

if __name__ == "__main__":
    main()
