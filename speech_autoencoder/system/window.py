"""Show a picture in a window: a program of its own, which `figures.show_in_window` starts.

Its status is 0 if there was a window, and it was closed.
"""

import signal
import sys

# The seconds that a display may take to answer: one that is named but not there may take minutes.
_PATIENCE_S = 20
# Width and height in inches, at most.
_SIZE = (11, 6)


def show(path: str) -> bool:
    """Show the picture until the window is closed; return False if no window can be opened."""
    if hasattr(signal, "alarm"):
        signal.alarm(_PATIENCE_S)  # ends the process
    import matplotlib.pyplot as plt

    image = plt.imread(path)
    figure = plt.figure(figsize=_SIZE)
    if not figure.canvas.required_interactive_framework:  # a backend for files, or for a browser
        return False
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(image)
    axes.axis("off")
    if hasattr(signal, "alarm"):
        signal.alarm(0)
    plt.show(block=True)
    return True


if __name__ == "__main__":
    sys.exit(not show(sys.argv[1]))
