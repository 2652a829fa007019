"""Tools of those who work on the project; none of them is needed to use it."""
