"""The finalizer process: derives program, chapters and pictures from a finished recording."""
