"""`python -m blackboard` is `blackboard`."""

from blackboard.cli import main

if __name__ == "__main__":
    main()
