"""The domain's terms as frozen records, with the rules that apply to them. Pure."""
