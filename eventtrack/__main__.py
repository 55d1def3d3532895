"""`python -m eventtrack` is the same as `eventtrack`."""

from eventtrack.cli import main

if __name__ == "__main__":
    main()
