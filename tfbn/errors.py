"""Warning and exception types of tfbn."""


class CompatibilityWarning(UserWarning):
    """The original accepts this call and silently does something else than it seems to ask for; so does tfbn.

    The text names the argument, the effect and the remedy.
    """
