"""`python -m sos_eval` is `sos-eval`."""

from sos_eval.cli.main import main

if __name__ == "__main__":
    main()
