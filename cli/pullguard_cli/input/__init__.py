"""Files read into trees whose members know their line."""
