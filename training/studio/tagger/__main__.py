"""`python -m training.studio.tagger reconstructions | painted | train | evaluate`."""

from training.studio.tagger.train import main

if __name__ == "__main__":
    main()
