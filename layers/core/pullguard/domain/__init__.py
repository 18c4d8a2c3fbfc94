"""The words of the field as frozen records, and the rules about them. Pure."""
