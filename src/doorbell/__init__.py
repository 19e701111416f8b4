"""A doorbell for the Raspberry Pi that says who is there and keeps faces at home."""
