"""opsconsole without a screen: reaching hosts, changing them, and what each subject knows.

Nothing below this package imports Textual.
"""

__version__ = "0.1.0"
