"""ClusterTextArea: a text area whose cursor and deletions never split a grapheme cluster."""

from __future__ import annotations

from textual.document._document import EditResult, Location, Selection
from textual.widgets import TextArea

from chat_tui.input import cluster_ceil, cluster_floor, snap_to_cluster


class ClusterTextArea(TextArea, inherit_bindings=False):
    """A `TextArea` in which the cursor stops at the boundaries of clusters only."""

    def validate_selection(self, selection: Selection) -> Selection:
        """Move both ends out of clusters, in the direction of the movement. Called by Textual."""
        before = self.selection
        return Selection(
            self._snap(selection.start, before.start), self._snap(selection.end, before.end)
        )

    def delete(
        self, start: Location, end: Location, *, maintain_selection_offset: bool = True
    ) -> EditResult:
        """Delete the text between two locations, and the whole of a cluster at either end."""
        (row, column), (last_row, last_column) = sorted((start, end))
        return super().delete(
            (row, cluster_floor(self.document[row], column)),
            (last_row, cluster_ceil(self.document[last_row], last_column)),
            maintain_selection_offset=maintain_selection_offset,
        )

    def _snap(self, location: Location, before: Location) -> Location:
        row, column = location
        if not 0 <= row < self.document.line_count:
            return location
        # A cursor that comes from another line has no direction within this one.
        from_column = before[1] if before[0] == row else len(self.document[row])
        return row, snap_to_cluster(self.document[row], column, from_column)
