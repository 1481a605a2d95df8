"""``python -m gpunn``: the command line."""

from gpunn.cli import main

if __name__ == "__main__":
    main()
