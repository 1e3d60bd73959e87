"""ClusterInput: a field of one line whose cursor and deletions never split a grapheme cluster.

It is apart from `ClusterTextArea` because the login form has no text area, which takes a while to
load.
"""

from __future__ import annotations

from textual.widgets import Input
from textual.widgets.input import Selection

from chat_tui.input import cluster_ceil, cluster_floor, snap_to_cluster


class ClusterInput(Input):
    """An `Input` in which the cursor stops at the boundaries of clusters only."""

    def validate_selection(self, selection: Selection) -> Selection:
        """Move both ends out of clusters, in the direction of the movement. Called by Textual."""
        start, end = super().validate_selection(selection)
        before = self.selection
        return Selection(
            snap_to_cluster(self.value, start, before.start),
            snap_to_cluster(self.value, end, before.end),
        )

    def delete(self, start: int, end: int) -> None:
        """Delete the text between two positions, and the whole of a cluster at either end."""
        start, end = sorted((start, end))
        super().delete(cluster_floor(self.value, start), cluster_ceil(self.value, end))
