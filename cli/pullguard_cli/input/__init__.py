"""Parse files into trees that keep line numbers."""
